/**
 * A message with every line ended by LF, for finding its parts, and the way back to the bytes as they came: an attachment
 * that was sent without base64 holds line ends of its own, and none of them may change.
 */

/** Between two of these the way is walked. */
const STEP = 4096;
const CR = 0x0d;
const LF = 0x0a;

export class PlainLines {
  /** One character a byte. */
  readonly text: string;
  readonly #raw: Buffer;
  /** Of each `STEP`th character of the text, as far as it was asked for, where it stands in the raw message. */
  readonly #marks: number[] = [0];

  constructor(raw: Uint8Array) {
    this.#raw = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
    this.text = this.#raw.toString('latin1').replace(/\r\n?/g, '\n');
  }

  /** The bytes that this piece of the text was made from. */
  bytes(from: number, to: number): Buffer {
    return this.#raw.subarray(this.#placeOf(from), this.#placeOf(to));
  }

  #placeOf(at: number): number {
    if (at >= this.text.length) return this.#raw.length;
    // Nothing was left out.
    if (this.text.length === this.#raw.length) return at;
    const mark = Math.floor(at / STEP);
    while (this.#marks.length <= mark) this.#marks.push(this.#after(this.#marks.at(-1)!, STEP));
    return this.#after(this.#marks[mark]!, at % STEP);
  }

  /** The place so many characters on. */
  #after(from: number, count: number): number {
    let place = from;
    for (let seen = 0; seen < count; seen++) place += this.#isPair(place) ? 2 : 1;
    return place;
  }

  #isPair(place: number): boolean {
    return this.#raw[place] === CR && this.#raw[place + 1] === LF;
  }
}
