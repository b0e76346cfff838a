/**
 * The words around a date that tell what it means in an automatic answer: somebody is back on that day, or away until it.
 * Data only: `inbound/return-date.ts` reads by them. Matched on text in lower case without accents; each stands directly
 * before the date, or (the third list) soon after it.
 */

/** Directly before the day on which they are there again. */
export const backBefore: string[] = [
  // English
  'back(?: again)?(?: (?:in|at) (?:the |my )?(?:office|work|desk))?(?: (?:on|from|by))?',
  'return(?:s|ing)?(?: back)?(?: to (?:the |my )?(?:office|work|desk))?(?: (?:on|from|by))?',
  'return date(?: is|:)?',
  '(?:available|reachable|in the office)(?: again)? (?:on|from|as of|after)',
  're-?open(?:s|ing)?(?: (?:on|from))?',
  '(?:respond|reply|answer)(?: to (?:you|your (?:e-?mail|message)))? (?:on|by|from)',
  'resum(?:e|es|ing)(?: work| my (?:duties|work))?(?: (?:on|from))?',
  '(?:not|pas|nicht|no)(?: [a-z]+){0,4} (?:before|avant|vor|antes)(?: (?:le|dem|den|del|de))?',
  // French
  'retour(?: au bureau)?(?: prevu| prevue)?(?: (?:le|des le|a partir du|a compter du|a))?',
  "(?:reviens|reviendrai|rentre|rentrerai)(?: au bureau)?(?: (?:le|des le|a partir du|qu'a partir du))?",
  'reprend(?:s|rai|rons)?(?: (?:mes fonctions|mon (?:poste|activite|travail)|le travail))?(?: (?:le|des le|a partir du|a compter du))?',
  '(?:joignable|disponible|present|presente)(?: (?:le|des le|a partir du|a compter du))',
  '(?:reouverture|rouvr(?:e|ons|ira|iront)|rouvriront)(?: (?:le|des le|a partir du))?',
  '(?:repondrai|repondrons|reponds|traiterai|lirai)(?: a (?:votre|vos) (?:message|messages|mail|mails|demande))?(?: (?:le|des le|des|a partir du|a compter du))?',
  '(?:je serai|serai) (?:de nouveau )?au bureau(?: le)?',
  'a (?:compter|partir) du',
  // German
  'zuruck(?: im buro)?(?: (?:am|ab|ab dem|ab den))?',
  'wieder(?: (?:erreichbar|im buro|da|im hause?|fur sie da|zuruck|verfugbar))?(?: (?:am|ab|ab dem|ab den))',
  'ruckkehr(?: (?:ist )?(?:am|ab))?:?',
  'kehre am',
  'komme(?: erst)? am',
  'erst (?:wieder )?(?:am|ab|ab dem)',
  // Spanish
  '(?:vuelvo|volvere|regreso|regresare|retorno)(?: a la oficina)?(?: (?:el|a partir del))?',
  'de (?:vuelta|regreso)(?: en la oficina)?(?: el)?',
  '(?:me )?(?:reincorporo|reincorporare|incorporo|incorporare)(?: (?:el|a partir del))?',
  '(?:respondere|contestare|atendere)(?: a (?:su|tu) (?:mensaje|correo))?(?: (?:el|a partir del))?',
  'nos (?:leemos|vemos)(?: el)?',
  'disponible(?: de nuevo)? (?:el|a partir del)',
  // Italian, Dutch, Portuguese
  'rientr\\w*(?: il)?',
  '(?:weer )?terug (?:op|vanaf)',
  'de volta(?: (?:em|no dia|a))?',
];

/** Directly before the last day away. */
export const untilBefore: string[] = [
  '(?:until|till|til|through|thru|up to)(?: and including)?(?: the end of)?(?: the)?',
  "(?:jusqu'au|jusqu'a|jusqu'en|jusque)(?: au)?",
  'bis(?: (?:zum|einschliesslich|einschl\\.?|inklusive|inkl\\.?|und mit|voraussichtlich))*',
  'hasta(?: (?:el|la))?(?: dia)?',
  'fino al',
  '(?:t/m|tot(?: en met)?)',
  'ate',
];

/** "Not back until Monday" is back on Monday; "not available today" says nothing of when. */
export const notUntil =
  /\b(?:not|won't|unable)\b[^.!?]{0,40}\b(?:back|return(?:ing)?|in the office|reply|respond|answer) (?:until|till)[^.!?]{0,12}$/;
export const denied = /\b(?:not|pas|nicht|no|never|plus) $/;

/** Soon after the day on which they are there again, which "on" or "from" led. */
export const backAfter =
  /^\.?[^.!?]{0,20}?\b(?:wieder|zuruck|bearbeiten|beantworten|erreichbar|respondere|contestare|i will (?:be back|reply|respond)|i'll (?:be back|reply|respond)|je (?:vous )?repond(?:s|rai)|je serai (?:de retour|la))\b/;
export const ledBack = /(?:\b(?:am|ab|ab dem|on|from|le|des le|el)|;|,) ?$/;

/** Between the two days of a range, the second of which is the last one away. */
export const rangeSigns =
  /(?:\d|\d(?:er|st|nd|rd|th|\.)|20\d\d|[a-z]{3,10}\.?) ?(?:-|–|—|to|through|thru|until|till|au|bis|bis zum|al|a|und|and|et|y) ?(?:the |le |den |el |zum |and )?$/;

/** They say how long in words: what follows is the day on which they are back. */
export const forSpan = /^(?:for the next|the next|for|pour|pendant|fur|die nachsten|los proximos)\b/;
