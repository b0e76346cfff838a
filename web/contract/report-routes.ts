/** Receivers' reports: added up, and one of them whole. Nothing here changes anything. */
import { one } from './primitive.ts';
import * as report from './report.ts';
import { table } from './route.ts';

export const reportRoutes = table({
  reports: {
    method: 'GET',
    path: '/api/reports',
    permission: 'sending.read',
    summary: 'What receivers report about our mail, by domain, day and source; TLS both ways; complaints',
    query: report.asked,
    response: report.overview,
  },
  report: {
    method: 'GET',
    path: '/api/reports/:id',
    permission: 'sending.read',
    summary: 'One report with its lines, the largest first',
    params: one,
    response: report.whole,
  },
});
