/**
 * Watches the bytes of a message for line ends that SMTP does not know. Two servers that disagree about where a message
 * ends can be made to see different messages (SMTP smuggling), so a bare CR or LF is refused, not repaired.
 */
export type BrokenLine = 'bare-line-end' | 'nul';

const CR = 0x0d;
const LF = 0x0a;

export class LineWatch {
  #lastWasCr = false;
  broken: BrokenLine | undefined;

  /** Looks at the next bytes; answers the first fault, once it is there, each time. */
  see(chunk: Uint8Array): BrokenLine | undefined {
    if (this.broken === 'bare-line-end') return this.broken;
    // RFC 5321 2.3.8: CR and LF occur only together.
    let from = 0;
    if (this.#lastWasCr && chunk.length > 0) {
      if (chunk[0] !== LF) return this.#fault('bare-line-end');
      from = 1;
    }
    for (let at = chunk.indexOf(CR, from); at >= 0; at = chunk.indexOf(CR, at + 1)) {
      if (at + 1 < chunk.length && chunk[at + 1] !== LF) return this.#fault('bare-line-end');
    }
    for (let at = chunk.indexOf(LF, from); at >= 0; at = chunk.indexOf(LF, at + 1)) {
      if (at === 0 || chunk[at - 1] !== CR) return this.#fault('bare-line-end');
    }
    if (chunk.length > 0) this.#lastWasCr = chunk[chunk.length - 1] === CR;
    if (this.broken === undefined && chunk.includes(0)) this.broken = 'nul';
    return this.broken;
  }

  #fault(kind: BrokenLine): BrokenLine {
    this.broken = kind;
    return kind;
  }
}
