/**
 * A message on its way into DATA: a dot is put before every line that begins with one, and the end is marked. The
 * message itself is never changed; pieces without such a line are passed on without a copy.
 */
const LF = 10;
const CR = 13;
const DOT = 46;

const A_DOT = Buffer.from('.');
const END = Buffer.from('.\r\n');
const LINE_END_AND_END = Buffer.from('\r\n.\r\n');
const LINE_END_DOT = Buffer.from('\n.');

/**
 * The pieces to write after 354, the final dot included. The cuts between the pieces given do not matter.
 *
 * RFC 5321 4.5.2: a line that begins with a dot gets one more. A dot after a bare LF is doubled too: our own composer
 * writes none, and a receiver that takes a bare LF for a line end must not be led to see the end of the message.
 */
export function dotStuffed(message: readonly Buffer[]): Buffer[] {
  const out: Buffer[] = [];
  let last = LF;
  let beforeLast = CR;
  for (const piece of message) {
    if (piece.length === 0) continue;
    if (last === LF && piece[0] === DOT) out.push(A_DOT);
    let from = 0;
    for (let at = piece.indexOf(LINE_END_DOT); at !== -1; at = piece.indexOf(LINE_END_DOT, at + 1)) {
      out.push(piece.subarray(from, at + 1), A_DOT);
      from = at + 1;
    }
    out.push(from === 0 ? piece : piece.subarray(from));
    beforeLast = piece.length > 1 ? piece[piece.length - 2]! : last;
    last = piece[piece.length - 1]!;
  }
  out.push(beforeLast === CR && last === LF ? END : LINE_END_AND_END);
  return out;
}

/**
 * Where the first CR without LF or LF without CR stands, or -1. For raw messages from outside: SMTP cannot carry them
 * (RFC 5321 2.3.8), and what a receiver makes of them is how messages are smuggled.
 */
export function bareLineEnd(message: Buffer): number {
  let cr = message.indexOf(CR);
  for (let lf = message.indexOf(LF); lf !== -1 || cr !== -1; lf = message.indexOf(LF, lf + 1)) {
    if (cr === -1 || lf === -1 || cr + 1 !== lf) return cr === -1 ? lf : lf === -1 ? cr : Math.min(cr, lf);
    cr = message.indexOf(CR, cr + 1);
  }
  return -1;
}
