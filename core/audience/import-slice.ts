/** From rows of a file to people: what each row says, and what one slice of them changes in the store, in one transaction. */
import { checkAddress, explainAddressFault } from '../mail/address.ts';
import { addConsents, type NewConsent } from '../store/consent.ts';
import {
  addContacts,
  changeContacts,
  contactsByEmail,
  widestSuppressions,
  type ContactDraft,
} from '../store/contact.ts';
import { addEvents, type NewEvent } from '../store/event.ts';
import { addImportErrors, advanceImport, type ImportJob, type NewImportError } from '../store/import.ts';
import { fromJson, toJson } from '../store/json.ts';
import { joinList } from '../store/list.ts';
import { contactsByExternalId } from '../store/person-key.ts';
import type { Db, Row } from '../store/tables.ts';
import type { CsvFault, CsvRow } from './csv.ts';
import type { ImportPlan } from './import.ts';
import { isTimezone, tagsOf, valueOf } from './import-mapping.ts';
import { stamped } from './traits.ts';

/** Who agreed to what, as the person who imports claims. */
export interface ConsentClaim {
  purpose: string;
  method: string;
  source: string;
  text: string;
}

/** What one row says of a person. */
export interface Person {
  line: number;
  email: string;
  columns: Partial<
    Pick<Row<'contact'>, 'first_name' | 'last_name' | 'language' | 'timezone' | 'external_id'>
  >;
  fields: Record<string, string | number | boolean>;
  tags: string[];
  consentSource: string | undefined;
  consentAt: number | undefined;
  /** Values that were left out since they are not of the field's kind. */
  leftOut: NewImportError[];
}

export type ReadRow = { kind: 'person'; person: Person } | { kind: 'error'; error: NewImportError };

const faults: Record<CsvFault, string> = {
  'unbalanced-quote': 'has a quote that is never closed',
  'stray-quote': 'has a quote in the middle of a cell',
  'too-long': 'is longer than 64 KB',
};

// What no cell may hold; tabs and line breaks may stand in free text.
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;
const LONGEST_VALUE = 5000;

/** How to read the rows of a file with that header. */
export function rowReader(plan: ImportPlan, header: readonly string[]): (row: CsvRow) => ReadRow {
  const columns = header.map((name) => ({ name, target: plan.columns[name] ?? null }));
  return (row) => {
    const fail = (reason: string, column_name = ''): ReadRow => ({
      kind: 'error',
      error: { line: row.line, column_name, reason, raw: visible(row) },
    });
    if (row.kind === 'fault') return fail(faults[row.fault]);
    const { cells } = row;
    if (cells.length < columns.length)
      return fail(`has ${cells.length} cells where the header has ${columns.length}`);
    if (cells.slice(columns.length).some((cell) => cell.trim() !== ''))
      return fail(`has ${cells.length} cells where the header has ${columns.length}`);
    const person: Person = {
      line: row.line,
      email: '',
      columns: {},
      fields: {},
      tags: [],
      consentSource: undefined,
      consentAt: undefined,
      leftOut: [],
    };
    for (const [at, { name, target }] of columns.entries()) {
      const cell = cells[at] ?? '';
      if (CONTROL.test(cell) && target !== null) return fail('contains a control character', name);
      if (target === 'email') {
        const reading = checkAddress(cell);
        if (reading.kind === 'invalid') return fail(explainAddressFault(reading.fault), name);
        person.email = reading.address.key;
      } else if (target !== null && cell.trim() !== '') {
        if (cell.length > LONGEST_VALUE) return fail(`is longer than ${LONGEST_VALUE} characters`, name);
        put(person, plan, target, cell, name, visible(row));
      }
    }
    return person.email === '' ? fail('has no address') : { kind: 'person', person };
  };
}

