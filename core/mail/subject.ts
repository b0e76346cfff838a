/** What a subject is about, without the marks that programs put before it: by it mail is compared with mail. */
const REPLY_MARK =
  /^\s*(?:(?:re|aw|antw|antwort|sv|vs|ref|réf|rép|rep|odp|ynt|回复|答复|回覆)\s*(?:\[\d{1,3}\]|\(\d{1,3}\))?\s*[:：]|\[(?:external|ext|extern|externe)\])\s*/i;
const FORWARD_MARK = /^\s*(?:fwd?|tr|wg|rv|enc|i|vb|转发|轉寄)\s*(?:\[\d{1,3}\])?\s*[:：]\s*/i;

/** The subject without the marks that programs put before it, in the languages they speak. */
export function baseSubject(subject: string): { base: string; isReply: boolean; isForward: boolean } {
  let rest = subject.trim();
  let isReply = false;
  let isForward = false;
  for (let i = 0; i < 20; i++) {
    if (REPLY_MARK.test(rest)) {
      isReply ||= !/^\s*\[/.test(rest);
      rest = rest.replace(REPLY_MARK, '');
    } else if (FORWARD_MARK.test(rest)) {
      isForward = true;
      rest = rest.replace(FORWARD_MARK, '');
    } else break;
  }
  return { base: rest.trim().toLowerCase().replace(/\s+/g, ' '), isReply, isForward };
}

/**
 * Where somebody answers under a new subject: for each such message, the subject that stood before. Notes and machine mail
 * have subjects of their own kind and change nothing.
 */
export function subjectsBefore(
  messages: readonly { id: number; direction: 'in' | 'out' | 'note'; kind: string; subject: string }[],
): Map<number, string> {
  const found = new Map<number, string>();
  let before = '';
  for (const { id, direction, kind, subject } of messages) {
    if (direction === 'note' || (direction === 'in' && kind !== 'reply')) continue;
    const { base } = baseSubject(subject);
    if (base === '') continue;
    if (direction === 'in' && before !== '' && baseSubject(before).base !== base) found.set(id, before);
    before = subject;
  }
  return found;
}
