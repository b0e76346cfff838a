/** A subject line with merge fields, as one reads it in a list: `{{ contact.first_name | default: "you" }}` is `[first_name]`. */
export const readable = (template: string): string =>
  template
    .replace(/\{\{-?\s*([\w.]+)[^}]*\}\}/g, (_, path: string) => `[${path.split('.').at(-1)}]`)
    .replace(/\{%[^%]*%\}/g, '')
    .replace(/\s{2,}/g, ' ')
    .trim();
