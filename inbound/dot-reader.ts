/**
 * Reads what follows DATA: takes the stuffed dots out and finds the one end there is, CR LF dot CR LF. Two servers that
 * disagree about where a message ends can be made to see different messages (SMTP smuggling), so a bare CR or LF is
 * never read as a line end and never repaired: it breaks the message.
 */
const CR = 0x0d;
const LF = 0x0a;
const DOT = 0x2e;

/**
 * lineStart: the next octet begins a line; inLine; cr: a CR was read, only LF may follow; dot: a dot began the line;
 * dotCr: dot and CR began it, and LF is the end.
 */
type At = 'lineStart' | 'inLine' | 'cr' | 'dot' | 'dotCr';

export interface Read {
  /** The message's own octets among those handed in, in order. */
  pieces: Buffer[];
  /** Where, in what was handed in, the next command begins; -1 as long as the message goes on. */
  end: number;
}

export class DotReader {
  #at: At = 'lineStart';
  /** A bare CR or LF was met: nothing more is read. */
  isBroken = false;

  read(chunk: Buffer): Read {
    const pieces: Buffer[] = [];
    let from = 0;
    let at = this.#at;
    const until = (end: number) => {
      if (end > from) pieces.push(chunk.subarray(from, end));
    };
    for (let i = 0; i < chunk.length; i++) {
      // Most octets are here: they pass by one comparison.
      if (at === 'inLine') while (i < chunk.length && (chunk[i] as number) > CR) i++;
      if (i === chunk.length) break;
      const octet = chunk[i];
      switch (at) {
        case 'inLine':
          if (octet === CR) at = 'cr';
          else if (octet === LF) return this.#broken(pieces);
          break;
        case 'lineStart':
          // RFC 5321 4.5.2: the first dot of a line is the sender's, not the message's.
          if (octet === DOT) {
            until(i);
            from = i + 1;
            at = 'dot';
          } else if (octet === CR) at = 'cr';
          else if (octet === LF) return this.#broken(pieces);
          else at = 'inLine';
          break;
        case 'cr':
          if (octet !== LF) return this.#broken(pieces);
          at = 'lineStart';
          break;
        case 'dot':
          if (octet === CR) at = 'dotCr';
          else if (octet === LF) return this.#broken(pieces);
          else at = 'inLine';
          break;
        case 'dotCr':
          if (octet !== LF) return this.#broken(pieces);
          return { pieces, end: i + 1 };
        default:
          at satisfies never;
      }
    }
    this.#at = at;
    // What a lone dot and its CR mean is seen with the next octet; a CR held back there is never the message's.
    until(at === 'dotCr' ? Math.max(from, chunk.length - 1) : chunk.length);
    return { pieces, end: -1 };
  }

  #broken(pieces: Buffer[]): Read {
    this.isBroken = true;
    return { pieces, end: -1 };
  }
}
