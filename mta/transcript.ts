/**
 * What was said on one connection, for the page that shows a delivery's whole life: how it began, and the words about the
 * message that it carries now. Bodies are left out, ends are cut.
 */
import type { Reply } from './reply.ts';

const LINES = 200;
const LINE_LENGTH = 500;

export class Transcript {
  #opening: string[] | undefined;
  #lines: string[] = [];
  #left = 0;

  /** Another message begins: what was said about the last one is over. */
  begin(): void {
    this.#opening ??= this.lines();
    this.#lines = [];
    this.#left = 0;
  }

  ours(command: string): void {
    this.note(`> ${command}`);
  }

  theirs(reply: Reply): void {
    const last = reply.lines.length - 1;
    reply.lines.forEach((line, index) => this.note(`< ${reply.code}${index < last ? '-' : ' '}${line}`));
  }

  note(line: string): void {
    // The beginning tells what the server is, the end what went wrong: the middle goes.
    if (this.#lines.length >= LINES) {
      this.#lines.splice(LINES / 2, 1);
      this.#left += 1;
    }
    this.#lines.push(line.length > LINE_LENGTH ? `${line.slice(0, LINE_LENGTH)}…` : line);
  }

  lines(): string[] {
    const opening = this.#opening ?? [];
    if (this.#left === 0) return [...opening, ...this.#lines];
    return [
      ...opening,
      ...this.#lines.slice(0, LINES / 2),
      `… ${this.#left} lines left out …`,
      ...this.#lines.slice(LINES / 2),
    ];
  }
}
