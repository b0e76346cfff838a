/** Who comes in, and the team. Routes as the contract lists them. */
import { z } from 'zod';
import * as people from './people.ts';
import { nothing, one } from './primitive.ts';
import { table } from './route.ts';

export const peopleRoutes = table({
  session: {
    method: 'GET',
    path: '/api/session',
    permission: 'public',
    summary: 'Who is signed in, and whether there is anybody at all',
    response: people.session,
  },
  login: {
    method: 'POST',
    path: '/api/login',
    permission: 'public',
    summary: 'Sign in',
    body: people.login,
    response: people.session,
  },
  logout: {
    method: 'POST',
    path: '/api/logout',
    permission: 'signed-in',
    summary: 'Sign out',
    response: nothing,
  },
  linkInfo: {
    method: 'POST',
    path: '/api/welcome/look',
    permission: 'public',
    summary: 'What a one-time link is for, without using it',
    body: people.linkLook,
    response: people.linkInfo,
  },
  welcome: {
    method: 'POST',
    path: '/api/welcome',
    permission: 'public',
    summary: 'Use a one-time link: first owner, invitation, new password. Signs in',
    body: people.welcome,
    response: people.session,
  },
  updateMe: {
    method: 'PATCH',
    path: '/api/me',
    permission: 'signed-in',
    summary: 'Change one’s own name, language or theme',
    body: people.meChange,
    response: people.session,
  },
  changePassword: {
    method: 'POST',
    path: '/api/me/password',
    permission: 'signed-in',
    summary: 'Change one’s password; every other session ends',
    body: people.passwordChange,
    response: people.session,
  },
  users: {
    method: 'GET',
    path: '/api/users',
    permission: 'signed-in',
    summary: 'The team',
    response: z.object({ rows: z.array(people.user) }),
  },
  inviteUser: {
    method: 'POST',
    path: '/api/users',
    permission: 'team.manage',
    summary: 'Invite somebody: answers a link that works once, for seven days',
    body: people.invitation,
    response: people.oneTimeLink,
  },
  updateUser: {
    method: 'PATCH',
    path: '/api/users/:id',
    permission: 'team.manage',
    summary: 'Change a role or name, or disable; a new role or disabling ends their sessions',
    params: one,
    body: people.userChange,
    response: people.user,
  },
  resetLink: {
    method: 'POST',
    path: '/api/users/:id/reset-link',
    permission: 'team.manage',
    summary: 'A link to set a new password, once, for a day',
    params: one,
    response: people.oneTimeLink,
  },
});
