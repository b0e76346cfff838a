/**
 * What a person wrote, apart from what their program put around it. The answer is segments with their places, never a
 * shortened text: the interface folds what is old, storage keeps all. One pass over lines, every look-ahead bounded, no
 * pattern that can run away (reference: a popular library needs eleven seconds for twenty kilobytes of "On x wrote").
 */
export type SegmentKind = 'new' | 'quoted' | 'signature' | 'forwarded' | 'disclaimer';

export interface Segment {
  kind: SegmentKind;
  start: number;
  end: number;
}

export interface ReplyOptions {
  /** Where the writer's own program says that the old message begins (HTML containers). */
  cut?: number;
  /** The text of the mail that is answered, when we hold it: its lines are recognised without any mark. */
  ownText?: string;
}

export interface ReplyReading {
  segments: Segment[];
  /** The new words alone. */
  visible: string;
  /** The new words with the signature. */
  withSignature: string;
}

interface Line {
  text: string;
  start: number;
  end: number;
  kind: SegmentKind;
}

const MAX_CHARACTERS = 64 * 1024;
const MAX_LINES = 1000;
const HEADER_WINDOW = 6;

/** Splits a mail's text. Empty result: everything is shown, since hiding a person's words is the worse fault. */
export function readReply(text: string, { cut = text.length, ownText }: ReplyOptions = {}): ReplyReading {
  const lines = linesOf(text);
  if (!startsWithForward(lines)) {
    markQuotes(lines);
    if (ownText !== undefined) markOwnLines(lines, ownText);
    for (const line of lines) if (line.start >= cut && line.kind === 'new') line.kind = 'quoted';
    unmarkWhenNothingIsLeft(lines);
    markSignature(lines);
  }
  const segments = segmentsOf(lines, text.length);
  return {
    segments,
    visible: wordsOf(lines, (kind) => kind === 'new' || kind === 'forwarded'),
    withSignature: wordsOf(lines, (kind) => kind === 'new' || kind === 'forwarded' || kind === 'signature'),
  };
}

function linesOf(text: string): Line[] {
  const lines: Line[] = [];
  let start = 0;
  while (start <= text.length) {
    const past = start > MAX_CHARACTERS || lines.length >= MAX_LINES;
    const at = past ? -1 : text.indexOf('\n', start);
    const end = at < 0 ? text.length : at;
    lines.push({ text: text.slice(start, end), start, end, kind: 'new' });
    if (at < 0) break;
    start = at + 1;
  }
  return lines;
}

// ── what begins the old message ─────────────────────────────────────────────────────────────────────────────────────

const ORIGINAL = new RegExp(
  `^[>\\s*]*[-_=—–]{2,}\\s*(?:${[
    'original message',
    'original appointment',
    'reply message',
    "message d'origine",
    'message original',
    'message initial',
    'message transmis',
    'ursprungliche nachricht',
    'originalnachricht',
    'original-nachricht',
    'ursprungligt meddelande',
    'oprindelig meddelelse',
    'opprinnelig melding',
    'alkuperainen viesti',
    'mensaje original',
    'mensagem original',
    'messaggio originale',
    'oorspronkelijk bericht',
    'wiadomosc oryginalna',
    'oryginalna wiadomosc',
    'puvodni zprava',
    'исходное сообщение',
    'исходное письмо',
    'оригинальное сообщение',
    'пересылаемое сообщение',
    '原始邮件',
    '原始郵件',
    'antwort',
    'thu ban dau',
  ].join('|')})[-_=—–\\s*]*$`,
  'i',
);

const FORWARD =
  /^[>\s*]*(?:[-_=—–]{2,}\s*(?:forwarded|message transf|message transmis|weitergeleitete|mensaje reenviado|mensagem encaminhada|messaggio inoltrato|doorgestuurd|videresendt|vidarebefordrat|пересылаемое|转发|轉寄)|begin forwarded message|debut du message (?:transfere|reexpedie)|anfang der weitergeleiteten|inicio del mensaje reenviado|inizio messaggio inoltrato)/i;

