/** Lifting a suppression, with a way back: what is put back stands there by hand, because a person decided it. */
import type { Answer, Suppression } from '../../contract.ts';
import { api } from './api.ts';
import { attempt } from './fault.ts';
import { session } from './session.svelte.ts';
import { toasts } from './toasts.svelte.ts';
import { say } from './words.svelte.ts';

type Lifted = Pick<Suppression, 'id' | 'scope' | 'evidence'> & { address: string };

/** `onchange` is called after the lifting, and again if it is undone. */
export async function lift(one: Lifted, onchange: () => void): Promise<void> {
  const lifted = await attempt(() => api.post<Answer<'liftSuppression'>>(`/api/suppressions/${one.id}/lift`));
  if (lifted === null) return;
  onchange();
  const putBack = async () => {
    // The contract takes no more of evidence than this, and never none.
    const evidence =
      one.evidence
        .replace(/\p{Cc}+/gu, ' ')
        .trim()
        .slice(0, 500) || say('suppression.undoEvidence');
    const body = { address: one.address, scope: one.scope, evidence };
    if ((await attempt(() => api.post('/api/suppressions', body))) === null) return;
    toasts.show(say('suppression.again'));
    onchange();
  };
  toasts.show(
    say('suppression.lifted'),
    session.may('suppression.add') ? { undo: () => void putBack() } : {},
  );
}
