/**
 * One line per event: a constant lower-case phrase and fields. The same key means the same thing everywhere (delivery,
 * campaign, contact, source, destination, mx, code, enhanced, attempt, ms). Addresses and bodies never at info level.
 * This is the only file that knows pino.
 */
import { pino } from 'pino';

export type Fields = Record<string, unknown>;

export interface Log {
  debug(phrase: string, fields?: Fields): void;
  info(phrase: string, fields?: Fields): void;
  warn(phrase: string, fields?: Fields): void;
  error(phrase: string, fields?: Fields): void;
  /** The same log with fields that every line then carries. */
  child(fields: Fields): Log;
}

export type Level = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** Lines go to standard error as JSON, so that standard output stays a command's answer. */
export function createLog(level: Level, destination: NodeJS.WritableStream = process.stderr): Log {
  const logger = pino(
    {
      level,
      base: undefined,
      messageKey: 'event',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: pino.stdSerializers.err },
      redact: { paths: ['password', 'secret', 'token', 'cookie', 'authorization'], censor: '[kept out]' },
    },
    destination as never,
  );
  return wrap(logger as never);
}

function wrap(logger: ReturnType<typeof pino>): Log {
  return {
    debug: (phrase, fields = {}) => logger.debug(fields, phrase),
    info: (phrase, fields = {}) => logger.info(fields, phrase),
    warn: (phrase, fields = {}) => logger.warn(fields, phrase),
    error: (phrase, fields = {}) => logger.error(fields, phrase),
    child: (fields) => wrap(logger.child(fields)),
  };
}

export const silentLog: Log = createLog('silent');