/** Verbs that end "On … X wrote:". */
const WROTE =
  /(?:^|[\s>*)"'.,\d])(?:wrote|writes|sent|a ecrit|ecrit|schrieb|geschrieben|escribio|ha scritto|scrive|schreef|geschreven|escreveu|skrev|skrifaði|napisal(?:\(a\)|a)?|napsal(?:\(a\))?|kirjoitti|написал(?:\(а\)|а)?|пишет|wrote the following|da viet|написав|пише|写道|寫道|のメッセージ|作成|작성)\s*(?:the following|le texte suivant)?\s*[:：]?\s*\*?\s*(?:>\s*)?$/i;
const WROTE_WITH_TEXT = /(?:\d{4}|@|\d:\d\d).{0,200}\b(?:wrote|a ecrit|schrieb|escribio)\s*:\s*\S/i;
const ON =
  /^[>\s*-]*(?:on|at|le|am|el|il|op|em|den|d|pe|w dniu|dnia|dne|ma|le|vao|vào|в|вт|пн|ср|чт|пт|сб|вс|在|於|quoting|den|lau?g)\b/i;
/** "X <x@example.org> schrieb am Fr., 28. Apr. 2017 um 11:53 Uhr:", "Den 15. jun. skrev X <…>:" */
const MIDDLE_VERB =
  /\b(?:schrieb|skrev|wrote|schreef|escribio|ha scritto)\b.{0,160}(?:\d{1,2}[.:]\d{2}|\b(?:19|20)\d\d|@).{0,100}:\s*$/i;
/** "2014-10-17 11:28 GMT+03:00 X <x@example.org>:" */
const DATE_FIRST = /^\s*(?:19|20)\d\d[-/.]\d{1,2}[-/.]\d{1,2}\b.{0,200}<\s*[^<>\s]+@[^<>\s]+>\s*:?\s*$/;
const HAS_DATE_OR_ADDRESS =
  /@|\d{1,2}[.:/h]\d{2}|\b(?:19|20)\d\d\b|\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}|\d+\s?[年월月]/;

const HEADER_LABEL = new RegExp(
  `^[>\\s*_]*(?:(${[
    'from|de|von|da|van|fra|fran|lahettaja|od|от|від|от кого|发件人|寄件者|差出人|od|remitente|afsender',
  ].join('|')})|(${[
    'to|a|an|para|per|aan|til|till|vastaanottaja|do|komu|кому|收件人|收件者|宛先|pour|destinataire',
  ].join('|')})|(${[
    'sent|date|envoye|envoye le|gesendet|datum|enviado|enviado el|enviado em|fecha|data|inviato|verzonden|sendt|skickat|dato|lahetetty|wyslano|wyslany|odeslano|отправлено|дата|надіслано|发送时间|日期|日時|sendt',
  ].join('|')})|(${[
    'subject|objet|sujet|betreff|asunto|assunto|oggetto|onderwerp|emne|amne|aihe|temat|predmet|тема|主题|主旨|件名',
  ].join(
    '|',
  )})|(${['cc|copie|kopie|copia|kopia|kopio|копия|抄送|副本|reply-to|repondre a|antwort an|importance|bcc'].join('|')}))\\s*:\\*?\\s*(.*)$`,
  'i',
);

function plain(text: string): string {
  return text.length > 2000
    ? text.slice(0, 2000)
    : text
        .normalize('NFKD')
        .replace(/\p{M}/gu, '')
        .replaceAll('ł', 'l')
        .replace(/[’‘]/g, "'")
        .replace(/\u00a0/g, ' ');
}

function startsWithForward(lines: Line[]): boolean {
  const index = lines.findIndex((line) => line.text.trim() !== '');
  if (index < 0 || !FORWARD.test(plain(lines[index]!.text))) return false;
  for (const line of lines) line.kind = 'forwarded';
  return true;
}

function markQuotes(lines: Line[]): void {
  for (let i = 0; i < lines.length; i++) {
    const text = plain(lines[i]!.text);
    if (text.trim() === '') continue;
    const length = openingLength(lines, i, text);
    if (length > 0) {
      markOld(lines, i, length);
      // What comes under a mark without ">" is old to the end; with ">" the writer may go on below.
      if (lines[i]!.kind !== 'new' && !isFollowedByMarks(lines, i + length)) {
        for (let j = i; j < lines.length; j++) lines[j]!.kind = 'quoted';
        return;
      }
      i += length - 1;
    } else if (/^\s*>/.test(text)) lines[i]!.kind = 'quoted';
  }
}

function markOld(lines: Line[], from: number, length: number): void {
  for (let j = from; j < from + length && j < lines.length; j++) lines[j]!.kind = 'quoted';
}

