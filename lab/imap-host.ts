/**
 * A small IMAP server (RFC 3501, with UIDPLUS, MOVE, IDLE and XOAUTH2) with one user and folders in memory: what a team's
 * mailbox elsewhere is to Parley, and what it may do wrong. A test puts mail into it, cuts the line, numbers it anew.
 */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { labCert, labKey } from './ca.ts';

export interface ImapMail {
  uid: number;
  raw: Buffer;
  flags: Set<string>;
}

export interface ImapHost {
  port: number;
  /** Puts a message into a folder; whoever idles there is told. */
  put(raw: string | Buffer, folder?: string): number;
  /** RFC 3501 2.3.1.1: all numbers are given anew. */
  renumber(folder?: string): void;
  cut(): void;
  folder(name?: string): readonly ImapMail[];
  /** Commands as they came, without tags. */
  readonly heard: string[];
  /** Access tokens that are accepted from now on. */
  tokens: Set<string>;
  password: string;
  stop(): Promise<void>;
}

interface Folder {
  validity: number;
  next: number;
  mails: ImapMail[];
}

export async function startImapHost(options: { password?: string } = {}): Promise<ImapHost> {
  const folders = new Map<string, Folder>([
    ['INBOX', { validity: 1, next: 1, mails: [] }],
    ['Done', { validity: 1, next: 1, mails: [] }],
  ]);
  const idlers = new Set<{ folder: string; tell: () => void }>();
  const sockets = new Set<Socket>();
  const of = (name: string): Folder => {
    const folder = folders.get(name);
    if (folder === undefined) throw new Error(`no folder ${name}`);
    return folder;
  };
  const host: Omit<ImapHost, 'port' | 'stop'> = {
    heard: [],
    tokens: new Set(),
    password: options.password ?? 'secret',
    put(raw, name = 'INBOX') {
      const folder = of(name);
      const uid = folder.next++;
      folder.mails.push({ uid, raw: Buffer.from(raw), flags: new Set() });
      for (const idler of idlers) if (idler.folder === name) idler.tell();
      return uid;
    },
    renumber(name = 'INBOX') {
      const folder = of(name);
      folder.validity += 1;
      folder.next = 1;
      for (const mail of folder.mails) mail.uid = folder.next++;
    },
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    folder: (name = 'INBOX') => of(name).mails,
  };

  const server = createServer((plain) => {
    const socket = new TLSSocket(plain, { isServer: true, key: labKey, cert: labCert });
    sockets.add(plain);
    plain.on('close', () => sockets.delete(plain));
    socket.on('error', () => plain.destroy());
    converse(socket, host, of, folders, idlers);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(host, {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise<void>((resolve) => {
        host.cut();
        server.close(() => resolve());
      }),
  });
}

function converse(
  socket: TLSSocket,
  host: Omit<ImapHost, 'port' | 'stop'>,
  of: (name: string) => Folder,
  folders: Map<string, Folder>,
  idlers: Set<{ folder: string; tell: () => void }>,
): void {
  let text = '';
  let selected = '';
  let isIn = false;
  let idling: { tag: string; idler: { folder: string; tell: () => void } } | undefined;
  let waiting: ((line: string) => void) | undefined;
  const say = (line: string): void => void socket.write(`${line}\r\n`);
  const exists = () => say(`* ${of(selected).mails.length} EXISTS`);
  socket.on('close', () => idling && idlers.delete(idling.idler));
  say('* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR] ready');
  socket.on('data', (bytes: Buffer) => {
    text += bytes.toString('latin1');
    for (let end = text.indexOf('\r\n'); end !== -1; end = text.indexOf('\r\n')) {
      const line = text.slice(0, end);
      text = text.slice(end + 2);
      if (waiting !== undefined) {
        const answer = waiting;
        waiting = undefined;
        answer(line);
      } else obey(line);
    }
  });

  function obey(line: string): void {
    if (idling !== undefined && /^done$/i.test(line)) {
      idlers.delete(idling.idler);
      say(`${idling.tag} OK idle is over`);
      idling = undefined;
      return;
    }
    const [tag = '', verb = '', ...rest] = line.split(' ');
    const words = rest.join(' ');
    host.heard.push(`${verb} ${words}`.trim());
    const done = (says = 'done') => say(`${tag} OK ${says}`);
    const no = (says: string) => say(`${tag} NO ${says}`);
    switch (verb.toUpperCase()) {
      case 'CAPABILITY':
        say(
          isIn ? '* CAPABILITY IMAP4rev1 IDLE UIDPLUS MOVE' : '* CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR',
        );
        return done();
      case 'LOGIN':
        isIn = unquoted(words)[1] === host.password;
        return isIn
          ? done('[CAPABILITY IMAP4rev1 IDLE UIDPLUS MOVE] in')
          : no('[AUTHENTICATIONFAILED] wrong');
      case 'AUTHENTICATE':
        return authenticate(rest[1] ?? '', done, no);
      case 'LIST': {
        const [, pattern = ''] = unquoted(words);
        // RFC 3501 6.3.8: an empty pattern asks for the delimiter and the root.
        if (pattern === '') say('* LIST (\\Noselect) "/" ""');
        for (const name of folders.keys())
          if (['*', '%', name].includes(pattern)) say(`* LIST (\\HasNoChildren) "/" "${name}"`);
        return done();
      }
      case 'LSUB':
      case 'NAMESPACE':
      case 'ID':
      case 'ENABLE':
      case 'COMPRESS':
        return no('not here');
      case 'SELECT':
      case 'EXAMINE': {
        const [name = ''] = unquoted(words);
        const folder = folders.get(name);
        if (folder === undefined) return no('[NONEXISTENT] there is no such folder');
        selected = name;
        say('* FLAGS (\\Seen \\Deleted)');
        exists();
        say(`* OK [UIDVALIDITY ${folder.validity}] valid`);
        say(`* OK [UIDNEXT ${folder.next}] next`);
        return done('[READ-WRITE] selected');
      }
      case 'NOOP':
        if (selected !== '') exists();
        return done();
      case 'IDLE': {
        const idler = { folder: selected, tell: exists };
        idling = { tag, idler };
        idlers.add(idler);
        say('+ idling');
        return;
      }
      case 'UID':
        return byUid(tag, words, done, no);
      case 'LOGOUT':
        say('* BYE');
        done();
        socket.end();
        return;
      default:
        say(`${tag} BAD ${verb} is not known`);
    }
  }

  function authenticate(initial: string, done: (says?: string) => void, no: (says: string) => void): void {
    const check = (encoded: string) => {
      const token = /auth=Bearer ([^\u0001]*)/.exec(Buffer.from(encoded, 'base64').toString())?.[1] ?? '';
      isIn = host.tokens.has(token);
      if (isIn) return done('in');
      // RFC 7628 3.2.3: the reason first, and an empty answer to it.
      say(`+ ${Buffer.from('{"status":"400"}').toString('base64')}`);
      waiting = () => no('[AUTHENTICATIONFAILED] the token is no good');
    };
    if (initial !== '') return check(initial);
    say('+ ');
    waiting = check;
  }

  function byUid(tag: string, words: string, done: () => void, no: (says: string) => void): void {
    const folder = of(selected);
    const [verb = '', set = '', ...more] = words.split(' ');
    const named = inSet(
      set,
      folder.mails.map((mail) => mail.uid),
    );
    const mails = folder.mails.filter((mail) => named.has(mail.uid));
    const place = (mail: ImapMail) => folder.mails.indexOf(mail) + 1;
    const asked = more.join(' ').toUpperCase();
    switch (verb.toUpperCase()) {
      case 'FETCH':
        for (const mail of mails) {
          const facts = `UID ${mail.uid} RFC822.SIZE ${mail.raw.length}`;
          if (!asked.includes('BODY')) say(`* ${place(mail)} FETCH (${facts})`);
          else {
            socket.write(`* ${place(mail)} FETCH (${facts} BODY[] {${mail.raw.length}}\r\n`);
            socket.write(mail.raw);
            say(')');
          }
        }
        return done();
      case 'STORE':
        for (const mail of mails) for (const flag of asked.match(/\\\w+/g) ?? []) mail.flags.add(flag);
        return done();
      case 'MOVE': {
        const [name = ''] = unquoted(more.join(' '));
        const target = folders.get(name);
        if (target === undefined) return no('[TRYCREATE] there is no such folder');
        for (const mail of mails) {
          const at = place(mail);
          folder.mails.splice(at - 1, 1);
          target.mails.push({ ...mail, uid: target.next++ });
          say(`* ${at} EXPUNGE`);
        }
        return done();
      }
      default:
        say(`${tag} BAD UID ${verb} is not known`);
    }
  }
}

/** Quoted or bare words of a command's arguments. */
const unquoted = (text: string): string[] =>
  [...text.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map((match) =>
    (match[1] ?? match[2] ?? '').replace(/\\(.)/g, '$1'),
  );

/** RFC 3501 9, sequence-set: `*` is the last one, and `N:*` names it also when N is beyond it. */
function inSet(set: string, uids: readonly number[]): Set<number> {
  const last = Math.max(0, ...uids);
  const named = new Set<number>();
  for (const part of set.split(',')) {
    const [from = 0, to = from] = part.split(':').map((word) => (word === '*' ? last : Number(word)));
    for (const uid of uids) if (uid >= Math.min(from, to) && uid <= Math.max(from, to)) named.add(uid);
  }
  return named;
}
