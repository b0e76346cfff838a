/** Imports over HTTP: the file comes as the raw body and is never held in memory; its rows are taken in core/audience. */
import { planOf, previewImport, receiveImport, startImport } from '../../core/audience/import.ts';
import { Problem } from '../../core/errors.ts';
import type { Runtime } from '../../core/runtime.ts';
import { importById, importErrors, imports, type ImportLine } from '../../core/store/import.ts';
import { HttpProblem } from '../http/errors.ts';
import type { SomeHandlers } from '../http/route.ts';

const TYPES = /^(text\/(csv|plain|tab-separated-values)|application\/(csv|octet-stream|vnd\.ms-excel))\b/i;

const line = (row: ImportLine) => ({
  ...row,
  mapping: planOf(row).columns,
  update_existing: row.update_existing === 1,
  // Known once the last row was read.
  rows_total: row.state === 'done' ? row.rows_done : null,
});

async function existing(rt: Runtime, id: number): Promise<ImportLine> {
  const row = await importById(rt.store.read, id);
  if (row === undefined) throw new Problem('not-found', 'there is no such import');
  return row;
}

async function preview(rt: Runtime, id: number) {
  const [row, look] = await Promise.all([existing(rt, id), previewImport(rt, id)]);
  return { ...look, import: line(row) };
}

export const importHandlers = {
  async imports({ rt }) {
    return { rows: (await imports(rt.store.read)).map(line) };
  },

  async uploadImport({ rt, ctx, query, user }) {
    if (!TYPES.test(ctx.get('Content-Type')))
      throw new HttpProblem(415, 'invalid', 'the body must be the file itself, as text/csv');
    const id = await receiveImport(rt, ctx.req, { fileName: query.file_name, by: user.id });
    return preview(rt, id);
  },

  importPreview: ({ rt, params }) => preview(rt, params.id),

  async startImport({ rt, params, body }) {
    await existing(rt, params.id);
    await startImport(rt, params.id, {
      mapping: body.mapping,
      listId: body.list_id,
      updateExisting: body.update_existing,
      newFields: body.new_fields,
      consent: body.consent,
    });
    return line(await existing(rt, params.id));
  },

  async import({ rt, params }) {
    return line(await existing(rt, params.id));
  },

  async importErrors({ rt, params, query }) {
    await existing(rt, params.id);
    const afterId = /^\d{1,15}$/.test(query.cursor ?? '') ? Number(query.cursor) : undefined;
    const page = await importErrors(rt.store.read, params.id, { afterId, limit: query.limit });
    return { rows: page.rows, next: page.next === null ? null : String(page.next) };
  },
} satisfies SomeHandlers;
