/**
 * Questions to the DNS whose answer must be proved: what a validating resolver has checked by DNSSEC it marks with the
 * AD bit, which Node's own resolver does not show. Only a resolver that is reached safely may be believed, so whoever
 * makes one of these says so (`dns.trust_ad`).
 */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { getServers } from 'node:dns';
import { createRequire } from 'node:module';
import { connect, isIP } from 'node:net';
import { DnsError, type DnsErrorCode } from './dns-error.ts';

export interface SecureRecord {
  name: string;
  type: string;
  /** As the DNS library reads it: text for A, AAAA and CNAME, an object for MX and TLSA. */
  data: unknown;
  ttl: number;
}

export interface SecureAnswer {
  /** The resolver has validated all of it. */
  secure: boolean;
  /** Empty: there is none, and `secure` says whether that is proved. */
  records: SecureRecord[];
}

export type SecureQuestion = 'A' | 'AAAA' | 'MX' | 'TLSA' | 'CNAME';
export type AskSecure = (name: string, type: SecureQuestion) => Promise<SecureAnswer>;

interface Packet {
  id: number;
  type: string;
  flags: number;
  flag_ad?: boolean;
  flag_tc?: boolean;
  rcode?: string;
  questions: { name: string; type: string }[];
  answers: SecureRecord[];
  additionals?: { type: string; name: string; udpPayloadSize?: number; flags?: number }[];
}

// dns-packet ships no types.
const dnsPacket = createRequire(import.meta.url)('dns-packet') as {
  encode(packet: Partial<Packet>): Buffer;
  decode(bytes: Buffer): Packet;
};

// RFC 1035 4.1.1, RFC 6840 5.7: AD in a question asks for AD in the answer.
const RECURSION_DESIRED = 1 << 8;
const AUTHENTIC_DATA = 1 << 5;
/** RFC 6891 6.2.5: what passes every network unfragmented. */
const UDP_OCTETS = 1232;

/** The addresses that are asked: those configured, else the system's. */
export const resolverAddresses = (configured: readonly string[]): string[] =>
  configured.length > 0 ? [...configured] : getServers();

/** Whether nobody can stand between us and the resolvers: all of them are on this machine. */
export const areLocal = (servers: readonly string[]): boolean =>
  servers.length > 0 && servers.every((server) => /^(127\.|\[?::1\]?(:\d+)?$)/.test(server));

export function secureResolver(servers: readonly string[], timeoutMs: number): AskSecure {
  return async (name, type) => {
    const question = `${type} ${name}`;
    let last: unknown = new DnsError('REFUSED', question);
    for (const server of servers) {
      try {
        return await askOne(addressOf(server), name, type, timeoutMs);
      } catch (error) {
        last = error;
      }
    }
    throw last;
  };
}

async function askOne(at: At, name: string, type: SecureQuestion, timeoutMs: number): Promise<SecureAnswer> {
  const query = dnsPacket.encode({
    type: 'query',
    id: randomInt(65_536),
    flags: RECURSION_DESIRED | AUTHENTIC_DATA,
    questions: [{ type, name }],
    additionals: [{ type: 'OPT', name: '.', udpPayloadSize: UDP_OCTETS, flags: 0 }],
  });
  let answer = await byUdp(at, query, timeoutMs);
  // RFC 7766 5: an answer that was cut short is fetched again by TCP.
  if (answer.flag_tc === true) answer = await byTcp(at, query, timeoutMs);
  const rcode = answer.rcode ?? 'SERVFAIL';
  if (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN')
    throw new DnsError(rcode === 'REFUSED' ? 'REFUSED' : 'SERVFAIL', `${type} ${name}`);
  return { secure: answer.flag_ad === true, records: answer.answers };
}

function byUdp(at: At, query: Buffer, timeoutMs: number): Promise<Packet> {
  const socket = createSocket(isIP(at.host) === 6 ? 'udp6' : 'udp4');
  return settled(
    query,
    timeoutMs,
    () => socket.close(),
    (take, fail) => {
      socket.on('error', fail).on('message', take);
      // A connected socket hears its resolver alone, from a port that nobody can know (RFC 5452 9.2).
      socket.connect(at.port, at.host, () => socket.send(query));
    },
  );
}

function byTcp(at: At, query: Buffer, timeoutMs: number): Promise<Packet> {
  const socket = connect(at.port, at.host);
  let bytes = Buffer.alloc(0);
  return settled(
    query,
    timeoutMs,
    () => socket.destroy(),
    (take, fail) => {
      // RFC 1035 4.2.2: by TCP every message has two bytes of length before it.
      const length = Buffer.alloc(2);
      length.writeUInt16BE(query.length);
      socket.on('error', fail).on('close', () => fail(new Error('closed')));
      socket.on('connect', () => socket.write(Buffer.concat([length, query])));
      socket.on('data', (more: Buffer) => {
        bytes = Buffer.concat([bytes, more]);
        const end = bytes.length < 2 ? Infinity : 2 + bytes.readUInt16BE(0);
        if (bytes.length >= end) take(bytes.subarray(2, end));
      });
    },
  );
}

/** One answer to one question, in time; what does not answer it is passed over. */
function settled(
  query: Buffer,
  timeoutMs: number,
  close: () => void,
  begin: (take: (bytes: Buffer) => void, fail: (error: Error) => void) => void,
): Promise<Packet> {
  const asked = dnsPacket.decode(query);
  const [question] = asked.questions;
  const words = `${question?.type} ${question?.name}`;
  return new Promise((resolve, reject) => {
    let isOver = false;
    const end = (act: () => void) => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      close();
      act();
    };
    const fail = (code: DnsErrorCode, cause?: Error) => end(() => reject(new DnsError(code, words, cause)));
    const timer = setTimeout(() => fail('TIMEOUT'), timeoutMs);
    begin(
      (bytes) => {
        let packet: Packet;
        try {
          packet = dnsPacket.decode(bytes);
        } catch {
          return;
        }
        const [about] = packet.questions;
        // RFC 5452 9.1: an answer has the number and the question that were sent.
        if (packet.type !== 'response' || packet.id !== asked.id) return;
        if (about?.type !== question?.type || about?.name.toLowerCase() !== question?.name.toLowerCase())
          return;
        end(() => resolve(packet));
      },
      (error) => fail('REFUSED', error),
    );
  });
}

interface At {
  host: string;
  port: number;
}

function addressOf(server: string): At {
  const bracketed = /^\[(.+)\](?::(\d+))?$/.exec(server);
  if (bracketed) return { host: bracketed[1]!, port: Number(bracketed[2] ?? 53) };
  if (isIP(server) !== 0) return { host: server, port: 53 };
  const at = server.lastIndexOf(':');
  return { host: server.slice(0, at), port: Number(server.slice(at + 1)) };
}
