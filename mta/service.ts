/**
 * The house that sends. Read `deliver.ts` for the story of one message; this is the map:
 *
 *   pickup.ts     what others committed moves on: fan-out, schedules, pauses, the end of a campaign
 *   manager.ts    the database side of the queue: look, claim, hand out
 *     content.ts    templates compiled, keys parsed, answers read: what a delivery refers to
 *     stops.ts      what people stopped, and who may not be mailed, in memory
 *     route.ts      recipient domain → MX hosts, site, provider
 *     source.ts     which of our addresses it leaves from
 *     shaper.ts     the limits in force at every place: the table's with a team's own laid over them
 *     place.ts      how fast one source may go at one place, and why something waits
 *     throttle-book.ts  what replies asked for, written down and read back; blocks are looked at again
 *     ready.ts      what one source may now send to one site, and the connections that send it
 *       deliver.ts    one message: fill, sign, connect, may I?, send, outcome
 *         sign.ts, connect.ts, session.ts, outcome.ts
 *     encryption.ts  what hosts must prove (proof.ts: dane.ts, sts.ts), broken TLS, and how sessions ended
 *     result.ts     what an attempt comes to as a row; retry.ts says when the next one is
 *     settler.ts    results written down in batches
 *   sweep.ts      the deliveries of an order follow it, slice by slice (pace.ts)
 *   tidy.ts       ended deliveries step out of the way; what nobody takes up is given up
 *   key-round.ts  DKIM keys change by schedule
 *   gauges.ts     how much waits, for Prometheus
 *   submission.ts mail that programs hand in on 587 and 465; submission-door.ts slows down who guesses passwords
 *   program-round.ts  webhooks are told, and a credential that bounces too much is held
 *   commands.ts   parley queue
 */
import { hostname } from 'node:os';
import type { Role, Runtime } from '../core/runtime.ts';
import { Gauges } from './gauges.ts';
import { KeyRound } from './key-round.ts';
import { Manager } from './manager.ts';
import { Pickup } from './pickup.ts';
import { listenForSubmission, type SubmissionListener } from './submission.ts';
import { ProgramRound } from './program-round.ts';
import { SourceRound } from './source-round.ts';
import { Sweeper } from './sweep.ts';
import { Tidy } from './tidy.ts';

export function mta(runtime: Runtime): Role {
  const manager = new Manager(runtime, runtime.config.mta.hostname || hostname());
  const pickup = new Pickup(runtime);
  const sweeper = new Sweeper(runtime, { isQuiet: (sourceId) => manager.isQuiet(sourceId) });
  const tidy = new Tidy(runtime);
  const keyRound = new KeyRound(runtime);
  const sourceRound = new SourceRound(runtime, runtime.config.mta.hostname || hostname());
  const gauges = new Gauges(runtime, () => manager.connections);
  const programRound = new ProgramRound(runtime);
  let submission: SubmissionListener | undefined;
  return {
    name: 'mta',
    async start() {
      await manager.start();
      pickup.start();
      sweeper.start();
      tidy.start();
      keyRound.start();
      programRound.start();
      sourceRound.start();
      gauges.start();
      const { port, tls_port: tlsPort } = runtime.config.mta.submission;
      if (port === 0 && tlsPort === 0) return;
      submission = await listenForSubmission(runtime, {
        port: port || undefined,
        tlsPort: tlsPort || undefined,
      });
      runtime.log.info('listening for submission', { port: submission.port, tlsPort: submission.tlsPort });
    },
    async stop() {
      await submission?.close();
      await programRound.stop();
      await gauges.stop();
      await sourceRound.stop();
      await keyRound.stop();
      await tidy.stop();
      await sweeper.stop();
      await pickup.stop();
      await manager.stop();
    },
  };
}
