/** What receivers report about our mail: DMARC, TLS and complaints, added up; and a report whole. */
import { z } from 'zod';
import { count, flag, id, limit, line, time } from './primitive.ts';

const day = z.int();
const kind = z.enum(['dmarc', 'dmarc-failure', 'tlsrpt']);

export const finding = z.discriminatedUnion('kind', [
  z.object({
    kind: z.enum(['stranger', 'own-fails', 'own-dkim', 'own-spf']),
    domain: z.string(),
    ip: z.string(),
    /** The name of our own source; null: not ours. */
    source: z.string().nullable(),
    messages: count,
    /** 0 to 1. */
    share: z.number(),
    refused: count,
    result: z.string(),
  }),
  z.object({
    kind: z.literal('tls'),
    domain: z.string(),
    result: z.string(),
    messages: count,
    share: z.number(),
    /** A name a line. */
    reporters: z.string(),
    detail: z.string(),
  }),
]);

export const report = z.object({
  id,
  kind,
  domain: z.string(),
  organisation: z.string(),
  report_id: z.string(),
  from_domain: z.string(),
  /** Empty: nothing proves its sender. */
  proved_by: z.string(),
  begins_at: time,
  ends_at: time,
  day,
  messages: count,
  copies: count,
});

export const overview = z.object({
  findings: z.array(finding),
  days: z.array(
    z.object({ day, domain: z.string(), reports: count, messages: count, passed: count, refused: count }),
  ),
  sources: z.array(
    z.object({
      domain: z.string(),
      source_ip: z.string(),
      source_name: z.string().nullable(),
      messages: count,
      reporters: z.string(),
      both: count,
      dkim_only: count,
      spf_only: count,
      neither: count,
      none: count,
      quarantined: count,
      rejected: count,
      dkim_domain: z.string(),
      dkim_result: z.string(),
      spf_domain: z.string(),
      last_day: day,
    }),
  ),
  failures: z.array(
    z.object({
      domain: z.string(),
      source_ip: z.string(),
      source_name: z.string().nullable(),
      header_from: z.string(),
      delivery_result: z.string(),
      alignment: z.string(),
      messages: count,
      reporters: z.string(),
      last_day: day,
    }),
  ),
  tls: z.array(
    z.object({
      domain: z.string(),
      policy: z.string(),
      result: z.string(),
      sessions: count,
      reporters: z.string(),
      mx: z.string(),
      detail: z.string(),
      last_day: day,
    }),
  ),
  /** Our own sessions with others, as the sender saw them. */
  own_tls: z.array(
    z.object({
      day,
      domain: z.string(),
      policy: z.string(),
      mx: z.string(),
      result: z.string(),
      sessions: count,
      detail: z.string(),
    }),
  ),
  complaints: z.array(
    z.object({
      day,
      provider: z.string().nullable(),
      campaign_id: id.nullable(),
      campaign: z.string().nullable(),
      complaints: count,
    }),
  ),
  reports: z.array(report),
  unproved_reports: count,
  unproved_complaints: count,
  /** Ours, to choose from. */
  domains: z.array(z.string()),
});

export const asked = z.strictObject({
  days: limit(400, 7),
  domain: line(253).optional(),
  /** Also reports whose sender nothing proves. */
  unproved: flag.default(false),
  limit: limit(500, 100),
});

export const whole = z.object({
  report: report.extend({
    contact: z.string(),
    policy: z.record(z.string(), z.string()),
    problems: z.array(z.string()),
    lines: count,
    created_at: time,
  }),
  sources: z.array(
    z.object({
      id,
      source_ip: z.string(),
      source_name: z.string().nullable(),
      messages: count,
      disposition: z.string(),
      dkim: z.string(),
      spf: z.string(),
      header_from: z.string(),
      envelope_from: z.string(),
      dkim_domain: z.string(),
      dkim_selector: z.string(),
      dkim_result: z.string(),
      spf_domain: z.string(),
      spf_result: z.string(),
      reason: z.string(),
    }),
  ),
  tls: z.array(
    z.object({
      id,
      domain: z.string(),
      policy: z.string(),
      result: z.string(),
      sessions: count,
      mx: z.string(),
      sending_ip: z.string(),
      receiving_ip: z.string(),
      detail: z.string(),
    }),
  ),
  failures: z.array(
    z.object({
      id,
      source_ip: z.string(),
      messages: count,
      failure: z.string(),
      alignment: z.string(),
      delivery_result: z.string(),
      header_from: z.string(),
      dkim_domain: z.string(),
      dkim_selector: z.string(),
    }),
  ),
});
