/**
 * The words by which an automatic answer names somebody else: who has taken over for good, who does meanwhile, and where
 * the same person is read now. Data only: `inbound/named-people.ts` reads by them. Matched on text in lower case without
 * accents, so they are written that way.
 */

/** Beside an address that is the writer's own, from now on. */
export const ownNewAddress: string[] = [
  'new (?:e-?mail ?)?(?:address|e-?mail)',
  'changed my (?:e-?mail|address)',
  '(?:reach|contact|write to|e-?mail) me\\b',
  '(?:mailbox|inbox|address|account) is no longer (?:in use|used|monitored|valid|active|read)',
  'no longer (?:use|read|check|monitor)',
  'nouvelle adresse',
  "change d'adresse",
  "adresse (?:e-?mail |mail |electronique )?(?:a change|n'est plus|ne sera plus|est desactivee)",
  "(?:m'ecrire|me joindre|ecrivez-moi|me contacter|m'envoyer)",
  'neue (?:e-?mail-?|mail-?)?adresse',
  'adresse (?:hat sich geandert|lautet|wird nicht mehr|ist nicht mehr)',
  'postfach wird nicht mehr',
  '(?:erreichen|kontaktieren) sie mich',
  'nueva direccion',
  'nuevo correo',
  'mi correo es',
  '(?:correo|direccion|buzon) (?:electronico )?ya no',
  '(?:escribame|escribeme|contacteme|contactarme)',
  'he cambiado de (?:correo|direccion)',
];

/** Only these say that a person, who has left, can still be had somewhere. */
export const reachesTheLeaver =
  /\b(?:(?:reach|contact|write to|e-?mail) me|m'ecrire|me joindre|ecrivez-moi|me contacter|erreichen sie mich|sie erreichen mich|escribame|escribeme|contactarme)\b/;

/** An address near these is somebody to turn to. */
export const turnTo: string[] = [
  'contact',
  'urgent',
  'urgenc',
  'emergenc',
  'immediate',
  'assist',
  'in my absence',
  'my (?:colleague|assistant|team|deputy)',
  'please (?:direct|email|e-mail|write|call|speak|reach|refer)',
  'reach out',
  'speak to',
  'looking after',
  'taken over',
  'replace',
  'successor',
  'colleague',
  'en mon absence',
  'pendant mon absence',
  'merci de (?:vous|contacter|joindre|transmettre)',
  'adress(?:er|ez)',
  'joindre|joignez',
  'ecri(?:re|vez)',
  'rapprocher',
  'suivi(?:s|e|es)? par',
  'remplace',
  'collegue',
  'collaborat',
  'interim',
  'interlocut',
  'successeu?r',
  'occupe par',
  'wenden',
  'vertret',
  'kolleg',
  'ansprechpartner',
  'dringend',
  'kontakt',
  'nachfolg',
  'ubernommen',
  'ubernimmt',
  'bitte (?:schreiben|richten|melden)',
  'contact(?:e|ar|o)\\b',
  'dirija|dirigir|dirijase',
  'escriba',
  'companer',
  'sustitu',
  'sucesor',
  'en mi ausencia',
  'para asuntos',
  'para urgencias',
  'llame',
];

/** Capitals that are no names. In lower case without accents. */
export const noNames = new Set(
  (
    'contact please thank thanks pour merci en bitte tel telefon telefone phone mobile urgent urgente monsieur madame mme mlle m mr mrs ms miss dr ' +
    'prof herr herrn frau sr sra don dona mail e-mail email e mail adresse address your my new our the this if in for during while i me he she it ' +
    'nachfolger nachfolgerin kollege kollegen kollegin vertretung ansprechpartner ansprechpartnerin kontakt aufgaben assistent assistentin fallen ' +
    'mein meine meinen meiner ihr ihre sie ich seine ihren unser unsere postfach telefonnummer abwesenheit absence bonjour hello hi hallo hola dear ' +
    'sehr geehrte damen herren urlaub buro bureau office ausencia mi mis su sus la el los las para pero le les l un une mon ma mes votre vos notre ' +
    'nous je vous elle il contacter contacte contactez s contacto cordialement saludos regards best mit freundlichen grussen ltd gmbh sa sarl inc ' +
    'company gesellschaft unternehmen empresa societe monday tuesday wednesday thursday friday saturday sunday montag dienstag mittwoch donnerstag freitag ' +
    'january february march april may june july august september october november december januar februar marz mai juni juli oktober dezember or and also ' +
    'either you we all any emails enquiries meanwhile alternatively otherwise emergencies dringenden dringende bei im am ab bis zum als diese dieses'
  ).split(' '),
);

/** Local parts that are a post and not a person. */
export const postLocalParts =
  /^(?:info|sales|contact|kontakt|contacto|office|support|help|helpdesk|service|accueil|secretariat|recepcion|reception|commercial|vertrieb|ventas|team|hello|bonjour|hola|ops|admin|hr|rh|compta|billing|verwaltung|zentrale|empfang|mail|post)(?:[._+-].*)?$/;
