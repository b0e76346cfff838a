/**
 * The elements by which mail programs mark the old message or the signature in HTML. Each is what the named program
 * writes; classes may carry Outlook's `x_` from an earlier round.
 */

/**
 * What an element says: `quoted` is old itself; `rest` is old together with all that follows; `holder` holds the
 * announcement, the quotation and perhaps answers between; `signature` is one.
 */
export type Container = 'none' | 'quoted' | 'rest' | 'holder' | 'signature';

const LONGEST_ATTRIBUTES = 2000;

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

/** What an opening tag says; `attributes` is the raw text between its name and `>`. */
export function containerOf(tag: string, attributes: string, isInHolder: boolean): Container {
  const lower = attributes.slice(0, LONGEST_ATTRIBUTES).toLowerCase();
  if (tag === 'blockquote') return blockquoteOf(lower, isInHolder);
  if (lower === '') return 'none';
  for (const name of (attribute(lower, 'class') ?? '').split(/\s+/, 20)) {
    const found = classes.get(name.replace(/^(?:x_)+/, ''));
    if (found !== undefined) return found;
  }
  const found =
    ids.get((attribute(lower, 'id') ?? '').replace(/^(?:x_)+/, '')) ??
    names.get(attribute(lower, 'name') ?? '') ??
    markers.get(attribute(lower, 'data-marker') ?? '');
  if (found !== undefined) return found;
  if (attribute(lower, 'data-smartmail') === 'gmail_signature') return 'signature';
  return isOutlookRule(tag, lower) ? 'rest' : 'none';
}

/** A quotation, unless it is there to indent, or the writer's own citation. */
function blockquoteOf(lower: string, isInHolder: boolean): Container {
  if (/\bcite\b/.test(lower)) return 'quoted';
  // Gmail's button "Quote" makes these outside of the holder that it puts around an old message.
  if (!isInHolder && /class=["']?gmail_quote\b/.test(lower)) return 'none';
  return /margin(?:-left)?:[\s0px]{0,20}40px|indent/.test(lower) ? 'none' : 'quoted';
}

/** Outlook 2003 to 365 and Windows Mail draw a line above "From: … Sent: …" and give it no name. */
function isOutlookRule(tag: string, lower: string): boolean {
  if (tag !== 'div') return false;
  const style = attribute(lower, 'style') ?? '';
  return (
    /border:\s*none;\s*border-top:\s*solid/.test(style) ||
    /border-top:\s*(?:1pt solid|solid)\s*#(?:e1e1e1|b5c4df)/.test(style)
  );
}

const patterns = new Map<string, RegExp>();

function attribute(lower: string, name: string): string | undefined {
  if (!lower.includes(name)) return undefined;
  let pattern = patterns.get(name);
  if (pattern === undefined) {
    pattern = new RegExp(`(?:^|[\\s"'/])${name}\\s{0,9}=\\s{0,9}(?:"([^"]*)"|'([^']*)'|([^\\s"'>]+))`);
    patterns.set(name, pattern);
  }
  const match = pattern.exec(lower);
  return match === null ? undefined : (match[1] ?? match[2] ?? match[3]);
}
