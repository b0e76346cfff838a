/**
 * A shop's people and what they did, for segments that a marketer builds by hand: orders with lines, clicks on products,
 * birthdays, opens and replies. It is written into a store before Parley starts, and kept as plain objects, so that every
 * count can be worked out again without a line of SQL.
 */
import { systemClock } from '../core/clock.ts';
import { createLog } from '../core/log.ts';
import { addContacts, addFields, contactsByEmail } from '../core/store/contact.ts';
import { addShapes } from '../core/store/event-schema.ts';
import { shapesOf } from '../core/store/event-shape.ts';
import { addEvents } from '../core/store/event.ts';
import { openStore } from '../core/store/open.ts';
import { addEventsWithIds } from '../core/store/program-event.ts';
import { LAST_FR, MEN_FR, TOWNS_FR, WOMEN_FR } from './audience-names.ts';
import { pick, stream, weigh } from './random.ts';

const DAY = 86_400_000;

export interface Happening {
  kind: string;
  at: number;
  campaign_id?: number;
  data: Record<string, unknown>;
}
export interface Shopper {
  email: string;
  first_name: string;
  last_name: string;
  fields: Record<string, unknown>;
  events: Happening[];
}

const BRANDS = ['Bleu', 'Ondée', 'Rivage', 'Sauge'] as const;

/** Nothing happened within an hour of a whole day before now: where a window ends is for the oracle, not for the look. */
export function shoppers(count: number, now: number, seed = 7): Shopper[] {
  const random = stream(seed);
  const ago = (days: number) => now - Math.floor(random() * days) * DAY - 3 * 3_600_000;
  return Array.from({ length: count }, (_, at): Shopper => {
    const first_name = pick([...MEN_FR, ...WOMEN_FR], random());
    const last_name = pick(LAST_FR, random());
    const events: Happening[] = [];
    for (let n = Math.floor(random() * 5); n > 0; n--) {
      const products = Array.from({ length: 1 + Math.floor(random() * 3) }, () => ({
        brand: pick(BRANDS, random()),
        quantity: 1 + Math.floor(random() * 3),
        price: 5 + Math.floor(random() * 60),
      }));
      const total = products.reduce((sum, one) => sum + one.price * one.quantity, 0);
      events.push({ kind: 'order_placed', at: ago(500), data: { total, products } });
    }
    for (let n = Math.floor(random() * 4); n > 0; n--)
      events.push({ kind: 'product_clicked', at: ago(300), data: { brand: pick(BRANDS, random()) } });
    for (let n = Math.floor(random() * 3); n > 0; n--)
      events.push({ kind: 'opened', at: ago(250), campaign_id: 1, data: {} });
    if (random() < 0.3) events.push({ kind: 'replied', at: ago(400), campaign_id: 1, data: {} });
    const born = new Date(Date.UTC(1950, 0, 1) + Math.floor(random() * 20_000) * DAY)
      .toISOString()
      .slice(0, 10);
    // Somebody has a birthday soon, whenever this runs; some were born on a day that not every year has.
    const soon = `1992-${new Date(now + 3 * DAY).toISOString().slice(5, 10)}`;
    const birthdate = at === 1 ? soon : at % 50 === 0 ? '1992-02-29' : born;
    return {
      email: `p${at}.${seed}@client.example`,
      first_name,
      last_name,
      fields: {
        city: weigh(TOWNS_FR, random()),
        ...((at === 1 || random() < 0.9) && { birthdate }),
      },
      events,
    };
  });
}

/** Writes them into an empty store. */
export async function keepShoppers(url: string, people: readonly Shopper[], now: number): Promise<void> {
  const store = await openStore({ url, connections: 1 }, systemClock(), createLog('silent'));
  try {
    await store.write(async (tx) => {
      await addFields(
        tx,
        [
          { name: 'city', label: 'Ville', kind: 'text' },
          { name: 'birthdate', label: 'Date de naissance', kind: 'date' },
        ],
        now,
      );
      const drafts = people.map(({ fields, events: _events, ...person }) => ({
        ...person,
        fields: JSON.stringify(fields),
        source: 'lab',
      }));
      await addContacts(tx, drafts, now - 600 * DAY);
      const ids = await contactsByEmail(
        tx,
        people.map((one) => one.email),
      );
      const all = people.flatMap((one) =>
        one.events.map((event) => ({ ...event, contact_id: ids.get(one.email)?.id ?? null })),
      );
      const told = all.filter(({ campaign_id }) => campaign_id === undefined);
      await addEventsWithIds(tx, told);
      await addShapes(tx, shapesOf(told.map(({ kind, at, data }) => ({ kind, at, data }))));
      await addEvents(
        tx,
        all.filter(({ campaign_id }) => campaign_id !== undefined).map((event) => ({ ...event })),
      );
    });
  } finally {
    await store.close();
  }
}
