/**
 * Who may do what: the one table. A route names a permission, a role has permissions; nothing else decides. A test walks
 * every route with every role.
 */
import { Problem } from '../../core/errors.ts';
import type { Permission, Role } from '../contract.ts';

const everybody: Permission[] = ['public', 'signed-in'];
const readers: Permission[] = [
  ...everybody,
  'inbox.read',
  'audience.read',
  'campaign.read',
  'suppression.read',
  'sending.read',
];
const all: Permission[] = [
  ...readers,
  'inbox.write',
  'audience.write',
  'campaign.write',
  'campaign.send',
  'campaign.brake',
  'campaign.override',
  'suppression.add',
  'suppression.lift',
  'sending.write',
  'team.manage',
  'settings.write',
];

/**
 *   owner           everything; the only one who makes owners
 *   admin           everything else
 *   marketer        writes, sends, segments; reads the inbox, answers in it; cannot lift a suppression
 *   agent           answers mail, and may suppress who asks for it; sees who they write to
 *   deliverability  the machinery: queue, sources, domains, suppressions, the brake of a campaign, and answering for its
 *                   red checks
 *   viewer          looks
 */
export const policy: Record<Role, readonly Permission[]> = {
  owner: all,
  admin: all,
  marketer: [
    ...readers,
    'inbox.write',
    'audience.write',
    'campaign.write',
    'campaign.send',
    'campaign.brake',
    'suppression.add',
  ],
  agent: [...readers.filter((one) => one !== 'sending.read'), 'inbox.write', 'suppression.add'],
  deliverability: [
    ...readers,
    'campaign.brake',
    'campaign.override',
    'suppression.add',
    'suppression.lift',
    'sending.write',
  ],
  viewer: readers,
};

export const may = (role: Role | null, permission: Permission): boolean =>
  permission === 'public' || (role !== null && policy[role].includes(permission));

/** Throws: 401 for nobody, 403 for somebody who may not. */
export function demand(role: Role | null, permission: Permission): void {
  if (may(role, permission)) return;
  if (role === null) throw new Problem('unauthenticated', 'sign in first');
  throw new Problem('forbidden', 'your role does not allow this');
}
