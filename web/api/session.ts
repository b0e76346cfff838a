/** Signing in and out, one's own account, the team. */
import { Problem } from '../../core/errors.ts';
import { endSession, endSessionsOf, forgetOldSessions, type LiveSession } from '../../core/store/session.ts';
import type { Row } from '../../core/store/tables.ts';
import { addAudit, changeUser, isWithoutUsers, userByEmail, userById, users } from '../../core/store/user.ts';
import { invite, lookAtLink, resetLink, updateUser, useWelcome } from '../account.ts';
import { beginSession, setSessionCookie } from '../http/auth.ts';
import { hashPassword, isPassword } from '../http/password.ts';
import { policy } from '../http/policy.ts';
import type { Call, SomeHandlers } from '../http/route.ts';
import type { RouteName } from '../contract.ts';

const sessionOf = (user: Row<'user'>, csrf: string, now: number) => ({
  user: { ...user, permissions: [...policy[user.role]] },
  csrf,
  first_run: false,
  now,
});

const userLine = (user: Row<'user'>) => ({ ...user, has_password: user.password_hash !== null });

/** Signs somebody in anew: the old session ends, so that a planted cookie is worth nothing. */
async function signIn({ rt, ctx, session, now }: Call<RouteName>, userId: number) {
  const { token, csrf, user } = await rt.store.write(async (tx) => {
    if (session !== null) await endSession(tx, session.id);
    await forgetOldSessions(tx, now);
    const made = await beginSession(
      tx,
      userId,
      { ip: String(ctx.state.ip), agent: ctx.get('User-Agent') },
      now,
    );
    const user = await userById(tx, userId);
    if (user === undefined) throw new Problem('not-found', 'there is no such user');
    return { ...made, user };
  });
  setSessionCookie(ctx, rt.config, token);
  return sessionOf(user, csrf, now);
}

export const sessionHandlers = {
  async session({ rt, session, now }) {
    if (session !== null) return sessionOf(session.user, session.csrf, now);
    return { user: null, csrf: null, first_run: await isWithoutUsers(rt.store.read), now };
  },

  async login(call) {
    const { rt, ctx, limits, body } = call;
    await limits.login(String(ctx.state.ip), body.email);
    const user = await userByEmail(rt.store.read, body.email);
    const usable = user !== undefined && user.disabled_at === null ? user : undefined;
    // The same work and the same words for an unknown user, a wrong password and a disabled account.
    if (!(await isPassword(body.password, usable?.password_hash ?? null)) || usable === undefined)
      throw new Problem('unauthenticated', 'address or password is not right');
    await limits.loginWorked(String(ctx.state.ip), body.email);
    return signIn(call, usable.id);
  },

  async logout({ rt, ctx, session }) {
    await rt.store.write((tx) => endSession(tx, (session as LiveSession).id));
    setSessionCookie(ctx, rt.config, '');
    return {};
  },

  async linkInfo({ rt, ctx, limits, body }) {
    await limits.link(String(ctx.state.ip));
    const { link, user } = await lookAtLink(rt, body.token);
    return {
      purpose: link.purpose,
      email: user?.email ?? null,
      name: user?.name ?? null,
      role: user?.role ?? link.role,
      expires_at: link.expires_at,
    };
  },

  async welcome(call) {
    const { rt, ctx, limits, body, now } = call;
    await limits.link(String(ctx.state.ip));
    await lookAtLink(rt, body.token);
    const hash = await hashPassword(body.password);
    const id = await rt.store.write((tx) => useWelcome(tx, body, hash, now));
    return signIn(call, id);
  },

  async updateMe({ rt, user, session, body, now }) {
    await rt.store.write((tx) => changeUser(tx, user.id, body));
    return sessionOf({ ...user, ...body }, (session as LiveSession).csrf, now);
  },

  async changePassword(call) {
    const { rt, ctx, limits, user, body, now } = call;
    await limits.login(String(ctx.state.ip), user.email);
    if (!(await isPassword(body.current, user.password_hash)))
      throw new Problem('invalid', 'the current password is not right', {
        fields: { current: 'is not right' },
      });
    await limits.loginWorked(String(ctx.state.ip), user.email);
    const hash = await hashPassword(body.next);
    await rt.store.write(async (tx) => {
      await changeUser(tx, user.id, { password_hash: hash });
      await endSessionsOf(tx, user.id);
      await addAudit(tx, { userId: user.id, action: 'password changed', subject: `user:${user.id}` }, now);
    });
    return signIn(call, user.id);
  },

  async users({ rt }) {
    return { rows: (await users(rt.store.read)).map(userLine) };
  },

  inviteUser: ({ rt, body, user }) => invite(rt, body, user.id),

  async updateUser({ rt, params, body, user }) {
    return userLine(await updateUser(rt, params.id, body, user));
  },

  async resetLink({ rt, params, user }) {
    const target = await userById(rt.store.read, params.id);
    if (target?.role === 'owner' && user.role !== 'owner')
      throw new Problem('forbidden', 'only an owner may do this for an owner');
    return resetLink(rt, params.id, user.id);
  },
} satisfies SomeHandlers;
