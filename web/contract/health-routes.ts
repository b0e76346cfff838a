/** Audience health. Routes as the contract lists them. */
import { audienceHealth } from './health.ts';
import { table } from './route.ts';

export const healthRoutes = table({
  audienceHealth: {
    method: 'GET',
    path: '/api/audience/health',
    permission: 'audience.read',
    summary: 'Fill rates, distributions, who cannot be reached, growth, and segments that suggest themselves',
    response: audienceHealth,
  },
});
