/**
 * What a receiver's refusal means, from its whole answer: the code, the enhanced code, the words. One classifier for what
 * is said in session and for what comes back in a bounce an hour later, so that both mean the same. The knowledge is data
 * in `config/bounce-rules.ts` and `config/bounce-phrases.ts`.
 *
 * In this order: an exact enhanced code, unless plainer words contradict it; the provider's own phrases; generic phrases;
 * a vague enhanced code; the code alone. Doubt never suppresses a person: where the code says "no such user" and the
 * words say "you are on a list", the words win.
 */
import { genericPhrases, providerPhrases } from '../../config/bounce-phrases.ts';
import { codeRules, providerStatusRules, statusRules } from '../../config/bounce-rules.ts';
import type { PhraseRule, StatusRule } from '../../config/bounce-rules.ts';
import { classified, isBounceClass } from './bounce-class.ts';
import type { BounceClass } from './bounce-class.ts';
import { findStatus } from './status.ts';

/** Phrases say what they have to say early; the rest of a long reply is links and trace ids. */
const LOOKED_AT = 600;

const STATED = /^\s*(?:([245]\d\d)(?:[ -]|$))?\s*(?:[245]\.\d{1,3}\.\d{1,3}(?:\s+|$))?/;

/**
 * The class of a refusal, with what follows from it.
 *
 * `code` is the basic code (0 when a bounce states none), `enhanced` the status as `5.1.1`, `text` the words, `provider`
 * an id of `config/providers.ts` when it is known (a bounce often hides it: then every provider's phrases are tried).
 * What is temporary, the basic code says, else the enhanced one; a rule may only soften a 5xx.
 *
 *     classifyReply(550, '5.1.1', 'User unknown').class                                   // 'invalid-recipient'
 *     classifyReply(550, '5.7.1', "not accepted due to domain's DMARC policy").suppress    // 'never'
 *     classifyReply(450, '4.2.1', 'is receiving mail at a rate', 'google').class           // 'recipient-rate'
 */
export function classifyReply(
  code: number,
  enhanced: string | undefined,
  text: string,
  provider?: string | null,
): BounceClass {
  // A bounce's diagnostic is the whole reply; a session's has its codes apart already.
  const [stated = '', statedCode] = STATED.exec(text.slice(0, LOOKED_AT)) ?? [];
  if (code === 0 && statedCode !== undefined) code = Number(statedCode);
  const words = text.slice(stated.length, LOOKED_AT);
  const status = findStatus(enhanced ?? text.slice(0, LOOKED_AT), code === 0 ? undefined : code);
  const line = [code === 0 ? '' : code, status?.text ?? '', words].filter((part) => part !== '').join(' ');
  // RFC 5321 4.2.1: the first digit decides; a bounce without one is taken for what a bounce is.
  const isTemporary = code >= 400 ? code < 500 : status?.class === 4;

  const exact = status && statusOf(`${status.subject}.${status.detail}`, provider);
  const own = providerPhrases.find((rule) => isAt(rule, provider) && rule.pattern.test(line));
  const generic = genericPhrases.find((rule) => rule.pattern.test(line));
  const certain = exact !== undefined && exact.vague !== true;
  if (certain) {
    if (own?.overrules === true) return verdict(own.class, isTemporary, own);
    if (generic?.overrules === true && isBlamedOnRecipient(exact.class))
      return verdict(generic.class, isTemporary, generic);
    return verdict(exact.class, isTemporary);
  }
  const phrase = own ?? generic;
  // "Policy" and "try later" are what is said when nothing is said; a code that says anything at all says more.
  const isHollow = phrase !== undefined && HOLLOW.has(phrase.class) && phrase.provider === undefined;
  const saysMore = exact !== undefined && exact.class !== 'unknown' && !isBlamedOnRecipient(exact.class);
  if (phrase !== undefined && !(isHollow && saysMore)) return verdict(phrase.class, isTemporary, phrase);
  const said = exact === undefined || exact.class === 'unknown' ? codeRules[code] : exact.class;
  return verdict(said ?? 'unknown', isTemporary);
}

const HOLLOW = new Set(['policy-refused', 'server-busy']);

/** Microsoft answers alike at all of its doors. */
const family = (provider: string) =>
  provider === 'office365' || provider === 'office365-dane' ? 'outlook' : provider;

function isAt(rule: PhraseRule, provider: string | null | undefined): boolean {
  if (!provider || provider === 'default') return true;
  return rule.provider === provider || family(rule.provider ?? '') === family(provider);
}

function statusOf(key: string, provider: string | null | undefined): StatusRule | undefined {
  return providerStatusRules[provider ?? '']?.[key] ?? statusRules[key];
}

function isBlamedOnRecipient(name: string): boolean {
  return isBounceClass(name) && classified(name).blame === 'recipient';
}

function verdict(name: string, isTemporary: boolean, rule?: PhraseRule): BounceClass {
  if (!isBounceClass(name)) return classified(isTemporary ? 'unknown-temporary' : 'unknown-permanent');
  return classified(name, { temporary: isTemporary || rule?.temporary === true });
}
