/**
 * Somebody else's server that takes mail with a name and a password, as a script says: with or without TLS, with a wrong
 * password, refusing for now or for good. What it took can be read; whom it then delivers to is its own affair.
 */
import type { AddressInfo } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { LOOPBACK } from './listen.ts';

export interface SmarthostScript {
  key: string;
  cert: string;
  /** TLS from the first byte, offered by STARTTLS, or not at all. */
  tls: 'implicit' | 'starttls' | 'none';
  username: string;
  password: string;
  /** Mechanisms offered; none: it knows no AUTH. */
  mechanisms?: string[];
  /** What it says to the n-th recipient on the whole; a code and its words, or nothing to take it. */
  refuse?: (recipient: string, nth: number) => { code: number; text: string } | undefined;
  /** Instead of looking at the password. */
  authRefusal?: { code: number; text: string };
}

export interface TakenMessage {
  to: string;
  from: string;
  raw: string;
  user: string;
  secure: boolean;
}

export interface LabSmarthost {
  port: number;
  taken: TakenMessage[];
  /** How often somebody signed in, or tried to. */
  signIns: number;
  refusals: number;
  /** Most connections that were open at once. */
  mostAtOnce: number;
  stop(): Promise<void>;
}

const refusal = ({ code, text }: { code: number; text: string }): Error =>
  Object.assign(new Error(text), { responseCode: code });

export async function startSmarthost(script: SmarthostScript, port = 0): Promise<LabSmarthost> {
  let open = 0;
  const asked = new Map<string, number>();
  const noAuth = script.mechanisms?.length === 0;
  const disabledCommands = [...(script.tls === 'starttls' ? [] : ['STARTTLS']), ...(noAuth ? ['AUTH'] : [])];
  const options: SMTPServerOptions = {
    secure: script.tls === 'implicit',
    key: script.key,
    cert: script.cert,
    authMethods: script.mechanisms ?? ['PLAIN', 'LOGIN'],
    authOptional: noAuth,
    allowInsecureAuth: script.tls === 'none',
    disabledCommands,
    disableReverseLookup: true,
    onConnect: (_, done) => {
      open++;
      state.mostAtOnce = Math.max(state.mostAtOnce, open);
      done();
    },
    onClose: () => {
      open--;
    },
    onAuth: (auth, _, done) => {
      state.signIns++;
      if (script.authRefusal !== undefined) return done(refusal(script.authRefusal));
      if (auth.username === script.username && auth.password === script.password)
        return done(null, { user: auth.username });
      done(refusal({ code: 535, text: '5.7.8 Username and password not accepted' }));
    },
    onRcptTo: ({ address }, _, done) => {
      const nth = (asked.get(address) ?? 0) + 1;
      asked.set(address, nth);
      const said = script.refuse?.(address, nth);
      if (said === undefined) return done();
      state.refusals++;
      done(refusal(said));
    },
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        for (const { address } of rcptTo)
          state.taken.push({
            to: address,
            from: mailFrom === false ? '' : mailFrom.address,
            raw: Buffer.concat(chunks).toString('latin1'),
            user: String(session.user ?? ''),
            secure: session.secure,
          });
        done(null, '2.0.0 queued');
      });
    },
  };
  const server = new SMTPServer(options);
  // A client that hangs up in the middle of a handshake is the test's business.
  server.on('error', () => {});
  const state: LabSmarthost = {
    port: 0,
    taken: [],
    signIns: 0,
    refusals: 0,
    mostAtOnce: 0,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
  await new Promise<void>((resolve) => server.listen(port, LOOPBACK, () => resolve()));
  state.port = (server.server.address() as AddressInfo).port;
  return state;
}
