/**
 * All places that we send to, each with the limits that are in force there: the table's, with a team's own numbers and
 * rules laid over them. Changes hold from the next message on; nothing is restarted.
 */
import type { Provider } from '../config/providers.ts';
import type { ReplyRule } from '../config/provider-rules.ts';
import { limitsFor } from '../core/sending/limits.ts';
import type { Override } from '../core/store/shaping.ts';
import { Place, type WrittenThrottle } from './place.ts';

/** A team's own rule, and where it holds. */
export interface PlacedRule {
  place: string;
  rule: ReplyRule;
}

/** All places, made when first asked for. */
export class Shaper {
  readonly #places = new Map<string, Place>();
  readonly #tables = new Map<Place, Provider>();
  #overrides: readonly Override[] = [];
  #rules: readonly PlacedRule[] = [];
  onProbe: Place['onProbe'];

  place(sourceId: number, site: string, provider: Provider): Place {
    const scope = provider.scope === 'provider' ? `provider ${provider.id}` : `site ${site}`;
    const key = `${sourceId} ${scope}`;
    const known = this.#places.get(key);
    if (known !== undefined) {
      // The limits of a smarthost are edited in its row; those of a provider never change while we run.
      if (this.#tables.get(known) !== provider) this.#fit(known, provider);
      return known;
    }
    const place = new Place(sourceId, site, provider);
    place.onProbe = (...what) => this.onProbe?.(...what);
    this.#places.set(key, place);
    this.#fit(place, provider);
    return place;
  }

  /** A team's own numbers and rules, from now on; no connection is cut for them. */
  settle(overrides: readonly Override[], rules: readonly PlacedRule[]): void {
    this.#overrides = overrides;
    this.#rules = rules;
    for (const [place, provider] of this.#tables) this.#fit(place, provider);
  }

  /** The table's row of a place that is known. */
  tableAt(sourceId: number, site: string): Provider | undefined {
    for (const [place, table] of this.#tables)
      if (place.sourceId === sourceId && place.site === site) return table;
    return undefined;
  }

  #fit(place: Place, table: Provider): void {
    this.#tables.set(place, table);
    const site = table.scope === 'provider' ? '' : place.site;
    const own = this.#rules.filter((one) => one.place === '' || one.place === table.id || one.place === site);
    const { limits, whence } = limitsFor(table, site, place.sourceId, this.#overrides);
    const isAsTable = own.length === 0 && Object.keys(whence).length === 0;
    place.provider = isAsTable
      ? table
      : { ...table, ...limits, rules: [...own.map((one) => one.rule), ...table.rules] };
  }

  /**
   * What is written down rules: a throttle that is gone there was released, one that is new there was set by another node.
   * Answers the places where something was released.
   */
  mirror(
    written: readonly WrittenThrottle[],
    providerOf: (row: WrittenThrottle) => Provider | undefined,
  ): Place[] {
    const by = new Map<Place, Set<string>>();
    for (const row of written) {
      const provider = providerOf(row);
      if (provider === undefined) continue;
      const place = this.place(row.source_id, row.site, provider);
      place.restore(row);
      by.set(place, (by.get(place) ?? new Set()).add(`${row.site} ${row.rule}`));
    }
    return [...this.#places.values()].filter((place) =>
      place.releaseMissing((site, rule) => by.get(place)?.has(`${site} ${rule}`) ?? false),
    );
  }

  all(): Iterable<Place> {
    return this.#places.values();
  }
}
