/**
 * What another host says that it found: the payload of an Authentication-Results field (RFC 8601), as it also stands in an
 * ARC set (RFC 8617 4.1.1). Believed only when somebody whom we trust has sealed it, which forwarder.ts decides.
 */
export interface StatedResult {
  method: string;
  result: string;
  /** `smtp.mailfrom`, `header.d` and so on, in lower case. */
  properties: Record<string, string>;
  /** Written in brackets, where Google and Microsoft put the address that SPF was asked about. */
  comment: string;
}

const MOST_RESULTS = 40;
const LONGEST = 16 * 1024;

/** Reads the value of the field: `mx.example; spf=pass (…) smtp.mailfrom=…; dkim=pass header.d=…`. */
export function readAuthenticationResults(value: string): StatedResult[] {
  const results: StatedResult[] = [];
  for (const part of splitAtSemicolons(value.slice(0, LONGEST)).slice(0, MOST_RESULTS)) {
    const { words, comment } = withoutComments(part);
    // RFC 8601 2.2: method [ "/" version ] "=" result, then reason and properties.
    const head = /^\s*([a-z][a-z0-9-]*)(?:\s*\/\s*\d+)?\s*=\s*([a-z]+)/i.exec(words);
    if (head === null) continue;
    const properties: Record<string, string> = {};
    for (const match of words
      .slice(head[0].length)
      .matchAll(/(?:^|\s)((?:smtp|header|body|policy)\.[a-z0-9-]+)\s*=\s*("[^"]*"|[^\s;]+)/gi))
      properties[match[1]!.toLowerCase()] ??= match[2]!.replace(/^"|"$/g, '').toLowerCase();
    results.push({
      method: head[1]!.toLowerCase(),
      result: head[2]!.toLowerCase(),
      properties,
      comment,
    });
  }
  return results;
}

/** Not those inside comments or quoted strings. */
function splitAtSemicolons(value: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let quoted = false;
  let start = 0;
  for (let i = 0; i < value.length; i++) {
    const char = value[i];
    if (char === '\\') i++;
    else if (char === '"' && depth === 0) quoted = !quoted;
    else if (quoted) continue;
    else if (char === '(') depth++;
    else if (char === ')' && depth > 0) depth--;
    else if (char === ';' && depth === 0) {
      parts.push(value.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(value.slice(start));
  return parts;
}

/** Comments may nest (RFC 5322 3.2.2). */
function withoutComments(text: string): { words: string; comment: string } {
  let words = '';
  let comment = '';
  let depth = 0;
  for (const char of text) {
    if (char === '(') depth++;
    else if (char === ')' && depth > 0) {
      depth--;
      words += ' ';
      comment += ' ';
    } else if (depth > 0) comment += char;
    else words += char;
  }
  return { words, comment: comment.trim() };
}

/** The address that SPF was asked about, as the large hosts write it; undefined when they do not. */
export function statedAddress({ properties, comment }: StatedResult): string | undefined {
  // RFC 8617 6 and RFC 8601: smtp.remote-ip.
  const named = properties['smtp.remote-ip'] ?? properties['smtp.client-ip'];
  if (named !== undefined) return named.replace(/^\[?(?:ipv6:)?|\]$/g, '');
  return /(?:sender ip is|client-ip=|domain of \S+ designates|does not designate|permitted for) *\[?([0-9a-f:.]{3,45})/i.exec(
    comment,
  )?.[1];
}