function put(
  person: Person,
  plan: ImportPlan,
  target: string,
  cell: string,
  column_name: string,
  raw: string,
): void {
  const leaveOut = (reason: string) => person.leftOut.push({ line: person.line, column_name, reason, raw });
  const oneLine = cell.trim().replace(/\s+/g, ' ');
  switch (target) {
    case 'first_name':
    case 'last_name':
    case 'external_id':
      person.columns[target] = oneLine.slice(0, 200);
      return;
    case 'language':
      if (/^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$/.test(oneLine))
        person.columns.language = oneLine.replaceAll('_', '-').toLowerCase();
      else leaveOut('is not a language such as fr or en-GB: left out');
      return;
    case 'timezone':
      if (isTimezone(oneLine)) person.columns.timezone = oneLine;
      else leaveOut('is not a time zone such as Europe/Paris: left out');
      return;
    case 'tags':
      person.tags = tagsOf(cell);
      return;
    case 'consent.source':
      person.consentSource = oneLine.slice(0, 500);
      return;
    case 'consent.at': {
      const day = valueOf('date', oneLine);
      if (day === undefined) leaveOut('is not a date: left out');
      else person.consentAt = Date.parse(String(day));
      return;
    }
    default: {
      const name = target.slice('fields.'.length);
      const kind = plan.kinds[name] ?? 'text';
      const value = valueOf(kind, cell);
      if (value === undefined) leaveOut(`is not a ${kind}: left out`);
      else person.fields[name] = value;
    }
  }
}

/** The row for people to see: what cannot be shown, or kept in every store, becomes a sign. */
const visible = (row: CsvRow): string =>
  (row.kind === 'fault' ? row.raw : row.cells.join(' | '))
    .slice(0, 1000)
    // oxlint-disable-next-line no-control-regex
    .replace(/[\u0000-\u001f\u007f]/g, '\ufffd')
    .toWellFormed();

// ── the slice ─────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * What a slice changes, with the resume point in the same transaction. Throws `SliceTaken`, which takes all of it back,
 * when the resume point is not where this slice begins.
 */
export async function takeSlice(
  tx: Db,
  job: ImportJob,
  rows: readonly ReadRow[],
  now: number,
  isErased: (address: string) => boolean = () => false,
): Promise<void> {
  const source = `import:${job.id}`;
  const people = new Map<string, Person>();
  const errors: NewImportError[] = [];
  let duplicates = 0;
  let failed = 0;
  for (const row of rows) {
    if (row.kind === 'error') {
      failed++;
      errors.push(row.error);
      continue;
    }
    if (isErased(row.person.email)) {
      failed++;
      // Without the row: it would bring back what was erased.
      errors.push({
        line: row.person.line,
        column_name: '',
        reason: 'asked to be erased: only they can come back, by a form',
        raw: '',
      });
      continue;
    }
    errors.push(...row.person.leftOut);
    if (people.has(row.person.email)) duplicates++;
    else people.set(row.person.email, row.person);
  }
  const emails = [...people.keys()];
  const [known, suppressed] = [await contactsByEmail(tx, emails), await widestSuppressions(tx, emails)];
  // A person whom an earlier slice of this very file made.
  const twins = emails.filter((email) => known.get(email)?.source === source);
  duplicates += twins.length;
  for (const email of twins) people.delete(email);
  errors.push(...(await letGoOfTakenIds(tx, people, known)));

  const added = await addContacts(
    tx,
    [...people.values()].filter((one) => !known.has(one.email)).map((one) => draft(one, source)),
    now,
  );
  const changes = job.update_existing === 1 ? changesTo([...people.values()], known, now) : [];
  await changeContacts(tx, changes, now);

  const ids = new Map<number, Person>();
  for (const person of people.values()) {
    const id = added.get(person.email) ?? known.get(person.email)?.id;
    if (id !== undefined) ids.set(id, person);
  }
  // Who may not be mailed gets no new standing through a file: neither a list nor a consent.
  const welcome = [...ids].filter(([, person]) => !suppressed.has(person.email));
  const joined =
    job.list_id === null
      ? []
      : await joinList(
          tx,
          job.list_id,
          welcome.map(([id]) => id),
          source,
          now,
        );
  await consentIn(tx, job, new Map(welcome), now);
  await addEvents(tx, [
    ...[...added.values()].map((contact_id): NewEvent => ({
      kind: 'imported',
      at: now,
      contact_id,
      data: { import: job.id, file: job.file_name },
    })),
    ...joined.map((contact_id): NewEvent => ({
      kind: 'joined_list',
      at: now,
      contact_id,
      data: { list: job.list_id, import: job.id },
    })),
  ]);
  await addImportErrors(tx, job.id, errors);
  const advanced = await advanceImport(tx, job.id, job.rows_done, {
    rows: rows.length,
    created: added.size,
    updated: changes.length,
    duplicates,
    unchanged: people.size - added.size - changes.length,
    failed,
  });
  if (!advanced) throw new SliceTaken();
}

