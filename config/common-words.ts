/**
 * Words that stand in every letter and tell nothing of what its writer wants: greetings, thanks, the little words. Without
 * accents. What is learnt from staff's corrections leaves them out (core/audience/learnt-intent.ts), so that one corrected
 * letter never teaches "bonjour".
 */
const en =
  'the and you your yours for are this that these those with have has had will would shall should could can may might please was were been being its our ours from but they them their there here what when where which who how all any some than then too very just also about into over out off again more most other such only own same did does doing hello dear hey good morning afternoon evening thanks thank regards best kind sincerely yours cheers sent wrote mail email message';
const fr =
  'les des est sont vous votre vos nos notre une pour que qui nous avec dans sur mon mes ton tes son ses leur leurs cette ces cet plus moins aux par mais donc car tout tous toute toutes comme aussi bien tres suis etes etre avoir ont avez avons etait fait faire peut pouvez puis bonjour bonsoir madame monsieur cher chere chers merci remercie cordialement salutations bien sincerement bonne journee soiree message courriel mail';
const de =
  'der die das und ist sind war ich sie ihr ihre ihren ihrem ihnen wir uns unser unsere bitte mit fur ein eine einen einem einer den dem des auf von zur zum aus bei nach aber oder auch wie was wer wenn dass habe haben hat hatte werden wird wurde kann konnen noch nur schon sehr hier dort hallo guten tag morgen abend danke vielen dank liebe lieber sehr geehrte geehrter herr frau grussen grusse gruss freundlichen mfg nachricht mail';
const es =
  'los las una unos unas del por para con que como mas pero sus nos nuestro nuestra usted ustedes esta este estos estas esto son soy eres ser estar hay haber hemos han tiene tengo muy tambien todo todos toda todas hola buenos buenas dias tardes noches estimado estimada gracias saludos cordiales atentamente mensaje correo';

export const commonWords: ReadonlySet<string> = new Set([en, fr, de, es].join(' ').split(' '));

/** "not interested" is another word than "interested". */
export const denials: ReadonlySet<string> = new Set(
  "not no never don't doesn't didn't isn't aren't won't can't without pas plus non jamais aucun aucune sans nicht kein keine keinen nie ohne nunca sin ninguno ninguna".split(
    ' ',
  ),
);
