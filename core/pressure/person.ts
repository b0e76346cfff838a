/** How one person stands: what they got, what is under way, each cap that is about them, and when there is room again. */
import { contactById } from '../store/contact.ts';
import { caps, mailsToward } from '../store/pressure.ts';
import type { Db } from '../store/tables.ts';
import { capOfWish, isAbout, LONGEST_DAYS, roomAt, type Cap } from './cap.ts';
import { membersOf } from './limit.ts';

const DAY_MS = 86_400_000;

export async function pressureOf(db: Db, contactId: number, now: number) {
  const contact = await contactById(db, contactId);
  if (contact === undefined) return undefined;
  const [all, mails] = await Promise.all([
    caps(db),
    mailsToward(db, [contactId], now - LONGEST_DAYS * DAY_MS),
  ]);
  const members = await membersOf(db, all, [contactId], now);
  const theirs: (Cap & { id: number | null })[] = [
    ...(contact.max_frequency === 'all' ? [] : [{ id: null, ...capOfWish(contact.max_frequency) }]),
    ...all.filter((cap) => cap.segment_id === null || members.get(cap.segment_id)?.has(contactId)),
  ];
  const since = (days: number) => mails.filter((mail) => (mail.at ?? now) > now - days * DAY_MS);
  const arrived = mails.flatMap((mail) => mail.at ?? []);
  return {
    at: now,
    week: since(7).length,
    month: since(30).length,
    last_at: arrived.length === 0 ? null : Math.max(...arrived),
    wish: contact.max_frequency,
    caps: theirs.map((cap) => {
      const room = roomAt(cap, mails, now);
      return {
        id: cap.id,
        most: cap.most,
        days: cap.days,
        got: since(cap.days).filter((mail) => isAbout(cap, mail)).length,
        list_id: cap.list_id,
        brand_id: cap.brand_id,
        room_at: room > now ? room : null,
      };
    }),
  };
}