function isFollowedByMarks(lines: Line[], from: number): boolean {
  for (let j = from; j < Math.min(lines.length, from + 4); j++) {
    const text = lines[j]!.text;
    if (text.trim() !== '') return /^\s*>/.test(text);
  }
  return false;
}

/** How many lines the mark is that begins the old message here; 0 when there is none. */
function openingLength(lines: Line[], at: number, text: string): number {
  if (ORIGINAL.test(text) || FORWARD.test(text)) return 1;
  const block = headerBlockLength(lines, at);
  if (block > 0) return block;
  // A rule right above a header block belongs to it.
  if (/^\s*[_*=-]{5,}\s*$/.test(text)) {
    let next = at + 1;
    while (next < lines.length && next < at + 3 && lines[next]!.text.trim() === '') next++;
    const below = headerBlockLength(lines, next);
    if (below > 0) return next - at + below;
  }
  return wroteLength(lines, at, text);
}

/** "On Tue, Ana <ana@example.org> wrote:", over up to six lines. */
function wroteLength(lines: Line[], at: number, first: string): number {
  const starts = ON.test(first);
  if (!starts && !HAS_DATE_OR_ADDRESS.test(first) && !WROTE.test(first)) return 0;
  const quoted = /^\s*>/.test(first);
  let joined = '';
  for (let j = at; j < Math.min(lines.length, at + (starts ? HEADER_WINDOW : 3)); j++) {
    const text = j === at ? first : plain(lines[j]!.text);
    if (j > at && text.trim() === '') return 0;
    if (j > at && /^\s*>/.test(text) !== quoted) return 0;
    joined += ` ${text.trim()}`;
    if (joined.length > 600) return 0;
    if (WROTE.test(text.trimEnd()) && HAS_DATE_OR_ADDRESS.test(joined)) return j - at + 1;
    if (j === at && starts && WROTE_WITH_TEXT.test(text)) return 1;
    if (MIDDLE_VERB.test(joined) || DATE_FIRST.test(joined)) return j - at + 1;
    // A sentence that ended is not a date.
    if (/[.!?]\s*$/.test(text) && !/\b(?:[ap]\.m|\w{2,4})\.\s*$/i.test(text)) return 0;
  }
  return 0;
}

/** Outlook's From/Sent/To/Subject: three of the four kinds of label within a few lines, the first one From or Date. */
function headerBlockLength(lines: Line[], at: number): number {
  const kinds = new Set<number>();
  let j = at;
  let last = at;
  for (; j < Math.min(lines.length, at + 10); j++) {
    const text = plain(lines[j]!.text);
    if (text.trim() === '' && j > at) {
      if (kinds.size >= 2 && j === last + 1) continue;
      break;
    }
    const match = HEADER_LABEL.exec(text);
    if (match === null) {
      // A folded line of the same field.
      if (j === last + 1 && j > at && kinds.size > 0 && text.length < 200) continue;
      break;
    }
    const kind = match.slice(1, 6).findIndex((group) => group !== undefined);
    if (j === at && kind !== 0 && kind !== 2 && kind !== 3) return 0;
    kinds.add(kind);
    last = j;
  }
  const main = [0, 1, 2, 3].filter((kind) => kinds.has(kind)).length;
  return main >= 3 || (main === 2 && kinds.has(2) && (kinds.has(1) || (kinds.has(0) && kinds.has(4))))
    ? last - at + 1
    : 0;
}

// ── our own words, sent back ────────────────────────────────────────────────────────────────────────────────────────

const SHORTEST_OWN_LINE = 25;

/** Lines of the mail that we sent are old wherever they stand, with or without a mark. */
function markOwnLines(lines: Line[], ownText: string): void {
  const own = new Set<string>();
  for (const line of ownText.slice(0, MAX_CHARACTERS).split('\n')) {
    const key = squeezed(line);
    if (key.length >= SHORTEST_OWN_LINE) own.add(key);
  }
  for (const line of lines) {
    if (line.kind === 'new' && line.text.length < 4000 && own.has(squeezed(line.text))) line.kind = 'quoted';
  }
}

const squeezed = (text: string): string => text.replace(/[\s>*_]+/g, '').toLowerCase();

function unmarkWhenNothingIsLeft(lines: Line[]): void {
  if (lines.some((line) => line.kind === 'new' && line.text.trim() !== '')) return;
  for (const line of lines) line.kind = 'new';
}

// ── signatures ──────────────────────────────────────────────────────────────────────────────────────────────────────

