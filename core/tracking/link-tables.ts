/** The link tables of template versions, read once: a version never changes. Without its pictures it is small. */
import { templateSettings, type LinkUse, type TemplateSettings } from '../campaign/template.ts';
import { templateVersionById } from '../store/content.ts';
import { fromJson } from '../store/json.ts';
import type { Store } from '../store/open.ts';

export interface LinkTable {
  links: ReadonlyMap<number, LinkUse>;
  settings: TemplateSettings;
}

const KEPT = 200;
const NOTHING: LinkTable = { links: new Map(), settings: templateSettings({}) };

export interface LinkTables {
  of(templateVersionId: number | null): Promise<LinkTable>;
}

export function linkTables({ read }: Pick<Store, 'read'>): LinkTables {
  const known = new Map<number, Promise<LinkTable>>();
  const load = async (id: number): Promise<LinkTable> => {
    const row = await templateVersionById(read, id);
    const settings = templateSettings(fromJson<Partial<TemplateSettings>>(row?.settings, {}));
    return {
      links: new Map((settings.links ?? []).map((link) => [link.number, link])),
      settings: { ...settings, images: [] },
    };
  };
  return {
    of(id) {
      if (id === null) return Promise.resolve(NOTHING);
      const found = known.get(id);
      if (found !== undefined) return found;
      const loading = load(id);
      known.set(id, loading);
      loading.catch(() => known.delete(id));
      if (known.size > KEPT) known.delete(known.keys().next().value as number);
      return loading;
    },
  };
}
