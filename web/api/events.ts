/** Events that programs tell: which there are, what they hold, how long they are kept. */
import { eraseToldOf } from '../../core/audience/event-erase.ts';
import { Problem } from '../../core/errors.ts';
import { contactById } from '../../core/store/contact.ts';
import {
  changeEventType,
  eraseKind,
  eventType,
  eventTypes,
  propertiesOf,
  propertyCounts,
  type EventType,
} from '../../core/store/event-schema.ts';
import type { ShapeType } from '../../core/store/event-shape.ts';
import type { SomeHandlers } from '../http/route.ts';

const line = ({ erase_to, ...row }: EventType) => ({ ...row, deleting: erase_to !== null });
const missing = () => new Problem('not-found', 'no program told of such an event');

export const eventsHandlers = {
  async eventTypes({ rt }) {
    const [rows, properties] = [await eventTypes(rt.store.read), await propertyCounts(rt.store.read)];
    return {
      rows: rows.map((row) => ({ ...line(row), properties: properties.get(row.kind) ?? 0 })),
      keep_days: rt.config.events.keep_days,
      stranger_days: rt.config.events.stranger_days,
    };
  },
  async eventType({ rt, params: { kind } }) {
    const row = await eventType(rt.store.read, kind);
    if (row === undefined) throw missing();
    const properties = [...((await propertiesOf(rt.store.read, [kind])).get(kind)?.values() ?? [])];
    return {
      ...line(row),
      default_keep_days: rt.config.events.keep_days,
      properties: properties.map(({ types, samples, ...property }) => ({
        ...property,
        share: row.count === 0 ? 0 : Math.min(1, property.filled / row.count),
        types: Object.entries(types)
          .map(([type, count]) => ({ type: type as ShapeType, count }))
          .sort((a, b) => b.count - a.count),
        samples:
          samples === null || Object.keys(samples).length === 0
            ? null
            : Object.entries(samples)
                .map(([value, count]) => ({ value, count }))
                .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1)),
      })),
    };
  },
  async keepEvents({ rt, params: { kind }, body }) {
    if ((await eventType(rt.store.read, kind)) === undefined) throw missing();
    await rt.store.write((tx) => changeEventType(tx, kind, body));
    rt.wake.ring('events');
    return {};
  },
  async eraseEvents({ rt, params: { kind } }) {
    if (!(await rt.store.write((tx) => eraseKind(tx, kind)))) throw missing();
    rt.wake.ring('events');
    return {};
  },
  async erasePersonEvents({ rt, params }) {
    const deleted = await rt.store.write(async (tx) => {
      if ((await contactById(tx, params.id)) === undefined)
        throw new Problem('not-found', 'there is no such contact');
      return eraseToldOf(tx, params.id);
    });
    return { deleted };
  },
} satisfies SomeHandlers;
