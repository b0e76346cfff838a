/** How often people hear of us. Routes as the contract lists them. */
import { cap, capDraft, campaignPressure, contactPressure, pressure } from './pressure.ts';
import { nothing, one } from './primitive.ts';
import { table } from './route.ts';

export const pressureRoutes = table({
  pressure: {
    method: 'GET',
    path: '/api/pressure',
    permission: 'audience.read',
    summary:
      'Caps, how many bulk mails people got in 7 and 30 days, what waits for room and what was left out',
    response: pressure,
  },
  createCap: {
    method: 'POST',
    path: '/api/pressure/caps',
    permission: 'audience.write',
    summary: 'Cap the bulk mail that a person gets in any so many days; obeyed from the next claim on',
    body: capDraft,
    response: cap,
  },
  updateCap: {
    method: 'PUT',
    path: '/api/pressure/caps/:id',
    permission: 'audience.write',
    summary: 'Change a cap; what was put off by it is looked at again at its time',
    params: one,
    body: capDraft,
    response: cap,
  },
  deleteCap: {
    method: 'DELETE',
    path: '/api/pressure/caps/:id',
    permission: 'audience.write',
    summary: 'Lift a cap; what waited for it is due now',
    params: one,
    response: nothing,
  },
  contactPressure: {
    method: 'GET',
    path: '/api/contacts/:id/pressure',
    permission: 'audience.read',
    summary:
      'How many bulk mails a person got, the caps and the wish that are theirs, and when there is room again',
    params: one,
    response: contactPressure,
  },
  campaignPressure: {
    method: 'GET',
    path: '/api/campaigns/:id/pressure',
    permission: 'campaign.read',
    summary: 'How many of its recipients wait for room, and how many were left out by which cap',
    params: one,
    response: campaignPressure,
  },
});
