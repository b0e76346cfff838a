/** RFC 5321 4.5.2: a line of the message that begins with a dot gets another on the wire, and loses it at the end. */

const STUFFED = Buffer.from('\r\n..');

/** A message as DATA sends it, with the final dot. */
export function dotted(raw: Buffer): Buffer {
  const text = raw.toString('latin1').replace(/(^|\r\n)\./g, '$1..');
  return Buffer.from(`${text}${text.endsWith('\r\n') ? '' : '\r\n'}.\r\n`, 'latin1');
}

/** The message again; it is given with the line break that stood before it. */
export function unstuffed(message: Buffer): Buffer {
  let at = message.indexOf(STUFFED);
  if (at < 0) return message;
  const parts: Buffer[] = [];
  let from = 0;
  for (; at >= 0; at = message.indexOf(STUFFED, from)) {
    parts.push(message.subarray(from, at + 2));
    from = at + 3;
  }
  parts.push(message.subarray(from));
  return Buffer.concat(parts);
}
