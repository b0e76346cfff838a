/** Who is signed in, what they may do, their theme; and the server's clock, which a lab may run faster than the wall's. */
import type { Me, Permission, Session } from '../../contract.ts';
import { api, setCsrf, whenSignedOut } from './api.ts';
import { words } from './words.svelte.ts';

export type Theme = 'system' | 'light' | 'dark';

interface Reading {
  server: number;
  wall: number;
}

/** How fast the server's clock runs. A real one runs like ours, whatever a slow answer makes it look like. */
export function paceOf(first: Reading, last: Reading): number {
  const wall = last.wall - first.wall;
  if (wall < 1000) return 1;
  const pace = (last.server - first.server) / wall;
  return pace > 1.5 ? pace : 1;
}

class SessionState {
  #user = $state.raw<Me | null>(null);
  #loaded = $state(false);
  #firstRun = $state(false);
  /** Two readings of the server's clock beside ours: a lab runs its clock faster than the wall's. */
  #first: Reading | undefined;
  #last: Reading | undefined;
  #theme = $state<Theme>('system');

  constructor() {
    if (typeof window === 'undefined') return;
    this.#theme = (localStorage.getItem('theme') as Theme | null) ?? 'system';
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#paint());
    this.#paint();
    whenSignedOut(() => {
      this.#user = null;
    });
  }

  get user(): Me | null {
    return this.#user;
  }

  get loaded(): boolean {
    return this.#loaded;
  }

  get firstRun(): boolean {
    return this.#firstRun;
  }

  get theme(): Theme {
    return this.#theme;
  }

  set theme(theme: Theme) {
    this.#theme = theme;
    localStorage.setItem('theme', theme);
    this.#paint();
  }

  /** The server's time now. */
  now(): number {
    const wall = Date.now();
    if (this.#first === undefined || this.#last === undefined) return wall;
    return this.#last.server + (wall - this.#last.wall) * paceOf(this.#first, this.#last);
  }

  /** The server said what time it is. */
  hear(now: number): void {
    this.#last = { server: now, wall: Date.now() };
    this.#first ??= this.#last;
  }

  async askTime(): Promise<void> {
    this.hear((await api.get<Session>('/api/session')).now);
  }

  may(permission: Permission): boolean {
    return this.#user?.permissions.includes(permission) ?? false;
  }

  async load(): Promise<void> {
    this.#take(await api.get<Session>('/api/session'));
  }

  async signIn(email: string, password: string): Promise<void> {
    this.#take(await api.post<Session>('/api/login', { email, password }));
  }

  async welcome(answer: Record<string, string>): Promise<void> {
    this.#take(await api.post<Session>('/api/welcome', answer));
  }

  async signOut(): Promise<void> {
    await api.post('/api/logout');
    setCsrf(null);
    this.#user = null;
  }

  async change(patch: { language?: 'fr' | 'en'; theme?: Theme; name?: string }): Promise<void> {
    if (patch.language !== undefined) words.language = patch.language;
    if (patch.theme !== undefined) this.theme = patch.theme;
    if (this.#user !== null) this.#take(await api.patch<Session>('/api/me', patch));
  }

  #take({ user, csrf, first_run, now }: Session): void {
    setCsrf(csrf);
    this.#user = user;
    this.#firstRun = first_run;
    this.hear(now);
    this.#loaded = true;
    if (user !== null) words.language = user.language;
    if (user !== null && user.theme !== 'system') this.theme = user.theme;
  }

  #paint(): void {
    const dark =
      this.#theme === 'dark' ||
      (this.#theme === 'system' && matchMedia('(prefers-color-scheme: dark)').matches);
    document.documentElement.dataset['theme'] = dark ? 'dark' : 'light';
  }
}

export const session = new SessionState();
