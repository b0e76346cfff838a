/** What people answer in English: the phrases of each intent, what takes them back, and the bare requests that may act alone. */
import type { IntentPhrases } from './intent-phrases.ts';

const YOU = '(?:your|the|this|these|any|all|all your|all of your|any of your|any more|more|further|such)';
const MAIL =
  '(?:(?:e ?mails?|mails?|mailings?|messages?|newsletters?|spam|marketing|advertising|ads|promotions?|stuff)(?: (?:e ?mails?|mails?|messages?))?)';
const LIST = `(?:(?:(?:your|the|this|these|all|all your) )?(?:(?:e ?mail|mail|mailing|email marketing|distribution|newsletter|contact|subscriber|marketing) )?(?:lists?|newsletters?|database|records|system|mailings?|e ?mails?|campaign))`;
const AGAIN =
  '(?: (?:again|any ?more|any longer|ever again|at all|from now on|now|today|immediately|at once|asap))?';

export const english: IntentPhrases = {
  language: 'en',
  phrases: [
    [
      'remove-me',
      'unsubscribe',
      `(?:remove|delete|take|strike|drop|get) (?:me|us|my (?:e ?mail|address|name)|\\w+ \\w+ (?:off|from) (?:the|your) list)(?: \\w+){0,3} ?(?:off|from|out of)?`,
    ],
    ['unsubscribe-word', 'unsubscribe', `unsubscribe|unsubscribing|opt(?:ing)? ?(?:me )?out`],
    ['to-be-removed', 'unsubscribe', `(?:to be|be|get) (?:removed|unsubscribed|taken off|deleted)`],
    [
      'stop-mailing',
      'unsubscribe',
      `stop (?:e ?mailing|mailing|writing(?: to)?|contacting|spamming|messaging|sending)(?: (?:me|us)(?! (?:the )?(?:wrong|broken|empty)))?(?! (?:(?:me|us) )?(?:the )?(?:wrong|broken|empty))`,
    ],
    [
      'no-more-mail',
      'unsubscribe',
      `(?:no more|no further|do not want(?: any)?(?: more)?|don'?t want(?: any)?(?: more)?) ${MAIL}`,
    ],
    [
      'not-mail-me',
      'unsubscribe',
      `(?:do not|don'?t|never) (?:e ?mail|mail|write|contact|message) (?:to )?(?:me|us)`,
    ],
    [
      'no-longer-receive',
      'unsubscribe',
      `(?:(?:no longer (?:wish|want)|(?:do not|don'?t) (?:wish|want)) to (?:receive|get|hear|be contacted)|(?:rather|prefer) not (?:to )?(?:get|receive)|not (?:to )?(?:get|receive) (?:\\w+ ){0,3}any ?more)`,
    ],

    ['spam', 'complaint', `(?:this is|your|it'?s|is|pure|as|send(?:ing)?) (?:\\w+ )?spam|spammers?|spamming`],
    [
      'report-you',
      'complaint',
      `report(?:ing|ed)? (?:you|this|it)|(?:fil|lodg|mak)(?:e|ing) a complaint|complain to`,
    ],
    [
      'data-law',
      'complaint',
      `gdpr|ico|data protection|personal data|ccpa|my data|data (?:that )?you (?:hold|store|keep)`,
    ],
    [
      'lawyer',
      'complaint',
      `lawyers?|solicitors?|attorneys?|legal action|sue you|take you to court|cease and desist`,
    ],
    [
      'never-agreed',
      'complaint',
      `never (?:subscribed|signed up|gave|agreed|consented|asked|registered)|did(?:n'?t| not) (?:subscribe|sign up|agree|consent|give)|without (?:my )?(?:consent|permission)|where did you get my`,
    ],
    ['harassment', 'complaint', `harass\\w*|stalking`],

    [
      'not-the-right-person',
      'wrong-person',
      `(?:not|n'?t) (?:really )?the (?:right|correct|best) (?:person|contact|one|guy|address)|(?:the )?wrong (?:person|contact|guy|man|woman|department|mr|mrs|address i am|recipient)|got the wrong`,
    ],
    [
      'not-my-job',
      'wrong-person',
      `(?:don'?t|do not|no longer) (?:deal|handle|look after|manage|work|take care)(?: with| of| in| at| for| on)?|(?:not|isn'?t|n'?t) (?:my|our) (?:department|job|area|responsibility)|not (?:responsible|in charge)`,
    ],
    [
      'ask-somebody-else',
      'wrong-person',
      `(?:you should |please |better )?(?:write to|speak to|talk to|contact|ask|try) (?!(?:me|us|again|the)\\b)\\w+ (?:in|from|at|who|instead)`,
    ],
    ['not-that-person', 'wrong-person', `you have the wrong (?:address|person|number)`],

    [
      'new-address',
      'address-change',
      `(?:my|our) new (?:e ?mail|address|e ?mail address|work address)|new (?:e ?mail )?address is|(?:e ?mail|address) (?:has|was|is) changed|changed (?:my|our) (?:e ?mail|address)|(?:e ?mail|address) (?:will be|is now)`,
    ],
    [
      'use-this-address',
      'address-change',
      `(?:please )?(?:use|update|write to me at|contact me at|send (?:it|them|everything) to) (?:my |me at |this )?(?:\\w+ )?(?:address|e ?mail|\\S+@\\S+)|write to me at|from now on`,
    ],
    ['moved', 'address-change', `we(?: have|'ve)? moved|i(?: have|'ve)? moved`],

    [
      'not-interested',
      'not-interested',
      `(?:not|n'?t|no longer) (?:really |very |at all )?interested|no interest|no thank(?:s| you)|(?:not|n'?t) (?:for|relevant (?:to|for)) (?:me|us)|(?:we|i)'?(?:ll| will) pass|(?:with|chosen|chose|picked|using|use) another (?:company|supplier|provider|agency)|(?:have|got) (?:a|our) (?:supplier|provider)|(?:don'?t|do not) need (?:it|this|any)`,
    ],

    ['broken', 'negative', `broken|damaged|faulty|defective|(?:does|did|do)(?:n'?t| not) work|not working`],
    ['refund', 'negative', `refund|money back|charged (?:me )?(?:twice|double)|overcharged`],
    ['cancel', 'negative', `cancel (?:my|the|this|our)|wrong (?:item|order|size|colou?r|product)`],
    [
      'unhappy',
      'negative',
      `disappoint\\w*|terrible|awful|unacceptable|horrible|disgust\\w*|furious|(?:the )?worst|a (?:joke|disgrace|shame)|ridiculous|appalling|poor service`,
    ],
    [
      'not-arrived',
      'negative',
      `(?:never|not|n'?t|nothing) (?:has |have )?(?:yet )?(?:arrived|come|received|turned up)|still waiting|(?:been )?waiting (?:for )?(?:\\w+ )?(?:weeks|days|months)|still getting`,
    ],

    [
      'not-now',
      'not-now',
      `not (?:right |just )?now|not (?:a|the) (?:good|right|best) (?:time|moment)|too (?:early|soon)|not (?:yet|at the moment|this (?:week|month|quarter|year))|no budget`,
    ],
    [
      'later',
      'not-now',
      `(?:^|maybe |perhaps )later|next (?:month|quarter|year)|in (?:a few|\\d+|two|three|six) (?:weeks|months)|(?:get back to|contact|ask|call|write to|try|ping) (?:me |us )?(?:again )?(?:in|after|next|later)|get back to me|after that`,
    ],

    [
      'interested',
      'interested',
      `interested|i'?m in|count me in|im in|sounds (?:great|good|interesting)|take you up|sign me up|let'?s (?:talk|do|meet)|yes please`,
    ],
    [
      'wants-a-call',
      'interested',
      `call me|give me a (?:call|ring)|(?:to be|be|get) called(?: back)?|my (?:phone )?number is|book (?:a|an|me)|schedule (?:a|an)|a demo|appointment`,
    ],
    [
      'wants-to-buy',
      'interested',
      `(?:i|we)(?:'d| would) (?:like|love) to (?:order|buy|know|have|see|get|try|take|hear|learn|book)|(?:like|want) to (?:order|buy|know more)|(?:i|we)'?ll take`,
    ],
    [
      'asks-price',
      'interested',
      `how much|what(?:'s| is) the (?:price|cost)|price ?list|pricing|prices|send me (?:a |the |your )?(?:quote|details|info|brochure|catalogue)|(?:a|your) quote`,
    ],

    [
      'question-word',
      'question',
      `(?:who|how|where|when|which|why|what|do you|does it|can i|can you|could you|is there|are there|is it|did i|did you)`,
    ],
    ['not-understood', 'question', `(?:don'?t|do not|can'?t|cannot) understand|what do you mean`],

    ['thanks', 'thanks', `thanks|thank you|thx|cheers|much appreciated|ty`],
    [
      'praise',
      'thanks',
      `(?:great|good|lovely|excellent|nice|wonderful) (?:newsletter|work|idea|article|job|read)|love (?:your|it|this)|enjoy(?:ed)? (?:your|reading|it)|well done`,
    ],
  ],
  takenBack: [
    [
      'is-negated',
      `(?:do not|don'?t|dont|never|not|no need to) (?:\\w+ ){0,3}(?:unsubscribe|remove|take|delete|opt|stop)`,
    ],
    [
      'asks-how',
      `(?:how (?:do|can|could|would|to|does)|where (?:is|do|can)|is there (?:a|any)|what happens|what (?:do|does|would)|does|did i|did you|was i|were we|can i|why|cannot unsubscribe|can'?t unsubscribe)`,
    ],
    [
      'is-a-condition',
      `if (?!possible|you|it'?s)\\w+|unless you (?:stop|unsubscribe)|(?:i|we)(?:'ll| will) unsubscribe|when i unsubscribe`,
    ],
    [
      'is-about-another',
      `(?:unsubscribe|unsubscribing|remove|delete|take) (?:my (?!e ?mail|address|name|assistant)\\w+|him|her|them|item|line|row|position|the \\w+(?! list))(?!.* me (?:as well|too))|(?:wants|asked|wrote|said|told|meant|thinks) (?:you|me|that|please|is|him|her)|(?:mailing|contacting|e ?mailing) (?:him|her|them)`,
    ],
    [
      'has-happened',
      `(?:was|were|been|got|am|nearly|almost|accidentally|had) (?:already )?unsubscribed|unsubscribed by|(?:nearly|almost) unsubscribed`,
    ],
    [
      'other-list',
      `(?:waiting|guest|hold|wish|shopping|price) ?list|off hold|from (?:my|the) (?:order|quote|basket|cart|invoice|plan)|by phone|cookies|sms`,
    ],
  ],
  alone: {
    courtesy: `(?:hi|hello|hey|dear|good (?:morning|afternoon|evening|day)|sir|madam|sirs|team|all|there|or|everyone|to whom it may concern|please|pls|plz|thanks|thank you|thx|many|kindly|very much|so much|in advance|a lot|cheers|ok|okay|yes|no|regards|kind|best|wishes|warm|sincerely|yours|faithfully|sent from my iphone|and)`,
    before: `(?:please|pls|plz|kindly|hi|hello|hey|just|and|so|now|then|again|can you|could you|would you|will you|i ask you to|i want you to|i need you to|i'?d like you to|you can|you may|dear sir|sir|thank you|thanks|yes|no)`,
    requests: [
      [
        'one-word',
        `stop|unsubscribe|remove|opt ?out|unsubscribe me|remove me|take me off|stop (?:it|this|please)|removal`,
      ],
      [
        'remove-me',
        `(?:unsubscribe|remove|delete|take|opt) (?:me|us|my (?:e ?mail|e ?mail address|address|name|name and e ?mail)|this (?:address|e ?mail|e ?mail address))(?: (?:from|off|off of|out of|out|of))?(?: ${LIST})?${AGAIN}`,
      ],
      [
        'wants-out',
        `(?:i|we)(?:'d| would| want| wish|'m| am)? ?(?:like|love|wish|want|asking)? ?to (?:unsubscribe|opt ?out|be (?:removed|unsubscribed|taken off|deleted))(?: (?:from|off|of))?(?: ${LIST})?${AGAIN}`,
      ],
      ['unsubscribe-from', `(?:unsubscribe|opt ?out|removal|remove) (?:from|of) ${LIST}${AGAIN}`],
      [
        'no-longer-wish',
        `(?:i|we) (?:no longer|do not|don'?t|dont) (?:wish|want|care) to (?:receive|get|be sent) (?:${YOU} )?(?:e ?mails?|mails?|newsletters?|messages?|mailings?|e ?mail)(?: from (?:you|your company))?${AGAIN}`,
      ],
      [
        'no-contact',
        `(?:i|we) (?:no longer|do not|don'?t|dont) (?:wish|want) to be (?:contacted|e ?mailed)(?: by (?:you|e ?mail))?${AGAIN}`,
      ],
      [
        'stop-mailing',
        `stop (?:e ?mailing|mailing|contacting|spamming|messaging|writing|writing to) (?:me|us)${AGAIN}`,
      ],
      ['stop-sending', `(?:stop|quit) sending (?:me|us)?(?: ?${YOU})? ?${MAIL}${AGAIN}`],
      ['no-more', `no (?:more|further) ${MAIL}(?: from you)?${AGAIN}`],
      [
        'do-not-mail',
        `(?:do not|don'?t|dont|never) (?:e ?mail|mail|contact|write|write to|message) (?:me|us)${AGAIN}`,
      ],
      ['do-not-send', `(?:do not|don'?t|dont|never) send (?:me|us) ${YOU}? ?${MAIL}${AGAIN}`],
    ],
    after: `(?:please|pls|plz|thanks|thank you|thx|now|asap|immediately|at once|many thanks|today|kindly|ok)`,
    reasons: [
      [
        'not-interested',
        `(?:i'?m |i am |we are |we're )?(?:not|no longer) interested(?: in (?:this|these|your (?:offers|products|e ?mails)))?(?: any ?more)?|no interest|no thank you|no thanks`,
      ],
      [
        'too-many',
        `(?:i|we) (?:get|receive|am getting) (?:far |way )?too many (?:e ?mails?|mails?|newsletters?)|too many (?:e ?mails?|mails?)`,
      ],
    ],
  },
};
