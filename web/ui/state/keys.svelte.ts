/**
 * The keyboard: single keys as Gmail has them, sequences (g then i), silent in fields and while a word is composed. A room
 * binds its keys while it is shown; the help lists what is bound now.
 */
import { untrack } from 'svelte';
import type { Key } from './words.svelte.ts';

export interface Binding {
  /** `j`, `?`, `Shift+U`, `Mod+Enter`, or a sequence: `g i`. */
  keys: string;
  says: Key;
  run: () => void;
  /** Also while typing. */
  inFields?: boolean;
}

const SEQUENCE_MS = 1200;

class Keys {
  #bound = $state.raw<Binding[]>([]);
  #enabled = $state(true);
  #pending = '';
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    if (typeof window === 'undefined') return;
    this.#enabled = localStorage.getItem('keys') !== 'off';
    window.addEventListener('keydown', (event) => this.#press(event));
  }

  get bound(): readonly Binding[] {
    return this.#bound;
  }

  get enabled(): boolean {
    return this.#enabled;
  }

  set enabled(enabled: boolean) {
    this.#enabled = enabled;
    localStorage.setItem('keys', enabled ? 'on' : 'off');
  }

  /** Binds until the returned function is called. Later ones win over earlier ones. */
  bind(bindings: Binding[]): () => void {
    // Untracked: an effect that binds must not run again because something was bound.
    const now = () => untrack(() => this.#bound);
    this.#bound = [...bindings, ...now()];
    return () => (this.#bound = now().filter((binding) => !bindings.includes(binding)));
  }

  #press(event: KeyboardEvent): void {
    if (event.isComposing || event.defaultPrevented) return;
    const typing = isField(event.target);
    const pressed = nameOf(event);
    if (pressed === '') return;
    const sequence = this.#pending === '' ? pressed : `${this.#pending} ${pressed}`;
    const allowed = this.#bound.filter((one) => (typing ? one.inFields : this.#enabled || one.inFields));
    const hit = allowed.find((one) => one.keys === sequence) ?? allowed.find((one) => one.keys === pressed);
    this.#pending = '';
    clearTimeout(this.#timer);
    if (hit !== undefined) {
      event.preventDefault();
      hit.run();
    } else if (!typing && allowed.some((one) => one.keys.startsWith(`${pressed} `))) {
      this.#pending = pressed;
      this.#timer = setTimeout(() => (this.#pending = ''), SEQUENCE_MS);
    }
  }
}

function isField(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName))
  );
}

/** How a press is written: modifiers that matter, then the key. */
export function nameOf(
  event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>,
): string {
  if (event.altKey || ['Shift', 'Control', 'Meta', 'Alt', 'Dead'].includes(event.key)) return '';
  const mod = event.ctrlKey || event.metaKey ? 'Mod+' : '';
  const isLetter = /^[a-z]$/i.test(event.key);
  const shift = event.shiftKey && (isLetter || event.key.length > 1) ? 'Shift+' : '';
  return mod + shift + (isLetter && (mod !== '' || shift !== '') ? event.key.toUpperCase() : event.key);
}

export const keys = new Keys();