/** The slice was committed by another process, or the import was ended. */
export class SliceTaken extends Error {
  constructor() {
    super('another process goes on with this import');
    this.name = 'SliceTaken';
  }
}

const draft = (person: Person, source: string): ContactDraft => ({
  email: person.email,
  ...person.columns,
  fields: toJson(person.fields),
  tags: toJson(person.tags),
  source,
});

/** What the file says beyond, or against, what is known; people of whom it says nothing new are left out. */
function changesTo(
  people: readonly Person[],
  known: ReadonlyMap<string, Row<'contact'>>,
  now: number,
): Row<'contact'>[] {
  const changed = new Map<number, Row<'contact'>>();
  for (const person of people) {
    const found = known.get(person.email);
    // Two lines may be about two addresses of one person.
    const row = found === undefined ? undefined : (changed.get(found.id) ?? found);
    if (row === undefined) continue;
    const fields = fromJson<Record<string, unknown>>(row.fields, {});
    const tags = fromJson<string[]>(row.tags, []);
    const isNew =
      Object.entries(person.columns).some(([name, value]) => row[name as keyof Row<'contact'>] !== value) ||
      Object.entries(person.fields).some(([name, value]) => fields[name] !== value) ||
      person.tags.some((tag) => !tags.includes(tag));
    if (!isNew) continue;
    changed.set(row.id, {
      ...row,
      ...person.columns,
      fields: toJson({ ...fields, ...person.fields }),
      tags: toJson([...new Set([...tags, ...person.tags])]),
      set_at: stamped(
        row.set_at,
        [...Object.keys(person.columns), ...Object.keys(person.fields).map((name) => `fields.${name}`)],
        now,
      ),
    });
  }
  return [...changed.values()];
}

/** An external id is one person's: a line that gives somebody else's, or one that another line gave, goes without it. */
async function letGoOfTakenIds(
  tx: Db,
  people: ReadonlyMap<string, Person>,
  known: ReadonlyMap<string, Row<'contact'>>,
): Promise<NewImportError[]> {
  const said = [...people.values()].flatMap((one) => one.columns.external_id ?? []);
  if (said.length === 0) return [];
  const owners = await contactsByExternalId(tx, [...new Set(said)]);
  const given = new Map<string, number | string>();
  const errors: NewImportError[] = [];
  for (const person of people.values()) {
    const { external_id: id } = person.columns;
    if (id == null) continue;
    const me = known.get(person.email)?.id ?? person.email;
    const owner = owners.get(id) ?? given.get(id) ?? me;
    given.set(id, owner);
    if (owner === me) continue;
    delete person.columns.external_id;
    const reason = 'is the external id of another contact: left out';
    errors.push({ line: person.line, column_name: 'external_id', reason, raw: id });
  }
  return errors;
}

/** Records who agreed, except of those who took it back, and of those whose consent we have. */
async function consentIn(
  tx: Db,
  job: ImportJob,
  people: ReadonlyMap<number, Person>,
  now: number,
): Promise<void> {
  const claim = fromJson<ConsentClaim | null>(job.consent, null);
  if (claim === null || people.size === 0) return;
  const said = await tx
    .selectFrom('consent')
    .select('contact_id')
    .distinct()
    .where('contact_id', 'in', [...people.keys()])
    .where('purpose', '=', claim.purpose)
    .execute();
  const settled = new Set(said.map((row) => row.contact_id));
  const consents = [...people]
    .filter(([id]) => !settled.has(id))
    .map(([contact_id, person]): NewConsent => ({
      contact_id,
      purpose: claim.purpose,
      state: 'given',
      method: claim.method,
      source: person.consentSource ?? claim.source,
      text: claim.text,
      evidence: {
        import: job.id,
        file: job.file_name,
        hash: job.file_hash,
        line: person.line,
        claimed: claim.source,
        by: job.created_by,
        recorded_at: now,
      },
      at: person.consentAt ?? now,
    }));
  await addConsents(tx, consents);
}
