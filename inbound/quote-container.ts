/**
 * The elements by which mail programs mark the old message or the signature in HTML. Each is what the named program
 * writes; classes may carry Outlook's `x_` from an earlier round.
 */
import type { Tag } from './html-token.ts';

/**
 * What an element says: `quoted` is old itself; `rest` is old together with all that follows; `holder` holds the
 * announcement, the quotation and perhaps answers between; `signature` is one.
 */
export type Container = 'none' | 'quoted' | 'rest' | 'holder' | 'signature';

const LONGEST_VALUE = 2000;

const classes = new Map<string, Container>([
  // Gmail: attribution, quotation and answers between stand in one `gmail_quote`.
  ['gmail_quote', 'holder'],
  ['gmail_quote_container', 'holder'],
  ['gmail_attr', 'quoted'],
  ['gmail_signature', 'signature'],
  ['moz-cite-prefix', 'quoted'],
  ['moz-email-headers-table', 'quoted'],
  ['moz-signature', 'signature'],
  ['yahoo_quoted', 'quoted'],
  ['ymail_android_signature', 'signature'],
  ['protonmail_quote', 'quoted'],
  ['protonmail_signature_block', 'signature'],
  ['tutanota_quote', 'quoted'],
  ['zmail_extra', 'quoted'],
  ['zmail_extra_hr', 'quoted'],
  ['appleoriginalcontents', 'quoted'],
  ['quoted-text-header', 'quoted'],
  ['hs_reply', 'holder'],
  ['front-blockquote', 'quoted'],
  ['missive_quote', 'quoted'],
  ['sh-quoted-content', 'quoted'],
  ['helpscout-quote', 'quoted'],
  ['gorgias-quote', 'quoted'],
  ['zd-comment-quote', 'quoted'],
  ['outlookmessageheader', 'rest'],
  ['ms-outlook-mobile-reference-message', 'rest'],
  ['ms-outlook-mobile-signature', 'signature'],
  ['ms-outlook-ios-reference-expand', 'rest'],
  ['ntes-mailmaster-quote', 'quoted'],
  ['mail_quote_wrapper', 'quoted'],
]);

const ids = new Map<string, Container>([
  // Outlook on the web, on phones and the new one.
  ['divrplyfwdmsg', 'rest'],
  ['appendonsend', 'rest'],
  ['mail-editor-reference-message-container', 'quoted'],
  ['stopspelling', 'rest'],
  ['olk_src_body_section', 'quoted'],
  ['ms-outlook-mobile-signature', 'signature'],
  ['signature', 'signature'],
  ['applemailsignature', 'signature'],
  // Zimbra.
  ['zwchr', 'rest'],
  // Spark, NetEase, QQ, Samsung, Roundcube, Fastmail.
  ['isreplycontent', 'quoted'],
  ['qqmail_quote', 'quoted'],
  ['quoted_header', 'rest'],
  ['reply-intro', 'quoted'],
  ['qt', 'quoted'],
  ['yahoo_quoted', 'quoted'],
  ['replysplit', 'rest'],
]);

const names = new Map<string, Container>([
  // GMX, web.de, Spark.
  ['quote', 'quoted'],
  ['messagereplysection', 'quoted'],
  ['messagesignaturesection', 'signature'],
]);

const markers = new Map<string, Container>([
  ['__divider__', 'rest'],
  ['__headers__', 'quoted'],
  ['__quoted_text__', 'quoted'],
]);

/** What an opening tag says. */
export function containerOf(tag: Tag, isInHolder: boolean): Container {
  if (tag.name === 'blockquote') return blockquoteOf(tag, isInHolder);
  let style = '';
  for (const [name, raw] of tag.attributes) {
    if (name === 'style') style = raw;
    else if (ASKED.has(name)) {
      const found = saidBy(name, raw.slice(0, LONGEST_VALUE).toLowerCase());
      if (found !== 'none') return found;
    }
  }
  return tag.name === 'div' && style !== '' && isOutlookRule(style) ? 'rest' : 'none';
}

const ASKED = new Set(['class', 'id', 'name', 'data-marker', 'data-smartmail']);

function saidBy(attribute: string, value: string): Container {
  switch (attribute) {
    case 'class':
      return ofClass(value);
    case 'id':
      return ids.get(withoutX(value)) ?? 'none';
    case 'name':
      return names.get(value) ?? 'none';
    case 'data-marker':
      return markers.get(value) ?? 'none';
    default:
      return value === 'gmail_signature' ? 'signature' : 'none';
  }
}

function ofClass(value: string): Container {
  for (const name of value.split(/\s+/, 20)) {
    const found = classes.get(withoutX(name));
    if (found !== undefined) return found;
  }
  return 'none';
}

const withoutX = (name: string): string => (name.startsWith('x_') ? name.replace(/^(?:x_)+/, '') : name);

/** A quotation, unless it is there to indent, or the writer's own citation. */
function blockquoteOf(tag: Tag, isInHolder: boolean): Container {
  const all = tag.attributes
    .map(([name, value]) => `${name}=${value.slice(0, LONGEST_VALUE)}`)
    .join(' ')
    .toLowerCase();
  if (/\bcite\b/.test(all)) return 'quoted';
  // Gmail's button "Quote" makes these outside of the holder that it puts around an old message.
  if (!isInHolder && /class=gmail_quote\b/.test(all)) return 'none';
  return /margin(?:-left)?:[\s0px]{0,20}40px|indent/.test(all) ? 'none' : 'quoted';
}

/** Outlook 2003 to 365 and Windows Mail draw a line above "From: … Sent: …" and give it no name. */
function isOutlookRule(raw: string): boolean {
  const style = raw.slice(0, LONGEST_VALUE).toLowerCase();
  return (
    style.includes('border-top:') &&
    (/border:\s*none;\s*border-top:\s*solid/.test(style) ||
      /border-top:\s*(?:1pt solid|solid)\s*#(?:e1e1e1|b5c4df)/.test(style))
  );
}
