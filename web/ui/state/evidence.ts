/** Where the words that a rule went by stand in what is shown, whatever their spacing and case. */

export interface Part {
  text: string;
  isEvidence: boolean;
}

const escaped = (word: string): string => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** The text in parts, of which those that are the evidence say so; one part when it is not there. */
export function withEvidence(text: string, evidence: string | null): Part[] {
  const words = (evidence ?? '').split(/\s+/).filter((word) => word !== '');
  const whole = [{ text, isEvidence: false }];
  if (words.length === 0) return whole;
  const found = new RegExp(words.map(escaped).join('\\s+'), 'iu').exec(text);
  if (found === null) return whole;
  const end = found.index + found[0].length;
  return [
    { text: text.slice(0, found.index), isEvidence: false },
    { text: found[0], isEvidence: true },
    { text: text.slice(end), isEvidence: false },
  ].filter((part) => part.text !== '');
}
