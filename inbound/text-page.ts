/** The page on which HTML is written out as lines of text, each remembered with what its program says it is. */
import { decodeEntities } from './entity.ts';
import type { Container } from './quote-container.ts';
import type { Mark } from './reply.ts';

type LineKind = 'plain' | Mark['kind'];

export class Page {
  /** How many `pre` are open. */
  preformatted = 0;
  #lines: string[] = [];
  #kinds: LineKind[] = [];
  #places: number[] = [];
  /** Where in the HTML the first character of this line stands. */
  #place = -1;
  #line = '';
  #hasText = false;
  /** Asked of each piece: the line itself would be put together anew every time. */
  #endsInSpace = false;
  #quotes = 0;
  #signatures = 0;
  #isRestOld = false;
  /** Ranges of lines found to be old only at their end. */
  #old: [from: number, to: number][] = [];

  get lineCount(): number {
    return this.#lines.length;
  }

  /** `at` is where it stands in the HTML. */
  write(raw: string, at = -1): void {
    if (raw === '') return;
    if (this.#place < 0 && at >= 0) {
      const first = raw.search(/\S/);
      if (first >= 0) this.#place = at + first;
    }
    const decoded = decodeEntities(raw);
    if (this.preformatted > 0) {
      const pieces = decoded.split('\n');
      for (const [index, piece] of pieces.entries()) {
        if (index > 0) this.breakLine();
        this.#add(piece);
      }
      return;
    }
    const text = decoded.replace(/[ \t\r\n\f]+/g, ' ');
    this.#add(!this.#hasText || this.#endsInSpace ? text.replace(/^ /, '') : text);
  }

  #add(text: string): void {
    if (text === '') return;
    this.#line += text;
    this.#hasText ||= text.trim() !== '';
    this.#endsInSpace = text.endsWith(' ');
  }

  /** Between the cells of a table. */
  space(): void {
    if (this.#hasText && !this.#endsInSpace) this.#add(' ');
  }

  breakLine(): void {
    this.#lines.push(this.#line.trimEnd());
    this.#kinds.push(this.#kind());
    this.#places.push(this.#place);
    this.#place = -1;
    this.#line = '';
    this.#hasText = false;
  }

  newBlock(paragraph: boolean): void {
    if (this.#hasText) this.breakLine();
    else this.#line = '';
    if (paragraph && this.#lines.length > 0 && this.#lines.at(-1) !== '') this.breakLine();
  }

  enter(container: Container): void {
    if (container === 'quoted') this.#quotes++;
    if (container === 'signature') this.#signatures++;
  }

  leave(container: Container): void {
    if (container === 'quoted') this.#quotes--;
    if (container === 'signature') this.#signatures--;
  }

  restIsOld(): void {
    this.#isRestOld = true;
  }

  /** What was written since is old. */
  markFrom(line: number): void {
    this.#old.push([line, this.#lines.length]);
  }

  #kind(): LineKind {
    if (this.#quotes > 0 || this.#isRestOld) return 'quoted';
    return this.#signatures > 0 ? 'signature' : 'plain';
  }

  finish(): { text: string; marks: Mark[]; places: number[] } {
    if (this.#line !== '' || this.#lines.length === 0) this.breakLine();
    const marks: Mark[] = [];
    const steps = new Int32Array(this.#lines.length + 1);
    for (const [from, to] of this.#old) {
      steps[from]!++;
      steps[to]!--;
    }
    let old = 0;
    let at = 0;
    for (const [index, line] of this.#lines.entries()) {
      old += steps[index]!;
      const kind = old > 0 ? 'quoted' : this.#kinds[index]!;
      const end = at + line.length + 1;
      const last = marks.at(-1);
      if (kind !== 'plain') {
        if (last?.kind === kind && last.end === at) last.end = end;
        else marks.push({ kind, start: at, end });
      }
      at = end;
    }
    return { text: this.#lines.join('\n'), marks, places: this.#places };
  }
}
