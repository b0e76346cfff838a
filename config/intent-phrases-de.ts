/** What people answer in German: the phrases of each intent, what takes them back, and the bare requests that may act alone. */
import type { IntentPhrases } from './intent-phrases.ts';

const MAIL =
  '(?:e ?mails?|mails?|nachrichten|newsletter|werbung|werbemails?|werbe ?e ?mails?|post|briefe|rundmails?|infos?|infomails?|angebote|spam)';
const LIST =
  '(?:(?:aus|von|vom) ?(?:(?:dem|der|den|ihrem|ihrer|ihren|eurem|eurer|euren|diesem|dieser) )?(?:(?:e ?mail |mail )?(?:verteiler|verteilerliste|newsletter|newsletterverteiler|mailverteiler|liste|mailingliste|mailing liste|datenbank|system|adressliste)))';

export const german: IntentPhrases = {
  language: 'de',
  phrases: [
    [
      'abmelden',
      'unsubscribe',
      `abmeld\\w*|abzumelden|abgemeldet|meld(?:e|en|et) (?:sie |mich |uns |meine )(?:.{0,60} )?ab|austrag(?:en|ung)|auszutragen|trag(?:en|t) (?:sie )?(?:mich|uns)(?: bitte)?(?: \\w+){0,4} aus`,
    ],
    [
      'abbestellen',
      'unsubscribe',
      `abbestell\\w*|bestelle (?:ich )?(?:\\w+ ){0,3}ab|kundig\\w* (?:den|ihren|meinen?) newsletter`,
    ],
    [
      'aus-dem-verteiler',
      'unsubscribe',
      `(?:aus|von|vom) (?:dem |der |ihrem |ihrer |eurem |eurer |diesem |dieser |den )?(?:verteiler|liste|newsletter|mailingliste|adressliste)\\w*|(?:nehmt|nehmen sie|streich\\w*|losch\\w*) (?:sie )?(?:mich|uns)(?: endlich)?(?: beide)?|uns beide streichen|mich (?:bitte )?(?:streichen|loschen)`,
    ],
    [
      'keine-mails',
      'unsubscribe',
      `(?:keine|keinen|nie wieder) (?:weiteren? |weitere )?(?:e ?mails?|mails?|newsletter|werbung|nachrichten|werbemails?)(?: mehr)?|nichts mehr (?:von (?:ihnen|euch) )?(?:bekommen|erhalten|horen|haben)`,
    ],
    [
      'nicht-mehr-schreiben',
      'unsubscribe',
      `(?:schreib\\w*|schick\\w*|kontaktier\\w*|send\\w*) (?:sie |ihr )?(?:mir|mich|uns) (?:bitte )?(?:nicht|keine?|nie)(?: mehr| wieder)`,
    ],
    [
      'adresse-loeschen',
      'unsubscribe',
      `losch(?:en|t)? (?:sie )?(?:bitte )?(?:meine|diese) (?:e ?mail ?)?(?:adresse|mailadresse)|(?:meine|diese) (?:e ?mail ?)?adresse (?:bitte )?(?:loschen|entfernen)`,
    ],

    ['spam', 'complaint', `(?:ist|als|ihr|euer|nur) spam|spammer|belastigung|belastig\\w*`],
    [
      'melden',
      'complaint',
      `(?:werde|muss) (?:sie|euch|das) (?:\\w+ )?(?:melden|anzeigen)|zeige (?:ich )?(?:sie|euch) an|anzeige(?: erstatten)?|beschwer\\w+`,
    ],
    [
      'datenschutz',
      'complaint',
      `dsgvo|datenschutz\\w*|personenbezogen\\w*|meiner daten|meine daten|art 15|bundesdatenschutz`,
    ],
    ['anwalt', 'complaint', `(?:rechts)?anwalt\\w*|abmahnung\\w*|rechtliche schritte|gericht|klage\\w*`],
    [
      'nie-angemeldet',
      'complaint',
      `nie(?:mals)? (?:\\w+ )?(?:angemeldet|zugestimmt|eingewilligt|registriert|abonniert|bestellt)|ohne (?:meine )?(?:zustimmung|einwilligung)|woher haben sie|woher habt ihr`,
    ],

    [
      'nicht-zustaendig',
      'wrong-person',
      `(?:nicht|nicht mehr|kein) (?:der |die |ihr )?(?:richtige?r?n?) (?:ansprechpartner\\w*|person|kontakt|adresse)?|nicht (?:mehr )?zustandig|(?:falsche[rn]?) (?:person|ansprechpartner\\w*|kontakt|adressat|empfanger|stelle)|bei mir falsch|(?:haben|habt) (?:sie )?(?:da )?den falschen|verwechs\\w+|falsch verbunden`,
    ],
    [
      'arbeite-nicht-mehr',
      'wrong-person',
      `arbeite (?:nicht mehr|schon lange nicht)|nicht mehr (?:im|in der|bei der) (?:\\w+ )?(?:abteilung|team|marketing|einkauf|vertrieb)`,
    ],
    [
      'andere-abteilung',
      'wrong-person',
      `(?:nicht|keine sache) (?:meine|unsere|meiner) (?:abteilung|aufgabe|bereich)|(?:fragen|wenden|schreiben) sie (?:sich )?(?:bitte )?(?:an |lieber )?(?!(?:mir|mich|uns|in|an|bitte|sich|nach|wieder|im|noch)\\b)(?:\\S+@\\S+|herrn?|frau|(?:meine[nr]?|den) kolleg\\w+|\\w+$)`,
    ],

    [
      'neue-adresse',
      'address-change',
      `neue (?:e ?mail ?)?(?:adresse|mail|mailadresse|anschrift)|(?:e ?mail|adresse|mailadresse|anschrift) hat sich geandert|(?:adresse|mail) geandert`,
    ],
    [
      'diese-adresse-nutzen',
      'address-change',
      `(?:nutz\\w*|verwend\\w*|benutz\\w*) (?:sie )?(?:bitte )?(?:ab (?:jetzt|sofort) |kunftig )?(?:meine|diese|die) \\w*(?:adresse|mail)|ab (?:jetzt|sofort) (?:an|meine)|(?:schreib\\w*|schick\\w*) (?:sie )?(?:mir|uns) (?:lieber |bitte |kunftig )?an \\S+@\\S+`,
    ],
    ['umgezogen', 'address-change', `umgezogen|ziehe um|ziehen um`],

    [
      'kein-interesse',
      'not-interested',
      `kein(?:erlei)? interesse|nicht (?:mehr )?interessiert|nein danke|nichts fur (?:mich|uns)|brauch\\w* (?:wir |ich |das )?nicht|kein bedarf|(?:schon|bereits) einen? (?:lieferant\\w*|anbieter|dienstleister)|(?:fur|mit|bei|haben) (?:einen|eine|einem|einer) andere[nr]? (?:anbieter|firma|losung|agentur)`,
    ],

    ['beschaedigt', 'negative', `kaputt\\w*|beschadig\\w*|defekt\\w*|funktioniert nicht|geht nicht`],
    [
      'geld-zurueck',
      'negative',
      `geld zuruck|erstatt\\w*|ruckerstatt\\w*|(?:doppelt|zweimal) (?:abgebucht|berechnet)`,
    ],
    [
      'stornieren',
      'negative',
      `stornier\\w*|falsche (?:grosse|farbe|ware|artikel|bestellung)|falschen artikel`,
    ],
    [
      'unzufrieden',
      'negative',
      `enttausch\\w*|frechheit|unverschamt\\w*|schlecht(?:er|e|en) (?:service|qualitat|erfahrung)|katastroph\\w*|unzufrieden|argerlich|mies\\w*|schlimmste\\w*|unmoglich von`,
    ],
    [
      'nicht-angekommen',
      'negative',
      `(?:nicht|nie|nichts) (?:erhalten|angekommen|bekommen|geliefert|passiert)|warte (?:ich )?(?:noch |immer noch |schon )?(?:seit|auf)|immer noch (?:nichts|nicht|post|keine)`,
    ],

    [
      'jetzt-nicht',
      'not-now',
      `(?:im moment|momentan|derzeit|aktuell|gerade|jetzt|zur zeit) (?:\\w+ )?(?:nicht|kein|keine|schlecht)|nicht (?:jetzt|im moment|derzeit|vor (?:dem )?(?:januar|februar|marz|april|mai|juni|juli|august|september|oktober|november|dezember|sommer|herbst|winter|fruhjahr|nachste\\w*|ende|anfang))|zu fruh|kein budget|ausgebucht|keine zeit`,
    ],
    [
      'spaeter',
      'not-now',
      `(?:^|vielleicht |etwas )spater|nachste[sn]? (?:jahr|quartal|monat)|(?:meld\\w*|schreib\\w*|versuch\\w*|frag\\w*|ruf\\w*) (?:sie |es |sich |mich |uns |bitte )*(?:im|in|nach|ab|wieder|noch mal|spater)|danach noch mal|danach wieder|in \\d+ (?:monaten|wochen)`,
    ],

    [
      'interessiert',
      'interested',
      `(?:habe|haben|grosses) interesse|interessiert (?:mich|uns)|interessiert|bin dabei|klingt (?:gut|interessant|spannend)|ja gern\\w*|interessant|gerne? mehr`,
    ],
    [
      'rueckruf',
      'interested',
      `ruckruf|ruf\\w* (?:sie )?(?:mich|uns) (?:bitte )?(?:gern\\w*|an|zuruck|morgen)|zuruckrufen|meine (?:telefon|handy)?nummer ist|termin`,
    ],
    [
      'will-kaufen',
      'interested',
      `(?:mochte|mochten|wurde|wurden|will|wollen) (?:ich |wir |gerne? |noch |mehr |davon |\\w+ ){0,4}(?:bestellen|kaufen|erfahren|wissen|ausprobieren|buchen|haben|teilnehmen)|ich nehme|wir nehmen`,
    ],
    [
      'fragt-preis',
      'interested',
      `was koste\\w*|wie viel|wieviel|wie teuer|preis\\w*|(?:ein|ihr|um ein|ihr bestes) angebot|schick\\w* (?:sie )?(?:mir|uns) (?:bitte )?(?:die |mehr |weitere )?(?:infos?|informationen|unterlagen|details|broschure|katalog)`,
    ],

    [
      'fragewort',
      'question',
      `(?:wie|warum|wann|wo|woher|wer|welche\\w*|was heisst|konnen sie|kann ich|kann man|darf ich|gibt es|liefern sie|haben sie|habt ihr|wurde ich)`,
    ],
    ['nicht-verstanden', 'question', `versteh\\w* (?:\\w+ ){0,4}nicht|was heisst|was bedeutet`],

    ['danke', 'thanks', `danke\\w*|vielen dank|herzlichen dank|besten dank|merci|dank`],
    [
      'lob',
      'thanks',
      `(?:toll\\w*|super|schon\\w*|sehr gut\\w*|klasse|gut\\w*|interessant\\w*) (?:newsletter|idee|artikel|arbeit|beitrag|mail)|lese ich (?:immer )?gern\\w*|weiter so`,
    ],
  ],
  takenBack: [
    [
      'ist-verneint',
      `nicht (?:\\w+ ){0,2}(?:abmeld\\w*|abbestell\\w*|austrag\\w*)|auf keinen fall|(?:nicht|keinesfalls) aus (?:dem|der|ihrem)|nicht (?:loschen|streichen)`,
    ],
    [
      'fragt-wie',
      `(?:wie (?:kann|konnen|lasst|muss|melde|bestelle|geht)|wo (?:ist|finde|kann)|kann (?:man|ich)|was passiert|loscht das|warum|wurde ich)`,
    ],
    [
      'ist-bedingung',
      `wenn (?!moglich)(?:.{0,80} )?(?:melde ich mich|ich mich) ab\\w*|sonst melde ich|fast hatte`,
    ],
    [
      'ist-ein-anderer',
      `(?:meine[nrm]?|unsere[nrm]?|den|ihren?) (?!assistentin|frau und ich)(?:kolleg\\w*|frau|mann|chef\\w*|sohn|tochter|freund\\w*|nachbar\\w*|mutter|vater) (?:\\w+ ){0,4}(?:ab|abmelden|abgemeldet|austragen)|(?:nachbar|chef|kollege|kollegin|frau|mann) (?:mochte|will|schrieb|sagt|wunscht|bat)|(?:schrieb|sagt er|sagt sie|meinte)`,
    ],
    [
      'ist-geschehen',
      `(?:wurde|worden|bin|war|versehentlich|habe) (?:\\w+ ){0,4}(?:abgemeldet|ausgetragen)|abgemeldet worden`,
    ],
    [
      'bekommt-nichts-mehr',
      `(?:bekomme|erhalte|kommt|kommen|bekommen wir) (?:ich )?(?:keine|nichts)(?: (?:mails?|newsletter|e ?mails?))?(?: mehr)?`,
    ],
    [
      'andere-liste',
      `warteliste|wunschliste|gasteliste|aus (?:meiner|der) bestellung|aus dem angebot|bestellung|rufen sie|telefon\\w*|die sms|kreditkarte|alte adresse|falsche (?:grosse|farbe)|abmeldelink|weiteren fragen|vor freitag`,
    ],
  ],
  alone: {
    courtesy: `(?:hallo|guten|tag|morgen|abend|moin|servus|hi|liebes|liebe|lieber|sehr|geehrte|geehrter|damen|herren|und|team|bitte|danke|vielen|dank|herzlichen|besten|im voraus|mit|freundlichen|freundlichem|gruss|grussen|viele|beste|grusse|mfg|lg|vg|schone|ja|nein|ok|schonen|dankeschon)`,
    before: `(?:bitte|hallo|guten tag|danke|hiermit|ich bitte sie|ich bitte|darum|und|ja|nein|jetzt|endlich|sofort|konnten sie|konnen sie|konntet ihr|konnt ihr|wurden sie|kannst du)`,
    requests: [
      [
        'ein-wort',
        `stop|stopp|abmelden|abbestellen|abmeldung|abbestellung|austragen|newsletter (?:bitte )?(?:abmelden|abbestellen)|bitte abmelden|keine (?:werbung|mails?|e ?mails?|newsletter)`,
      ],
      [
        'abmelden',
        `(?:meld(?:en|et|e)|trag(?:en|t)) (?:sie )?(?:mich|uns) (?:bitte )?(?:sofort |endlich )?(?:${LIST} )?(?:ab|aus)(?: ${LIST})?`,
      ],
      [
        'mich-abmelden',
        `(?:ich |wir )?(?:mochte|will|wurde gerne?|mochten|wollen)? ?(?:gerne? )?(?:mich|uns) (?:bitte |hiermit |gerne? )?(?:${LIST} )?(?:abmelden|austragen|abbestellen|streichen|loschen|entfernen|(?:heraus|raus)nehmen|nehmen)(?: ${LIST})?`,
      ],
      [
        'melde-mich-ab',
        `(?:ich )?(?:melde|bestelle|trage) (?:ich )?(?:mich |den newsletter |ihren newsletter |diesen newsletter )?(?:hiermit )?(?:${LIST} )?(?:ab|aus)|(?:ich )?(?:mochte|will) (?:den|ihren|diesen) newsletter (?:bitte )?(?:abbestellen|kundigen|abmelden)`,
      ],
      [
        'aus-dem-verteiler',
        `(?:nehm(?:en|t)|streich(?:en|t)|losch(?:en|t)|entfern(?:en|t)) (?:sie )?(?:mich|uns|meine (?:e ?mail ?)?(?:adresse|mailadresse|daten)|diese adresse) (?:bitte )?(?:sofort |endlich )?${LIST}(?: (?:heraus|raus))?|(?:mich )?(?:bitte )?${LIST} (?:nehmen|streichen|loschen|entfernen|austragen)`,
      ],
      [
        'keine-mails',
        `(?:ich |wir )?(?:mochte|will|mochten|wollen|wunsche)? ?(?:bitte )?(?:keine|keinen|ab sofort keine) (?:weiteren? |weitere |ihrer )?${MAIL}(?: mehr)?(?: (?:von (?:ihnen|euch)|zusenden|schicken|senden))?(?: (?:mehr|erhalten|bekommen|haben|empfangen))*`,
      ],
      [
        'nichts-mehr',
        `(?:ich |wir )(?:mochte|will|mochten|wollen) nichts mehr (?:von (?:ihnen|euch) )?(?:erhalten|bekommen|horen|haben)`,
      ],
      [
        'nicht-schreiben',
        `(?:schick(?:en|t)|send(?:en|et)) (?:sie )?(?:mir|uns) (?:bitte )?keine ${MAIL}(?: mehr)?|(?:schreib(?:en|t)|kontaktier(?:en|t)) (?:sie )?(?:mir|mich|uns) (?:bitte )?(?:nicht mehr|nie wieder)`,
      ],
    ],
    after: `(?:bitte|danke|mehr|vielen dank|sofort|umgehend|endlich|jetzt|zukunftig)`,
    reasons: [
      [
        'kein-interesse',
        `(?:ich habe |wir haben )?kein interesse(?: mehr)?|(?:ich bin |wir sind )?nicht (?:mehr )?interessiert|nein danke`,
      ],
      [
        'zu-viele-mails',
        `(?:ich )?(?:bekomme|erhalte) (?:viel )?zu viele (?:e ?mails?|mails?|newsletter)|zu viele (?:mails?|e ?mails?)`,
      ],
    ],
  },
};
