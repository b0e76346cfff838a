/** A form's row as what is shown of it: the fields by their labels, the boxes by the sentences of their purposes. */
import type { Runtime } from '../../core/runtime.ts';
import { fields as customFields } from '../../core/store/contact.ts';
import { fromJson } from '../../core/store/json.ts';
import { purposes } from '../../core/store/purpose.ts';
import type { Row } from '../../core/store/tables.ts';
import type { FormTexts } from '../contract/form.ts';
import { formWordsOf } from './form-words.ts';
import type { AskedField, FormView } from './form-page.ts';
import type { Language } from './words.ts';

export type Shown = Omit<FormView, 'stamp' | 'isFramed' | 'typed'>;

export async function shownForm(
  rt: Pick<Runtime, 'store'>,
  form: Row<'form'>,
  language: Language,
): Promise<Shown> {
  const db = rt.store.read;
  const [known, custom] = await Promise.all([purposes(db), customFields(db)]);
  const words = formWordsOf(language);
  return {
    publicId: form.public_id,
    language,
    texts: fromJson<Record<Language, FormTexts>>(form.texts, {} as Record<Language, FormTexts>)[language],
    fields: fromJson<string[]>(form.fields, []).flatMap((name): AskedField[] => {
      if (name === 'first_name' || name === 'last_name') return [{ name, label: words[name], kind: 'text' }];
      const field = custom.find((one) => one.name === name);
      return field === undefined ? [] : [{ name, label: field.label, kind: field.kind }];
    }),
    boxes: fromJson<string[]>(form.purposes, []).flatMap((name) => {
      const purpose = known.find((one) => one.name === name && one.retired_at === null);
      if (purpose === undefined) return [];
      return [{ purpose: name, text: language === 'fr' ? purpose.description_fr : purpose.description_en }];
    }),
    privacyUrl: form.privacy_url,
  };
}

/** What agreeing to the list itself was read as: the words above the button, and the button. */
export const listText = ({ texts }: Pick<Shown, 'texts'>): string =>
  [texts.title, texts.intro, `[${texts.button}]`].filter((text) => text !== '').join('\n');
