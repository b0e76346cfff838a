/** Purposes and the ledger of consents. Routes as the contract lists them. */
import * as consent from './consent.ts';
import { one } from './primitive.ts';
import { table } from './route.ts';

export const consentRoutes = table({
  purposes: {
    method: 'GET',
    path: '/api/purposes',
    permission: 'audience.read',
    summary: 'What people may agree to, with the sentences that stand beside the boxes',
    response: consent.purposes,
  },
  createPurpose: {
    method: 'POST',
    path: '/api/purposes',
    permission: 'settings.write',
    summary: 'Add a purpose',
    body: consent.newPurpose,
    response: consent.purpose,
  },
  updatePurpose: {
    method: 'PATCH',
    path: '/api/purposes/:id',
    permission: 'settings.write',
    summary: 'Change the words of a purpose, or retire it; consents keep the words that were read',
    params: one,
    body: consent.purposeChange,
    response: consent.purpose,
  },
  consents: {
    method: 'GET',
    path: '/api/contacts/:id/consents',
    permission: 'audience.read',
    summary: 'Everything that somebody agreed to, refused or took back, newest first',
    params: one,
    response: consent.consentRows,
  },
  recordConsent: {
    method: 'POST',
    path: '/api/contacts/:id/consents',
    permission: 'audience.write',
    summary: 'Write down what somebody said elsewhere; rows are only ever added',
    params: one,
    body: consent.newConsent,
    response: consent.consentRows,
  },
  exportPerson: {
    method: 'GET',
    path: '/api/contacts/:id/export',
    permission: 'audience.write',
    summary: 'Everything that is known of a person, as one JSON file for them (GDPR 15 and 20)',
    params: one,
    response: 'json',
  },
  erasePerson: {
    method: 'POST',
    path: '/api/contacts/:id/erase',
    permission: 'settings.write',
    summary:
      'Erase a person from every table and from the disk; the address is typed once more. Cannot be undone',
    params: one,
    body: consent.erasure,
    response: consent.erased,
  },
  exportContactConsents: {
    method: 'GET',
    path: '/api/contacts/:id/consents.csv',
    permission: 'audience.read',
    summary: 'The consents of one person as CSV',
    params: one,
    response: 'file',
  },
  exportConsents: {
    method: 'GET',
    path: '/api/consents.csv',
    permission: 'audience.read',
    summary: 'The whole ledger of consents as CSV',
    response: 'file',
  },
});
