/** What a suppression stops, in words: everything, marketing, or a list by its name. */
import type { Answer } from '../../contract.ts';
import { api } from './api.ts';
import { say, words } from './words.svelte.ts';

class Scopes {
  #lists = $state.raw<ReadonlyMap<string, string>>(new Map());
  #asked = false;

  word = (scope: string): string => {
    const [kind, id] = scope.split(':');
    if (kind !== 'list' || id === undefined) return words.word('scope', scope);
    this.#ask();
    return say('scope.list', { name: this.#lists.get(id) ?? id });
  };

  /** Once, and only when a list is spoken of. */
  #ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    api.get<Answer<'lists'>>('/api/lists').then(
      ({ rows }) => (this.#lists = new Map(rows.map((list) => [String(list.id), list.name]))),
      () => (this.#asked = false),
    );
  }
}

export const scopes = new Scopes();
