/**
 * A peer of `bench inbound`: smtp-server as people use it, which throws every message away, or first reads it with
 * mailparser's simpleParser (`parse`). Nothing is kept: what it does is the least that a Node listener can do.
 */
import { simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';

const parses = process.argv[2] === 'parse';
const server = new SMTPServer({
  authOptional: true,
  disabledCommands: ['AUTH', 'STARTTLS'],
  disableReverseLookup: true,
  logger: false,
  onData(stream, _session, callback) {
    if (parses) {
      simpleParser(stream).then(
        () => callback(),
        (error: Error) => callback(error),
      );
      return;
    }
    stream.on('data', () => undefined);
    stream.on('end', () => callback());
  },
});
server.listen(0, '127.0.0.1', () => {
  const address = server.server.address();
  process.send?.({ port: typeof address === 'object' && address !== null ? address.port : 0 });
});
process.on('disconnect', () => process.exit(0));
