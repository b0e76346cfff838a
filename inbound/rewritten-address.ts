/**
 * Addresses that a forwarder or a bounce filter has rewritten, and what stood there before: needed to compare an address
 * with those that we wrote to, to find a token of ours inside, and to ask SPF about the host that the mail really began at.
 * Nobody's word for anything: whoever sends chooses his addresses, so what is undone here is evidence, never a proof.
 */
export interface RewrittenAddress {
  /** Whose way of rewriting it is. */
  how: 'srs0' | 'srs1' | 'srs-microsoft' | 'batv' | 'google-forward';
  /** Who wrote, before the rewriting; undefined when the new form does not say. */
  sender: string | undefined;
  /** The address that forwards, when the form names it. */
  forwarder: string | undefined;
}

// The Sender Rewriting Scheme (libsrs2): what follows SRS0 or SRS1 separates, the rest is split at "=".
const SRS = /^srs([01])[=+-](.+)$/i;
// Microsoft 365: NAME+SRS=HASH=DAY=DOMAIN=LOCAL, where NAME is the mailbox that forwards, or "bounces" with nothing behind.
const MICROSOFT = /^(.+)\+srs=[^=]+=[^=]+(?:=([^=]+)=(.+))?$/i;
// Bounce Address Tag Validation (draft-levine-smtp-batv): prvs=KDDDSSSSSS=LOCAL; some wrote LOCAL first. Barracuda and
// SparkPost have tags of their own.
const BATV =
  /^(?:(?:ms)?prvs\d?=(?<tag>[0-9a-z]{6,40})=(?<local>.+)|prvs=(?<first>[^/=]+)\/[0-9a-f]{10}|btv1==[^=]+==(?<barracuda>.+))$/i;
// Gmail's filters and Google Workspace: MAILBOX+caf_=LOCAL=DOMAIN forwards to LOCAL@DOMAIN.
const GOOGLE = /^(.+)\+caf_=.+=[^=]+$/i;

/** Several stand around one another when mail was forwarded twice. */
const DEEPEST = 5;

/** What one layer of rewriting hides; undefined when the address is as it was written. */
export function undoRewriting(address: string): RewrittenAddress | undefined {
  const at = address.lastIndexOf('@');
  if (at < 1 || address.length > 640) return undefined;
  const local = address.slice(0, at);
  const domain = address.slice(at + 1).toLowerCase();
  const srs = SRS.exec(local);
  if (srs !== null) return srs[1] === '0' ? srs0(srs[2]!) : srs1(srs[2]!);
  const batv = BATV.exec(local)?.groups;
  if (batv !== undefined) {
    const original = batv['local'] ?? batv['first'] ?? batv['barracuda'];
    return { how: 'batv', sender: joined(original, domain), forwarder: undefined };
  }
  const microsoft = MICROSOFT.exec(local);
  if (microsoft !== null) {
    const [, name = '', originalDomain, originalLocal] = microsoft;
    return {
      how: 'srs-microsoft',
      sender: joined(originalLocal, originalDomain),
      forwarder: /^bounces$/i.test(name) ? undefined : joined(name, domain),
    };
  }
  const google = GOOGLE.exec(local);
  if (google !== null)
    return { how: 'google-forward', sender: undefined, forwarder: joined(google[1], domain) };
  return undefined;
}

/** The address as its writer had it, through every layer; the one given when nothing was rewritten. */
export function originalAddress(address: string): string {
  let current = address;
  for (let depth = 0; depth < DEEPEST; depth++) {
    const before = undoRewriting(current)?.sender;
    if (before === undefined) break;
    current = before;
  }
  return current.toLowerCase();
}

/** HASH=DAY=DOMAIN=LOCAL, and the local part may hold "=" itself. */
function srs0(rest: string): RewrittenAddress {
  const parts = rest.split('=');
  return {
    how: 'srs0',
    sender: parts.length < 4 ? undefined : joined(parts.slice(3).join('='), parts[2]),
    forwarder: undefined,
  };
}

/** HASH=HOST= and then what stood behind SRS0 at that host, with its separator. */
function srs1(rest: string): RewrittenAddress {
  const match = /^[^=]+=([^=]+)=[=+-](.+)$/.exec(rest);
  return {
    how: 'srs1',
    sender: match === null ? undefined : srs0(match[2]!).sender,
    forwarder: undefined,
  };
}

function joined(local: string | undefined, domain: string | undefined): string | undefined {
  if (local === undefined || local === '' || domain === undefined || !domain.includes('.')) return undefined;
  return `${local}@${domain.toLowerCase()}`;
}
