/** The characters that HTML writes by name or number: those that mail programs use. */
const entities = new Map<string, string>(
  Object.entries({
    amp: '&',
    lt: '<',
    gt: '>',
    quot: '"',
    apos: "'",
    nbsp: '\u00a0',
    eacute: 'é',
    egrave: 'è',
    ecirc: 'ê',
    agrave: 'à',
    acirc: 'â',
    ccedil: 'ç',
    ocirc: 'ô',
    ucirc: 'û',
    ugrave: 'ù',
    icirc: 'î',
    iuml: 'ï',
    euml: 'ë',
    auml: 'ä',
    ouml: 'ö',
    uuml: 'ü',
    szlig: 'ß',
    Auml: 'Ä',
    Ouml: 'Ö',
    Uuml: 'Ü',
    Eacute: 'É',
    Agrave: 'À',
    ntilde: 'ñ',
    aacute: 'á',
    iacute: 'í',
    oacute: 'ó',
    uacute: 'ú',
    iquest: '¿',
    iexcl: '¡',
    laquo: '«',
    raquo: '»',
    rsquo: '’',
    lsquo: '‘',
    ldquo: '“',
    rdquo: '”',
    ndash: '–',
    mdash: '—',
    hellip: '…',
    euro: '€',
    copy: '©',
    reg: '®',
    bull: '•',
    middot: '·',
    oelig: 'œ',
    deg: '°',
    zwnj: '',
    zwj: '',
    shy: '',
    ensp: ' ',
    emsp: ' ',
    thinsp: ' ',
  }),
);

const REFERENCE = /&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z]{2,8}));?/gi;
// HTML 13.2.5.73: within an attribute "&copy=1" is part of an address, not a sign.
const REFERENCE_IN_ATTRIBUTE = /&(?:#x([0-9a-f]{1,6});?|#(\d{1,7});?|([a-z]{2,8})(?:;|(?![a-z0-9=])))/gi;

export const decodeEntities = (text: string): string =>
  text.includes('&') ? text.replace(REFERENCE, decodeOne) : text;

export const decodeAttribute = (value: string): string =>
  value.includes('&') ? value.replace(REFERENCE_IN_ATTRIBUTE, decodeOne) : value;

function decodeOne(
  whole: string,
  hex: string | undefined,
  decimal: string | undefined,
  name: string | undefined,
): string {
  if (name !== undefined) return entities.get(name) ?? entities.get(name.toLowerCase()) ?? whole;
  const code = hex === undefined ? Number(decimal) : parseInt(hex, 16);
  if (code === 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return '\ufffd';
  return String.fromCodePoint(code);
}
