/**
 * The one writer of error bodies. What a stranger may read is the message of a `Problem`; everything else is a fault of
 * ours, is logged with its cause, and is told as "something went wrong" with the request's id.
 */
import type Koa from 'koa';
import { ZodError } from 'zod';
import { Problem, type ProblemCode } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { Overload } from '../../core/submission/pressure.ts';
import type { ErrorBody } from '../contract.ts';
import { TooMany } from './limit.ts';

/** A refusal whose status is HTTP's own matter. */
export class HttpProblem extends Problem {
  readonly status: number;

  constructor(status: number, code: ProblemCode, message: string, fields: Record<string, string> = {}) {
    super(code, message, { fields });
    this.status = status;
  }
}

const statusOf: Record<ProblemCode, number> = {
  invalid: 422,
  'not-found': 404,
  conflict: 409,
  forbidden: 403,
  unauthenticated: 401,
  'too-many': 429,
  'too-large': 413,
  unavailable: 503,
};

/** First in the onion after the log: catches what anything below throws. */
export function errors(log: Log): Koa.Middleware {
  return async function errors(ctx, next) {
    try {
      await next();
    } catch (error) {
      if (ctx.res.headersSent || !ctx.writable) {
        log.warn('response broke off', { request: ctx.state.requestId, error });
        ctx.res.destroy();
        return;
      }
      const { status, problem } = read(error);
      if (status >= 500)
        log.error('request failed', { request: ctx.state.requestId, route: ctx.state.route, error });
      const body: ErrorBody = {
        error: {
          code: problem.code,
          message: problem.message,
          ...(Object.keys(problem.fields).length > 0 && { fields: problem.fields }),
        },
      };
      if (status === 500) body.error.message = `${problem.message} (${String(ctx.state.requestId)})`;
      if (error instanceof TooMany || error instanceof Overload)
        ctx.set('Retry-After', String(error.retryAfter));
      if (status === 503) ctx.set('Retry-After', '5');
      ctx.set('Cache-Control', 'no-store');
      ctx.status = status;
      ctx.body = body;
    }
  };
}

interface Reading {
  status: number;
  problem: { code: string; message: string; fields: Record<string, string> };
}

function read(error: unknown): Reading {
  if (error instanceof HttpProblem) return { status: error.status, problem: error };
  if (error instanceof Problem) return { status: statusOf[error.code], problem: error };
  return {
    status: isStoreDown(error) ? 503 : 500,
    problem: isStoreDown(error)
      ? { code: 'unavailable', message: 'the database does not answer; nothing was kept', fields: {} }
      : { code: 'internal', message: 'something went wrong on our side', fields: {} },
  };
}

/** Disk full, input/output error, lock, database gone: promises of DESIGN section 6. */
function isStoreDown(error: unknown): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const code = String((at as { code?: unknown }).code ?? '');
    if (/^(SQLITE_(FULL|IOERR|BUSY|CANTOPEN|READONLY)|ECONNREFUSED|57P0\d|53\d{3}|08\d{3})/.test(code))
      return true;
    if (/database or disk is full|disk I\/O error|database is locked/i.test(at.message)) return true;
  }
  return false;
}

/** What a check found, as fields with their faults. */
export function problemOf(error: ZodError, where: 'params' | 'query' | 'body'): Problem {
  // An address with a bad id is an address of nothing.
  if (where === 'params') return new Problem('not-found', 'there is nothing at this address');
  const fields: Record<string, string> = {};
  for (const issue of error.issues) {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) fields[[...issue.path, key].join('.')] = 'is not known here';
      continue;
    }
    fields[issue.path.join('.') || where] ??= plain(issue.message);
  }
  const [name, message] = Object.entries(fields)[0] ?? [where, 'is not valid'];
  return new Problem('invalid', `${name}: ${message}`, { fields });
}

const plain = (message: string): string =>
  message.replace(/^Invalid input: /, '').replace(/^(\p{Lu})(?=\p{Ll})/u, (letter) => letter.toLowerCase());
