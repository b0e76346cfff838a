/**
 * What a person wants, read from their words in French, English, German and Spanish: rules that can be pointed at, no
 * guessing machine. They run on everything that is not quoted, signature included, since "unsubscribe me" stands there too;
 * our own footer is quoted text and never counts.
 */
import { languageOf, plainLetters, snippet } from './words.ts';

export type Intent =
  | 'unsubscribe'
  | 'complaint'
  | 'interested'
  | 'question'
  | 'not-now'
  | 'not-interested'
  | 'address-change'
  | 'thanks'
  | 'negative'
  | 'other';

export interface IntentReading {
  intent: Intent;
  /** 0 to 1. */
  confidence: number;
  evidence: string;
  language: string | undefined;
  /** Short and in the imperative: may act without a person looking. Only ever true for unsubscribe. */
  mayAct: boolean;
}

const MAX_WORDS_TO_ACT = 12;

const UNSUBSCRIBE =
  /\b(?:unsubscribe(?: me)?|remove me|take me off|(?:please )?remove (?:my|this) (?:e-?mail|address|name)|opt(?:ing)? ?out|stop (?:e-?mail|mail|send|contact|writ)\w*|do not (?:contact|e-?mail|write|send)|don'?t (?:contact|e-?mail|write|send) me|no more (?:e-?mails?|mails?|newsletters?)|me desinscrire|desinscri(?:re|vez|s|ption)(?:-moi| moi)?|desabonn\w*|(?:ne (?:souhaite|veux|desire) plus|plus) (?:recevoir|etre contacte)|ne plus recevoir|retire[rz]?[- ]moi|retire[rz]? mon adresse|supprime[rz]? (?:mon|cette) adresse|arretez (?:de|vos)|stop pub|abmelden|abbestellen|austragen|melden sie mich ab|aus (?:dem|ihrem) verteiler|keine (?:weiteren )?(?:e-?)?(?:mails?|newsletter|werbung|nachrichten)(?: mehr)?|darme de baja|dar(?:me)? de baja|denme de baja|dame de baja|de baja|no (?:quiero|deseo) recibir|eliminar(?:me)? (?:de (?:la|su) lista|mi (?:correo|direccion))|borr(?:ar|en)me de)\b/;
const LONE =
  /^(?:stop|unsubscribe|desinscription|desabonnement|abmelden|abbestellen|baja|remove|off|stop please|stop svp|bitte abmelden)[.! ]*$/;
/** Somebody talks about unsubscribing without asking for it. */
const NOT_FOR_ME =
  /\b(?:how (?:do|can|could|would) (?:i|we|you|they|my)|unsubscribe my (?:colleague|wife|husband|friend|boss)|comment (?:puis-je |faire |on |je )|wie (?:kann|konnen|lasst)|como (?:puedo|se)|do(?:n'?t| not) (?:want to |wish to )?unsubscribe|did(?:n'?t| not) (?:ask to |want to )?unsubscribe|ne (?:me )?desabonnez pas|pas me desabonner|nicht abmelden|stop (?:this|the) (?:bill|order|project|war|meeting)|i was unsubscribed|unsubscribed (?:by mistake|accidentally))\b/;

const COMPLAINT =
  /\b(?:(?:this is|your|report(?:ed|ing)?(?: (?:you|this|as))*) spam|spammers?|report you|gdpr|rgpd|dsgvo|cnil|aepd|\bico\b|data protection (?:officer|authority)|lawyer|solicitor|avocat|(?:rechts)?anwalt|abogado|legal action|plainte|never (?:subscribed|signed up|gave)|jamais (?:inscrit|donne|demande)|nie (?:angemeldet|zugestimmt)|nunca me (?:suscribi|inscribi)|delete (?:all )?my data|effacement|droit a l'oubli|loschung|supresion de (?:mis )?datos|harass\w*|harcelement)\b/;
const NOT_INTERESTED =
  /\b(?:not interested|no interest|not for (?:me|us)|no thank(?:s| you)|pas interesse\w*|ne (?:m'|nous )interesse (?:pas|plus)|kein interesse|nicht interessiert|no me interesa|no estoy interesad\w)\b/;
const NOT_NOW =
  /\b(?:not (?:right )?now|(?:maybe |perhaps )?later|next (?:month|quarter|year|week)|plus tard|pas (?:pour le moment|maintenant)|recontactez(?:-| )(?:moi|nous)|l'annee prochaine|le mois prochain|spater|im moment nicht|derzeit nicht|nachste[sn]? (?:jahr|monat|quartal|woche)|mas adelante|ahora no|el (?:proximo )?(?:mes|ano) que viene|get back to me in|contact me (?:again )?in)\b/;
const INTERESTED =
  /\b(?:interested|how much|what(?:'s| is) the price|price list|pricing|(?:a|the|your) quote|demo|call me|give me a call|book (?:a|an)|sign me up|i(?:'d| would) (?:like|love) to (?:order|buy|know|have|see|get)|interesse\w*|combien|quel est le prix|tarifs?|devis|rappelez(?:-| )moi|(?:je voudrais|j'aimerais|je souhaite) (?:commander|acheter|reserver|recevoir|avoir|savoir)|preis(?:e|liste)?|angebot|termin|interessiert|ich mochte (?:bestellen|kaufen)|wie viel|was kostet|precio|presupuesto|me interesa|cuanto cuesta|quisiera (?:comprar|pedir|saber)|llamenme|llameme)\b/;
const ADDRESS_CHANGE =
  /\b(?:new (?:e-?mail )?address is|my (?:e-?mail|address) has changed|changed my (?:e-?mail|address)|nouvelle adresse|change d'adresse|neue (?:e-?mail-?)?adresse|nueva direccion|veuillez (?:mettre a jour|utiliser)|please (?:update|use) my)\b/;
const NEGATIVE =
  /\b(?:refund|broken|damaged|cancel|disappointed|terrible|awful|unacceptable|wrong (?:item|order|size)|never arrived|not received|rembours\w*|casse[es]?|decu[es]*|annul\w*|inadmissible|scandaleux|pas (?:recu|arrive)|kaputt|enttauscht|erstattung|stornier\w*|nicht (?:erhalten|angekommen)|reembolso|roto|decepcionad\w*|cancelar|no (?:he recibido|ha llegado))\b/;
const THANKS = /^(?:[\s\S]{0,60})\b(?:merci|thanks|thank you|thx|danke|vielen dank|gracias|grazie)\b/;
const QUESTION =
  /\?|\b(?:who|how|where|when|which|could you|can you|comment|pourquoi|ou est|quand|est-ce que|pouvez-vous|wie|warum|wann|wo|konnen sie|como|cuando|donde|podria)\b/;

/** `words` are the writer's own, quotes left out. */
export function readIntent(words: string): IntentReading {
  const plain = plainLetters(words.slice(0, 20_000).replace(/https?:\/\/\S{1,2000}/gi, ' '))
    .replace(/\s+/g, ' ')
    .trim();
  const language = languageOf(words);
  const found = (intent: Intent, confidence: number, at: number, mayAct = false): IntentReading => ({
    intent,
    confidence,
    evidence: snippet(plain, Math.max(0, at)),
    language,
    mayAct,
  });
  const count = plain.split(' ').filter((word) => /[a-z]/.test(word)).length;
  if (LONE.test(plain)) return found('unsubscribe', 0.99, 0, true);
  const unsubscribe = UNSUBSCRIBE.exec(plain);
  const complaint = COMPLAINT.exec(plain);
  if (unsubscribe !== null && !NOT_FOR_ME.test(plain)) {
    const short = count <= MAX_WORDS_TO_ACT && !plain.includes('?');
    return found('unsubscribe', short ? 0.98 : 0.8, unsubscribe.index, short);
  }
  if (complaint !== null) return found('complaint', 0.85, complaint.index);
  const refused = NOT_INTERESTED.exec(plain);
  if (refused !== null) return found('not-interested', 0.85, refused.index);
  const change = ADDRESS_CHANGE.exec(plain);
  if (change !== null) return found('address-change', 0.75, change.index);
  const negative = NEGATIVE.exec(plain);
  if (negative !== null) return found('negative', 0.75, negative.index);
  const later = NOT_NOW.exec(plain);
  const interested = INTERESTED.exec(plain);
  if (interested !== null && !negated(plain, interested.index))
    return found('interested', 0.75, interested.index);
  if (later !== null) return found('not-now', 0.7, later.index);
  const question = QUESTION.exec(plain);
  if (question !== null) return found('question', plain.includes('?') ? 0.8 : 0.5, question.index);
  const thanks = THANKS.exec(plain);
  if (thanks !== null && count <= 20) return found('thanks', 0.8, thanks.index);
  return found('other', 0.3, 0);
}

/** A "no" within the three words before turns the meaning. */
function negated(text: string, at: number): boolean {
  const before = text
    .slice(Math.max(0, at - 40), at)
    .trim()
    .split(' ')
    .slice(-3);
  return before.some((word) =>
    /^(?:not|no|don'?t|isn'?t|never|pas|plus|non|aucun|kein\w*|nicht|nie|ninguno?|nunca)$/.test(word),
  );
}
