/** How a press of a key is written, so that bindings can be told as people say them. */
import { expect, test } from 'vitest';
import { nameOf } from './keys.svelte.ts';

type Press = Parameters<typeof nameOf>[0];
const press = (key: string, held: Partial<Press> = {}): Press => ({
  key,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  shiftKey: false,
  ...held,
});

test('a press is named with the modifiers that matter', () => {
  const check = (given: Press, name: string) => expect(nameOf(given), JSON.stringify(given)).toBe(name);
  check(press('j'), 'j');
  check(press('?', { shiftKey: true }), '?');
  check(press('/', { shiftKey: true }), '/');
  check(press('U', { shiftKey: true }), 'Shift+U');
  check(press('Enter'), 'Enter');
  check(press('Enter', { ctrlKey: true }), 'Mod+Enter');
  check(press('Enter', { metaKey: true, shiftKey: true }), 'Mod+Shift+Enter');
  check(press('k', { metaKey: true }), 'Mod+K');
  check(press('k', { ctrlKey: true }), 'Mod+K');

  check(press('Shift', { shiftKey: true }), '');
  check(press('Dead'), '');
  check(press('e', { altKey: true }), '');
});
