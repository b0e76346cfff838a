/**
 * What the inbox shows: the view's list, its counts, the open conversation. Changes arrive as conversations with a newer
 * version; each is put where it belongs, so that nothing jumps and nothing is fetched twice.
 */
import type { Answer, Conversation, ConversationWhole, View } from '../../contract.ts';
import { api, withQuery } from './api.ts';
import { live } from './live.svelte.ts';
import { Loader } from './loader.svelte.ts';
import { session } from './session.svelte.ts';

type Counts = Answer<'views'>['counts'];

class InboxState {
  readonly list = new Loader<Answer<'conversations'>>();
  readonly open = new Loader<ConversationWhole>();
  #view = $state<View>('all');
  #counts = $state.raw<Partial<Counts>>({});
  #countsTimer: ReturnType<typeof setTimeout> | undefined;
  #stop: (() => void) | undefined;
  #openId = 0;

  get view(): View {
    return this.#view;
  }

  get counts(): Partial<Counts> {
    return this.#counts;
  }

  get rows(): Conversation[] {
    return this.list.value?.rows ?? [];
  }

  get next(): string | null {
    return this.list.value?.next ?? null;
  }

  /** Begins to follow the server; returns how to stop. */
  follow(): () => void {
    this.#stop ??= live.on((event) => {
      if (event.event === 'conversation') this.take(event.data.rows);
      else if (event.event === 'hello') void this.#refresh();
    });
    void this.loadCounts();
    return () => {
      this.#stop?.();
      this.#stop = undefined;
    };
  }

  async show(view: View): Promise<void> {
    if (view === this.#view && this.list.value !== undefined) return;
    this.#view = view;
    this.list.value = undefined;
    await this.#loadList();
  }

  #loadList(): Promise<void> {
    return this.list.load(() =>
      api.get<Answer<'conversations'>>(withQuery('/api/conversations', { view: this.#view, limit: 60 })),
    );
  }

  async more(): Promise<void> {
    const { next } = this;
    // After a fault the person asks again, not the scroll position.
    if (next === null || this.list.loading || this.list.error !== '') return;
    const known = this.rows;
    await this.list.load(async () => {
      const page = await api.get<Answer<'conversations'>>(
        withQuery('/api/conversations', { view: this.#view, limit: 60, cursor: next }),
      );
      const seen = new Set(known.map((row) => row.id));
      return { ...page, rows: [...known, ...page.rows.filter((row) => !seen.has(row.id))] };
    });
  }

  async loadCounts(): Promise<void> {
    const answer = await api.get<Answer<'views'>>('/api/views').catch(() => null);
    if (answer !== null) this.#counts = answer.counts;
  }

  async openConversation(id: number): Promise<void> {
    if (this.#openId !== id) this.open.value = undefined;
    this.#openId = id;
    if (id === 0) return;
    await this.open.load(() => api.get<ConversationWhole>(`/api/conversations/${id}`));
    if (this.open.value?.conversation.unread) {
      await api.post(`/api/conversations/${id}/read`, { read: true }).catch(() => null);
    }
  }

  /** Fetches the open conversation again, without taking it off the screen. */
  reload(): Promise<void> {
    return this.openConversation(this.#openId);
  }

  /** Conversations as they are now: into the list, out of it, and into the open one. */
  take(rows: readonly Conversation[]): void {
    const page = this.list.value;
    if (page !== undefined) {
      let list = page.rows;
      for (const row of rows) {
        const known = list.find((one) => one.id === row.id);
        if (known !== undefined && known.version > row.version) continue;
        list = list.filter((one) => one.id !== row.id);
        if (belongs(row, this.#view, session.user?.id ?? 0)) list = [row, ...list];
      }
      list = list.toSorted((a, b) => b.last_message_at - a.last_message_at || b.id - a.id);
      this.list.value = { ...page, rows: list };
    }
    const open = this.open.value;
    const mine = rows.find((row) => row.id === this.#openId);
    if (open !== undefined && mine !== undefined && mine.version > open.conversation.version)
      void this.reload();
    clearTimeout(this.#countsTimer);
    this.#countsTimer = setTimeout(() => void this.loadCounts(), 250);
  }

  async #refresh(): Promise<void> {
    await Promise.all([this.#loadList(), this.loadCounts()]);
    if (this.#openId !== 0) await this.reload();
  }
}

/** Whether a conversation is in a view; the server decides the same way. */
export function belongs(row: Conversation, view: View, userId: number): boolean {
  const human = row.category === 'human';
  const isOpen = human && row.state === 'open';
  switch (view) {
    case 'mine':
      return isOpen && row.assignee_id === userId;
    case 'unassigned':
      return isOpen && row.assignee_id === null;
    case 'waiting-on-us':
      return isOpen && row.waiting_on === 'us';
    case 'waiting-on-them':
      return isOpen && row.waiting_on === 'them';
    case 'all':
      return isOpen;
    case 'closed':
      return human && row.state === 'closed';
    case 'spam':
      return row.state === 'spam';
    case 'auto-replies':
      return row.category === 'autoreply' && row.state !== 'spam';
    case 'bounces':
      return row.category === 'bounce' && row.state !== 'spam';
    case 'newsletters':
      return row.category === 'list' && row.state !== 'spam';
    case 'unverified':
      return row.category === 'unverified' && row.state !== 'spam';
    case 'other':
      return row.category === 'other' && row.state !== 'spam';
    default:
      return view satisfies never;
  }
}

export const inbox = new InboxState();
