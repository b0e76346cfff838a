/** One line of a client on port 25, read strictly: the verb, and for MAIL and RCPT the path and the parameters. */

/** RFC 5321 4.5.3.1.4 says 512 octets; extensions (SIZE, SMTPUTF8, DSN) add to that. */
export const LONGEST_COMMAND = 2048;

export interface Command {
  verb: string;
  /** What stands behind the verb, without the spaces around it. */
  argument: string;
}

/** RFC 5321 2.4: verbs in any case. */
export function readCommand(line: string): Command {
  const space = line.indexOf(' ');
  const verb = (space < 0 ? line : line.slice(0, space)).toUpperCase();
  return { verb, argument: space < 0 ? '' : line.slice(space + 1).trim() };
}

export interface Path {
  /** Between the angle brackets; empty for the null reverse path. */
  address: string;
  /** By keyword in upper case; '' where no value stands. */
  parameters: Map<string, string>;
}

export type PathFault = 'syntax' | 'parameter' | 'repeated';

/**
 * `FROM:<ana@a.example> SIZE=100` → its path. RFC 5321 4.1.1.2 and 4.1.2: brackets are a must, a source route is read
 * as part of the address (nobody may use one here), a quoted local part may hold spaces and brackets.
 */
export function readPath(argument: string, keyword: 'FROM' | 'TO'): Path | PathFault {
  const head = argument.slice(0, keyword.length + 1).toUpperCase();
  if (head !== `${keyword}:`) return 'syntax';
  // Some clients put a space behind the colon; nothing else can be meant by it.
  const rest = argument.slice(keyword.length + 1).trimStart();
  const end = closingBracket(rest);
  if (end < 0) return 'syntax';
  const address = rest.slice(1, end);
  const tail = rest.slice(end + 1);
  if (tail !== '' && !tail.startsWith(' ')) return 'syntax';
  const parameters = new Map<string, string>();
  for (const word of tail.split(' ')) {
    if (word === '') continue;
    // RFC 5321 4.1.2: esmtp-keyword ["=" esmtp-value]
    const found = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:=([\x21-\x3c\x3e-\x7e\u0080-\uffff]+))?$/.exec(word);
    if (found === null) return 'parameter';
    const name = (found[1] as string).toUpperCase();
    if (parameters.has(name)) return 'repeated';
    parameters.set(name, found[2] ?? '');
  }
  return { address, parameters };
}

/** The bracket that ends a path, quoted ones left aside; -1 when there is none. */
function closingBracket(text: string): number {
  if (!text.startsWith('<')) return -1;
  let isQuoted = false;
  for (let at = 1; at < text.length; at++) {
    const character = text[at];
    if (isQuoted && character === '\\') at++;
    else if (character === '"') isQuoted = !isQuoted;
    else if (character === '>' && !isQuoted) return at;
    else if (character === '<' && !isQuoted) return -1;
  }
  return -1;
}

export interface Chunk {
  /** Octets that follow. */
  size: number;
  last: boolean;
}

/** RFC 3030 2: `BDAT 1000 LAST`. */
export function readChunk(argument: string): Chunk | undefined {
  const found = /^(\d{1,15})( +LAST)?$/i.exec(argument);
  if (found === null) return undefined;
  return { size: Number(found[1]), last: found[2] !== undefined };
}
