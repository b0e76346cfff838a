/** The small shapes that every part of the API is made of: ids, times, pages, words that a person types. */
import { z } from 'zod';

export const id = z.int().min(1);
/** Milliseconds since 1970. */
export const time = z.int();
export const count = z.int().min(0);

/** An id in an address: digits only, so that nothing else reaches a query. */
export const idParam = z
  .string()
  .regex(/^[1-9]\d{0,15}$/, 'is not an id')
  .transform(Number)
  .pipe(z.int().min(1));

export const optionalId = idParam.optional();
export const limit = (largest: number, usual: number) =>
  z
    .string()
    .regex(/^\d{1,5}$/, 'is not a number')
    .transform(Number)
    .pipe(z.int().min(1).max(largest))
    .default(usual);
export const flag = z.enum(['true', 'false']).transform((word) => word === 'true');
export const cursor = z.string().max(200).optional();

/** Words on one line: no control characters, so that they can stand in a header. */
export const line = (longest: number) =>
  z
    .string()
    .max(longest)
    // oxlint-disable-next-line no-control-regex
    .refine((text) => !/[\u0000-\u001f\u007f]/.test(text), 'holds a control character or a line break')
    .transform((text) => text.trim());
export const neededLine = (longest: number) => line(longest).refine((text) => text !== '', 'is empty');
export const emailLine = neededLine(320).refine(
  (text) => /^[^@\s]+@[^@\s]+$/.test(text),
  'is not an address',
);

export const language = z.enum(['fr', 'en']);
export const theme = z.enum(['system', 'light', 'dark']);
export const nothing = z.object({});
export const made = z.object({ id });
/** JSON that the API hands through as it is. */
export const anyJson = z.unknown();

export const pageOf = <T extends z.ZodType>(row: T) =>
  z.object({
    rows: z.array(row),
    /** Hand it in as `cursor` to get what comes after; null at the end. */
    next: z.string().nullable(),
  });

/** The one parameter of most addresses. */
export const one = z.strictObject({ id: idParam });