const SENT_FROM =
  /^[\s*_]*(?:sent (?:from|via) (?:my|mobile|mail|outlook|yahoo|samsung|proton|android|iphone|ipad|a |the )|get outlook for|envoye (?:de mon|depuis|a partir)|provenance\s*:|gesendet (?:von|mit)|von meinem \S+ gesendet|enviado (?:desde|do meu|de mi)|inviato da|verstuurd vanaf|verzonden (?:vanaf|met)|skickat fran|sendt fra|lahetetty|отправлено (?:с|из)|wyslane? z|sent using|diese nachricht wurde von)/i;
const SIGN_OFF =
  /^\s*(?:(?:best|kind|warm|many|with (?:best|kind)) (?:regards|wishes)|best|regards|rgds|cheers|thanks(?: (?:again|in advance|a lot|so much))?|thank you|many thanks|sincerely|yours(?: (?:sincerely|truly|faithfully))?|cordially|respectfully|cordialement|bien cordialement|bien a (?:vous|toi)|salutations|sinceres salutations|mit freundlichen grussen|mit freundlichen gruß?ss?en|freundliche grusse|viele grusse|beste grusse|liebe grusse|mfg|lg|un saludo|saludos(?: cordiales)?|atentamente|cordiali saluti|distinti saluti|saluti|met vriendelijke groet(?:en)?|groeten|atenciosamente|abracos|vennlig hilsen|med vanlig halsning|med venlig hilsen|terveisin|pozdrawiam|s uvazheniem|с уважением)\s*[,.!]?\s*$/i;
const KEEP =
  /\?|\bp\.?\s?s\.?\s*[:.]|\bunsubscri|\bdesinscri|\bdesabonn|\babmeld|\bdarme de baja|\bcancel|\bau fait\b|\bby the way\b|\bbtw\b/i;
const MAX_SIGNATURE_LINES = 12;

/** The block at the end of the new words that says who wrote. Never a question, a postscript or a wish. */
function markSignature(lines: Line[]): void {
  const mine = lines.filter((line) => line.kind === 'new');
  const words = mine.findIndex((line) => line.text.trim() !== '');
  for (let i = words; i >= 0 && i < mine.length; i++) {
    const text = plain(mine[i]!.text);
    // RFC 3676 4.3: "-- " on a line of its own; many leave out the space or draw a longer line.
    const isDelimiter = /^\s*(?:--|—|–)\s*$/.test(text) || /^\s*__+\s*$/.test(text);
    const isLastName = /^\s*-\s?\p{Lu}[\p{L}.]+(?: \p{Lu}[\p{L}.]+){0,2}\s*$/u.test(text);
    const isSentFrom = SENT_FROM.test(text) && !/\w, .*\.\s*$/.test(text);
    const starts = isDelimiter || isSentFrom || isLastName || (SIGN_OFF.test(text) && hasMore(mine, i));
    if (!starts || (i === words && !SENT_FROM.test(text))) continue;
    const rest = mine.slice(i);
    const filled = rest.filter((line) => line.text.trim() !== '');
    if (filled.length > MAX_SIGNATURE_LINES) continue;
    if (rest.slice(1).some((line) => KEEP.test(plain(line.text)))) continue;
    if (!isDelimiter && filled.some((line) => line.text.length > 120)) continue;
    for (const line of rest) line.kind = 'signature';
    return;
  }
}

/** A lone "thanks" at the end is a word, not a signature. */
const hasMore = (lines: Line[], at: number): boolean =>
  lines.slice(at + 1).some((line) => line.text.trim() !== '');

// ── the answer ──────────────────────────────────────────────────────────────────────────────────────────────────────

function segmentsOf(lines: Line[], length: number): Segment[] {
  const segments: Segment[] = [];
  for (const line of lines) {
    const last = segments.at(-1);
    if (last !== undefined && (last.kind === line.kind || line.text.trim() === '')) last.end = line.end;
    else {
      if (last !== undefined) last.end = line.start;
      segments.push({ kind: line.kind, start: line.start, end: line.end });
    }
  }
  const last = segments.at(-1);
  if (last !== undefined) last.end = length;
  return segments;
}

function wordsOf(lines: Line[], wanted: (kind: SegmentKind) => boolean): string {
  const text = lines
    .filter((line) => wanted(line.kind))
    .map((line) => line.text)
    .join('\n')
    .trim();
  return text === ''
    ? lines
        .map((line) => line.text)
        .join('\n')
        .trim()
    : text;
}
