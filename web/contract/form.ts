/** Sign-up forms, as the interface edits them. */
import { z } from 'zod';
import { count, id, line, neededLine, time } from './primitive.ts';

export const formText = z.strictObject({
  title: neededLine(120),
  intro: line(600),
  button: neededLine(60),
  /** Shown once it is confirmed, where nobody is sent on to another page. */
  done: line(600),
});
/** The same, as it is answered. */
const shownText = z.object({ title: z.string(), intro: z.string(), button: z.string(), done: z.string() });
export type FormTexts = z.output<typeof shownText>;
export const formTexts = z.strictObject({ fr: formText, en: formText });

/** http(s) only: it stands in a link on a public page. */
const webAddress = line(500).refine(
  (text) => text === '' || (/^https?:\/\//i.test(text) && URL.canParse(text)),
  'is not a web address (https://…)',
);

const wanted = {
  name: neededLine(100),
  list_id: id,
  /** Names of purposes; each is a box. */
  purposes: z.array(neededLine(64)).max(10),
  /** `first_name`, `last_name`, or a custom field. */
  fields: z.array(neededLine(64)).max(20),
  texts: formTexts,
  privacy_url: webAddress,
  redirect: webAddress,
};
export const newForm = z.strictObject(wanted);
export const formChange = z.strictObject({ ...wanted, active: z.boolean() }).partial();

export const form = z.object({
  id,
  public_id: z.string(),
  name: z.string(),
  brand_id: id,
  list_id: id,
  list_name: z.string(),
  purposes: z.array(z.string()),
  fields: z.array(z.string()),
  texts: z.object({ fr: shownText, en: shownText }),
  privacy_url: z.string(),
  redirect: z.string(),
  version: z.int(),
  active: z.boolean(),
  asked: count,
  confirmed: count,
  created_at: time,
  updated_at: time,
  /** The hosted page. */
  url: z.string(),
  /** To paste into another site, by language. */
  snippets: z.object({
    fr: z.object({ html: z.string(), frame: z.string() }),
    en: z.object({ html: z.string(), frame: z.string() }),
  }),
});
export const forms = z.object({ rows: z.array(form) });
