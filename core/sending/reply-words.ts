/**
 * The words of a team's own reply rule. Not a regular expression, which can be made to run for minutes: plain words,
 * `*` for anything between, upper and lower case alike. The time it takes grows with the length of the reply, no more.
 */
export const LONGEST_WORDS = 200;

export interface ReplyWords {
  test(reply: string): boolean;
  readonly source: string;
}

/**
 * Words that occur in a reply one after the other. A star at an end means nothing; a figure at the beginning is no anchor.
 *
 *     replyWords('too many * from your IP').test('421 Too many spams from your IP')   // true
 */
export function replyWords(text: string): ReplyWords {
  const parts = text
    .toLowerCase()
    .split('*')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  return {
    source: text,
    test(reply) {
      // The first place of each part is enough: what follows only gets more room.
      const words = reply.toLowerCase();
      let at = 0;
      for (const part of parts) {
        const found = words.indexOf(part, at);
        if (found < 0) return false;
        at = found + part.length;
      }
      return parts.length > 0;
    },
  };
}

/** Why words cannot make a rule; undefined when they can. */
export function wordsFault(text: string): string | undefined {
  if (text.length > LONGEST_WORDS) return `is longer than ${LONGEST_WORDS} characters`;
  const letters = text.replaceAll('*', '').replace(/\s+/g, '');
  // "4" or "from" would fire on every reply.
  if (letters.length < 5) return 'needs at least five letters or figures besides the stars';
  return undefined;
}
