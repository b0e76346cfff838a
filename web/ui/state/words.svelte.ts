/**
 * The interface's words, in French and English, from one table; dates and numbers in the reader's language.
 */
import { audience } from '../words/audience.ts';
import { campaigns } from '../words/campaigns.ts';
import { checks } from '../words/checks.ts';
import { consent } from '../words/consent.ts';
import { dkim } from '../words/dkim.ts';
import { events } from '../words/events.ts';
import { egress } from '../words/egress.ts';
import { forms } from '../words/forms.ts';
import { imap } from '../words/imap.ts';
import { healthWords } from '../words/health.ts';
import { learntWords } from '../words/learnt.ts';
import { personaWords } from '../words/personas.ts';
import { planning } from '../words/planning.ts';
import { inbox } from '../words/inbox.ts';
import { malware } from '../words/malware.ts';
import { order } from '../words/order.ts';
import { programs } from '../words/programs.ts';
import { reports } from '../words/reports.ts';
import { safe } from '../words/safe.ts';
import { sending } from '../words/sending.ts';
import { settings } from '../words/settings.ts';
import { shaping } from '../words/shaping.ts';
import { shell } from '../words/shell.ts';
import { tracking } from '../words/tracking.ts';
import { segmentWords } from '../words/segments.ts';
import { ways } from '../words/ways.ts';
import { wish } from '../words/wish.ts';

export type Language = 'fr' | 'en';

const table = {
  ...shell,
  ...inbox,
  ...audience,
  ...campaigns,
  ...sending,
  ...reports,
  ...safe,
  ...shaping,
  ...checks,
  ...consent,
  ...settings,
  ...healthWords,
  ...learntWords,
  ...personaWords,
  ...planning,
  ...dkim,
  ...egress,
  ...forms,
  ...events,
  ...imap,
  ...malware,
  ...order,
  ...programs,
  ...tracking,
  ...segmentWords,
  ...ways,
  ...wish,
};
export type Key = keyof typeof table;

const column: Record<Language, 0 | 1> = { en: 0, fr: 1 };

/** `{name}` is replaced; `{n|one|many}` chooses by number, as the language counts. */
export function fill(text: string, values: Record<string, string | number>, language: Language): string {
  const plural = new Intl.PluralRules(language);
  return text.replace(
    /\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g,
    (whole, name: string, one?: string, many?: string) => {
      const value = values[name];
      if (value === undefined) return whole;
      if (one === undefined || many === undefined) {
        return typeof value === 'number' ? new Intl.NumberFormat(language).format(value) : value;
      }
      return plural.select(Number(value)) === 'one' ? one : many;
    },
  );
}

class Words {
  #language = $state<Language>('en');

  constructor() {
    if (typeof document === 'undefined') return;
    const kept = localStorage.getItem('language');
    const guessed = kept ?? (navigator.language.startsWith('fr') ? 'fr' : 'en');
    this.language = guessed === 'fr' ? 'fr' : 'en';
  }

  get language(): Language {
    return this.#language;
  }

  set language(language: Language) {
    this.#language = language;
    if (typeof document !== 'undefined') {
      document.documentElement.lang = language;
      localStorage.setItem('language', language);
    }
  }

  /** The sentence for a key. */
  say = (key: Key, values: Record<string, string | number> = {}): string =>
    fill(table[key][column[this.#language]], values, this.#language);

  /** The word for a value that the server sent (a state, a reason); the value itself when there is none. */
  word = (prefix: string, value: string | null | undefined): string => {
    const entry = (table as Record<string, readonly [string, string]>)[`${prefix}.${value ?? ''}`];
    return entry?.[column[this.#language]] ?? value ?? '';
  };

  /** A detail of a contact as a person reads it: dates as dates, numbers as numbers. */
  detail = (value: unknown): string => {
    if (value === null || value === undefined) return '';
    if (typeof value === 'number') return this.number(value);
    if (typeof value === 'boolean') return this.say(value ? 'yes' : 'no');
    if (typeof value !== 'string') return JSON.stringify(value);
    return /^\d{4}-\d{2}-\d{2}(T[\d:.]+(Z|[+-]\d{2}:\d{2})?)?$/.test(value) &&
      !Number.isNaN(Date.parse(value))
      ? this.day(Date.parse(value))
      : value;
  };

  number = (value: number): string => new Intl.NumberFormat(this.#language).format(value);

  share = (part: number, whole: number): string =>
    whole === 0
      ? '–'
      : new Intl.NumberFormat(this.#language, { style: 'percent', maximumFractionDigits: 1 }).format(
          part / whole,
        );

  /** The exact moment, for a tooltip. */
  moment = (at: number): string =>
    new Intl.DateTimeFormat(this.#language, {
      dateStyle: 'full',
      timeStyle: 'medium',
      hourCycle: 'h23',
    }).format(at);

  day = (at: number): string => new Intl.DateTimeFormat(this.#language, { dateStyle: 'medium' }).format(at);

  /** Short and relative: 10:02, yesterday, 12 Jul. */
  when = (at: number, now: number): string => {
    const date = new Date(at);
    const today = new Date(now);
    const days = Math.round((midnight(today) - midnight(date)) / 86_400_000);
    const time = new Intl.DateTimeFormat(this.#language, {
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
    if (days === 0) return time.format(date);
    if (days === 1 || days === -1) {
      const word = new Intl.RelativeTimeFormat(this.#language, { numeric: 'auto' }).format(-days, 'day');
      return days === 1 ? word : `${word} ${time.format(date)}`;
    }
    const sameYear = date.getFullYear() === today.getFullYear();
    return new Intl.DateTimeFormat(this.#language, {
      day: 'numeric',
      month: 'short',
      ...(sameYear ? {} : { year: 'numeric' }),
    }).format(date);
  };

  /** How long: 45 s, 3 min, 2 h. */
  span = (ms: number): string => {
    const unit = ms < 90_000 ? 'second' : ms < 90 * 60_000 ? 'minute' : ms < 36 * 3_600_000 ? 'hour' : 'day';
    const size = { second: 1000, minute: 60_000, hour: 3_600_000, day: 86_400_000 }[unit];
    return new Intl.NumberFormat(this.#language, {
      style: 'unit',
      unit,
      unitDisplay: 'short',
      maximumFractionDigits: 0,
    }).format(Math.max(0, Math.round(ms / size)));
  };
}

const midnight = (date: Date): number =>
  new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();

export const words = new Words();
export const say = words.say;
