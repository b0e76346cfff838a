/** Subjects with merge fields, made readable. */
import { expect, test } from 'vitest';
import { readable } from './merge.ts';

test('merge fields become their names, logic goes, the rest stays', () => {
  const check = (template: string, text: string) => expect(readable(template)).toBe(text);
  check('{{ contact.first_name | default: "Bonjour" }}, votre sélection', '[first_name], votre sélection');
  check('{% if contact.vip %}VIP {% endif %}Hello {{contact.fields.city}}', 'VIP Hello [city]');
  check('No fields, 100 % cotton {', 'No fields, 100 % cotton {');
});
