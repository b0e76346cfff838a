/** Short words about what just happened, with a way to take it back. */
export interface Toast {
  id: number;
  text: string;
  kind: 'good' | 'bad' | 'info';
  undo?: (() => void) | undefined;
}

const STAYS_MS = 5000;
/** As long as undo is offered. */
const UNDO_MS = 10_000;

class Toasts {
  #list = $state<Toast[]>([]);
  #serial = 0;

  get list(): Toast[] {
    return this.#list;
  }

  show(text: string, { kind = 'good', undo }: { kind?: Toast['kind']; undo?: () => void } = {}): void {
    const id = ++this.#serial;
    this.#list = [...this.#list.slice(-2), { id, text, kind, undo }];
    setTimeout(() => this.drop(id), undo ? UNDO_MS : STAYS_MS);
  }

  /** Takes back what was done last, if it still can be. */
  undoLast(): void {
    const last = this.#list.findLast((toast) => toast.undo !== undefined);
    if (last === undefined) return;
    last.undo?.();
    this.drop(last.id);
  }

  drop(id: number): void {
    this.#list = this.#list.filter((toast) => toast.id !== id);
  }
}

export const toasts = new Toasts();
