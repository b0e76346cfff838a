/** Addresses: what a path means, and which the server answers itself. */
import { expect, test } from 'vitest';
import { isOurs, match } from './router.svelte.ts';

test('a path is read by its pattern', () => {
  const check = (pattern: string, path: string, found: Record<string, string> | null) =>
    expect(match(pattern, path), `${pattern} ${path}`).toEqual(found);
  check('/inbox/:view/:id', '/inbox/mine/7', { view: 'mine', id: '7' });
  check('/inbox/:view?/:id?', '/inbox', {});
  check('/inbox/:view?/:id?', '/inbox/mine', { view: 'mine' });
  check('/inbox/:view?', '/inbox/', {});
  check('/m/:id', '/m/12', { id: '12' });
  check('/audience/:part/:id', '/audience/segments/d%C3%A9', { part: 'segments', id: 'dé' });

  check('/inbox/:view/:id', '/inbox/mine', null);
  check('/inbox/:view?', '/inbox/mine/7', null);
  check('/m/:id', '/me/12', null);
  check('/campaigns', '/audience', null);
});

test('a path that is not well encoded is no room, and no fault', () => {
  expect(match('/audience/:part', '/audience/%E0%A4%A')).toBeNull();
});

test('what the server answers itself is not a room', () => {
  for (const path of ['/api/contacts', '/u/abc', '/p/abc', '/health', '/metrics', '/assets/app.js'])
    expect(isOurs(path), path).toBe(false);
  for (const path of ['/inbox', '/campaigns/3', '/m/3', '/users', '/apiary'])
    expect(isOurs(path), path).toBe(true);
});
