/** A campaign while it is written: what stands in the form, saved by itself, with its checks asked again after each save. */
import { untrack } from 'svelte';
import type { BodyInput, Campaign, CampaignAudience, Preflight } from '../../contract.ts';
import { api, ApiFault, withQuery } from './api.ts';
import { wordsFor } from './fault.ts';
import { Loader } from './loader.svelte.ts';

type Change = BodyInput<'updateCampaign'>;

const KEYS = [
  'name',
  'brand_id',
  'sending_domain_id',
  'from_name',
  'from_local',
  'mailbox_id',
  'subject',
  'preheader',
  'html',
  'text',
  'audience',
  'list_id',
] as const;
export type Form = Pick<Campaign, (typeof KEYS)[number]>;
export type Step = Preflight['checks'][number]['step'];

const SAVE_AFTER_MS = 700;

const formOf = (campaign: Campaign): Form =>
  structuredClone(Object.fromEntries(KEYS.map((key) => [key, campaign[key]])) as unknown as Form);

export class Draft {
  readonly id: number;
  form: Form = $state()!;
  readonly preflight = new Loader<Preflight>();
  #status = $state<'saved' | 'dirty' | 'saving' | 'failed'>('saved');
  #error = $state('');
  #fields = $state.raw<Record<string, string>>({});
  #revision = $state(0);
  /** What the server has. */
  #sent: Form;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: Promise<boolean> | undefined;
  readonly #onsaved: (campaign: Campaign) => void;

  constructor(campaign: Campaign, onsaved: (campaign: Campaign) => void) {
    this.id = campaign.id;
    this.form = formOf(campaign);
    this.#sent = formOf(campaign);
    this.#onsaved = onsaved;
  }

  get status(): 'saved' | 'dirty' | 'saving' | 'failed' {
    return this.#status;
  }

  get error(): string {
    return this.#error;
  }

  /** Which fields the server refused, and why. */
  get fields(): Record<string, string> {
    return this.#fields;
  }

  /** Rises with each save: what is made from the saved campaign is asked again. */
  get revision(): number {
    return this.#revision;
  }

  /** Something may have changed; saves when nothing more is typed for a moment. Reads the whole form. */
  touch(): void {
    const changed = Object.keys(this.#change()).length > 0;
    // The form alone is followed: a refused save must not ask for the next one by itself.
    untrack(() => {
      if (!changed && this.#status === 'saved') return;
      if (this.#status !== 'saving') this.#status = 'dirty';
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => void this.save(), SAVE_AFTER_MS);
    });
  }

  /** Saves now what is not saved; says whether the server has everything. */
  async save(): Promise<boolean> {
    clearTimeout(this.#timer);
    if (this.#running !== undefined) return (await this.#running) && this.save();
    const change = this.#change();
    if (Object.keys(change).length === 0) {
      this.#status = 'saved';
      this.#error = '';
      this.#fields = {};
      return true;
    }
    this.#running = this.#patch(change);
    const done = await this.#running;
    this.#running = undefined;
    return done && this.save();
  }

  /** Asks for the checks of what is saved; `fresh` looks the DNS up again. */
  async check({ fresh = false } = {}): Promise<void> {
    const path = withQuery(`/api/campaigns/${this.id}/preflight`, fresh ? { fresh: 1 } : {});
    await this.preflight.load(() => api.get<Preflight>(path));
  }

  /** Chooses or drops a list or segment. */
  toggle(part: 'lists' | 'segments' | 'excludeSegments', id: number): void {
    const chosen: CampaignAudience[typeof part] = this.form.audience[part];
    this.form.audience[part] = chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id];
  }

  #change(): Change {
    const now = $state.snapshot(this.form) as Form;
    const changed = KEYS.filter((key) => JSON.stringify(now[key]) !== JSON.stringify(this.#sent[key]))
      // A name is never empty: while it is written anew, the old one stays.
      .filter((key) => key !== 'name' || now.name.trim() !== '');
    return Object.fromEntries(changed.map((key) => [key, now[key]]));
  }

  async #patch(change: Change): Promise<boolean> {
    this.#status = 'saving';
    try {
      const saved = await api.patch<Campaign>(`/api/campaigns/${this.id}`, change);
      Object.assign(this.#sent, change);
      this.#revision += 1;
      this.#onsaved(saved);
      return true;
    } catch (error) {
      this.#status = 'failed';
      this.#error = wordsFor(error);
      this.#fields = error instanceof ApiFault ? error.fields : {};
      return false;
    }
  }
}
