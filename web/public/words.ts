/** The words of the public pages, in the reader's language, and the page they stand on. */

export type Language = 'fr' | 'en';

const words = {
  fr: {
    unsubscribeTitle: 'Se désabonner',
    unsubscribeAsk: (address: string) => `Ne plus envoyer ces messages à <strong>${address}</strong> ?`,
    unsubscribeButton: 'Me désabonner',
    doneTitle: 'C’est fait',
    done: (address: string) =>
      `<strong>${address}</strong> ne recevra plus ces messages. Si un envoi était en cours, il s’arrête aussi.`,
    doneList: (address: string, list: string) =>
      `<strong>${address}</strong> ne recevra plus les messages de « ${list} ».`,
    preferencesLink: 'Choisir ce que je reçois',
    preferencesTitle: 'Ce que vous recevez',
    preferencesFor: (address: string) => `Pour <strong>${address}</strong>`,
    noLists: 'Vous n’êtes inscrit à aucune liste.',
    leaveAll: 'Ne plus rien recevoir de commercial',
    stoppedAll: 'Vous ne recevez plus aucun message commercial.',
    saved: 'C’est enregistré.',
    testTitle: 'Message d’essai',
    test: 'Ce lien vient d’un message d’essai : rien n’a été changé.',
    goneTitle: 'Ce lien ne mène nulle part',
    gone: 'Il est incomplet, trop ancien, ou n’a jamais existé. Ouvrez-le directement depuis le message.',
  },
  en: {
    unsubscribeTitle: 'Unsubscribe',
    unsubscribeAsk: (address: string) => `Stop sending these messages to <strong>${address}</strong>?`,
    unsubscribeButton: 'Unsubscribe me',
    doneTitle: 'Done',
    done: (address: string) =>
      `<strong>${address}</strong> will not get these messages any more. If one was on its way, it is stopped too.`,
    doneList: (address: string, list: string) =>
      `<strong>${address}</strong> will not get messages of “${list}” any more.`,
    preferencesLink: 'Choose what I get',
    preferencesTitle: 'What you get',
    preferencesFor: (address: string) => `For <strong>${address}</strong>`,
    noLists: 'You are on no list.',
    leaveAll: 'Stop all marketing mail',
    stoppedAll: 'You get no marketing mail any more.',
    saved: 'Saved.',
    testTitle: 'Test message',
    test: 'This link comes from a test message: nothing was changed.',
    goneTitle: 'This link leads nowhere',
    gone: 'It is incomplete, too old, or never was. Open it from the message itself.',
  },
} as const;

export type Words = (typeof words)[Language];

export const wordsOf = (language: Language): Words => words[language];

/** The language of the contact, else the brand's, else what the browser asks for. */
export function languageOf(...wishes: (string | null | undefined)[]): Language {
  for (const wish of wishes) {
    const two = wish?.trim().slice(0, 2).toLowerCase();
    if (two === 'fr' || two === 'en') return two;
  }
  return 'en';
}

export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

// The tokens of the interface by role (web/ui/theme.css), the few that these pages need.
const STYLE = `
:root{color-scheme:light dark;--page:oklch(97.5% .003 255);--panel:oklch(100% 0 0);--line:oklch(90% .006 260);
--text:oklch(25% .015 260);--meta:oklch(50% .015 260);--accent:oklch(50% .18 264);--on-accent:oklch(100% 0 0)}
@media(prefers-color-scheme:dark){:root{--page:oklch(17.5% .009 262);--panel:oklch(21.5% .01 262);--line:oklch(32% .012 260);
--text:oklch(94% .005 260);--meta:oklch(72% .01 260);--accent:oklch(74% .11 264);--on-accent:oklch(18% .02 260)}}
*{box-sizing:border-box}body{margin:0;min-height:100vh;display:grid;place-items:center;padding:24px 16px;
background:var(--page);color:var(--text);font:16px/1.5 Inter,system-ui,sans-serif}
main{width:100%;max-width:30rem;background:var(--panel);border:1px solid var(--line);border-radius:10px;padding:32px}
h1{margin:0 0 12px;font-size:22px;line-height:1.25;letter-spacing:-.01em}p{margin:0 0 20px;overflow-wrap:anywhere}
main>p:last-child{margin-bottom:0}.meta{color:var(--meta);font-size:14px}
button{font:inherit;font-weight:550;min-height:40px;padding:0 18px;border-radius:6px;cursor:pointer;
border:1px solid var(--accent);background:var(--accent);color:var(--on-accent)}
button.plain{background:transparent;color:var(--text);border-color:var(--line)}
button:focus-visible,a:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
a{color:var(--accent)}ul{list-style:none;margin:0 0 24px;padding:0}
li{display:flex;align-items:center;justify-content:space-between;gap:16px;padding:12px 0;border-bottom:1px solid var(--line)}
li form{margin:0}small{display:block;color:var(--meta)}`;

/** One small page. It needs no script, and its policy allows none. */
export function publicPage(language: Language, title: string, body: string): string {
  return (
    `<!doctype html><html lang="${language}"><head><meta charset="utf-8"><meta name="viewport" ` +
    `content="width=device-width,initial-scale=1"><meta name="robots" content="noindex"><title>${escapeHtml(title)}</title>` +
    `<style>${STYLE}</style></head><body><main>${body}</main></body></html>`
  );
}
