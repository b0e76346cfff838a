/**
 * The lab's name server, on UDP and TCP of one loopback port. It answers from the zone, and fails as told: with
 * SERVFAIL, with silence, or with an answer cut short that must be fetched again by TCP.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createRequire } from 'node:module';
import { createServer, type Server, type Socket } from 'node:net';
import { LOOPBACK, listenOn } from './listen.ts';
import type { LabRecord, Zone } from './zone.ts';

interface Packet {
  id?: number;
  type?: string;
  flags?: number;
  questions?: { name: string; type: string; class?: string }[];
  answers?: unknown[];
  additionals?: { type: string; udpPayloadSize?: number }[];
}

// dns-packet ships no types, and this file is the only one here that knows it.
const dnsPacket = createRequire(import.meta.url)('dns-packet') as {
  encode(packet: Packet): Buffer;
  decode(bytes: Buffer): Packet;
};

// RFC 1035 4.1.1
const AUTHORITATIVE = 1 << 10;
const TRUNCATED = 1 << 9;
const AUTHENTIC_DATA = 1 << 5; // RFC 6840 5.7
const RECURSION_DESIRED = 1 << 8;
const RECURSION_AVAILABLE = 1 << 7;
const RCODE = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3 } as const;
const SMALLEST_UDP = 512;

export interface DnsServer {
  port: number;
  /** How many questions of each type were asked. */
  asked: Map<string, number>;
  stop(): Promise<void>;
}

export async function startDns(zone: Zone, port = 0, host = LOOPBACK): Promise<DnsServer> {
  const asked = new Map<string, number>();
  const sockets = new Set<Socket>();
  const respond = (query: Buffer, overUdp: boolean): Buffer | null => {
    let packet: Packet;
    try {
      packet = dnsPacket.decode(query);
    } catch {
      return null;
    }
    if (packet.type !== 'query') return null;
    const type = packet.questions?.[0]?.type ?? '?';
    asked.set(type, (asked.get(type) ?? 0) + 1);
    return answer(zone, packet, overUdp);
  };
  const tcp = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
    serveTcp(socket, respond);
  });
  const { udp, chosen } = await bindBoth(tcp, port, host);
  udp.on('message', (query, from) => {
    const reply = respond(query, true);
    if (reply !== null) udp.send(reply, from.port, from.address);
  });
  return {
    port: chosen,
    asked,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await Promise.all([
        new Promise<void>((resolve) => udp.close(() => resolve())),
        new Promise<void>((resolve) => tcp.close(() => resolve())),
      ]);
    },
  };
}

function answer(zone: Zone, query: Packet, overUdp: boolean): Buffer | null {
  const question = query.questions?.[0];
  const base = {
    id: query.id ?? 0,
    type: 'response',
    questions: query.questions ?? [],
  };
  const flags = AUTHORITATIVE | RECURSION_AVAILABLE | ((query.flags ?? 0) & RECURSION_DESIRED);
  if (question === undefined) return dnsPacket.encode({ ...base, flags: flags | RCODE.FORMERR });
  const fault = zone.faultOf(question.name);
  if (fault === 'timeout') return null;
  if (fault === 'SERVFAIL' || fault === 'NXDOMAIN') {
    return dnsPacket.encode({ ...base, flags: flags | RCODE[fault] });
  }
  if (fault === 'NODATA') return dnsPacket.encode({ ...base, flags });
  if (fault === 'truncated' && overUdp) return dnsPacket.encode({ ...base, flags: flags | TRUNCATED });
  const { rcode, answers } = zone.ask(question.name, question.type);
  // An alias is proved only when what it leads to is proved as well.
  const isProved = [question.name, ...answers.map((one) => one.name)].every((name) => zone.isProved(name));
  const proof = isProved && ((query.flags ?? 0) & AUTHENTIC_DATA) !== 0 ? AUTHENTIC_DATA : 0;
  const whole = dnsPacket.encode({
    ...base,
    flags: flags | proof | RCODE[rcode],
    answers: answers.map(wire),
  });
  // RFC 6891 6.2.3: the asker says how much it can take by UDP; without a word, 512 bytes
  const room = query.additionals?.find((one) => one.type === 'OPT')?.udpPayloadSize ?? SMALLEST_UDP;
  if (overUdp && whole.length > Math.max(SMALLEST_UDP, room)) {
    return dnsPacket.encode({ ...base, flags: flags | TRUNCATED });
  }
  return whole;
}

function wire(record: LabRecord): unknown {
  const ttl = record.ttl ?? 60;
  // RFC 1035 3.3.14: a TXT is strings of at most 255 bytes; a DKIM key needs two
  if (record.type === 'TXT') return { ...record, ttl, data: record.data.match(/[^]{1,255}/g) ?? [''] };
  return { ...record, ttl };
}

// RFC 1035 4.2.2: by TCP, every message has two bytes of length before it
function serveTcp(socket: Socket, respond: (query: Buffer, overUdp: boolean) => Buffer | null): void {
  let pending: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
      const end = 2 + pending.readUInt16BE(0);
      const reply = respond(pending.subarray(2, end), false);
      pending = pending.subarray(end);
      if (reply === null) continue;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(reply.length);
      socket.write(Buffer.concat([length, reply]));
    }
  });
}

/** One number free for both; another is tried when somebody holds its UDP half. */
async function bindBoth(
  tcp: Server,
  port: number,
  host: string,
): Promise<{ udp: UdpSocket; chosen: number }> {
  for (let tries = 0; ; tries++) {
    const chosen = await listenOn(tcp, host, port);
    const udp = createSocket('udp4');
    try {
      await new Promise<void>((resolve, reject) => {
        udp.once('error', reject);
        udp.bind(chosen, host, () => resolve());
      });
      return { udp, chosen };
    } catch (cause) {
      udp.close();
      await new Promise((resolve) => tcp.close(resolve));
      if (port !== 0 || tries >= 10) throw new Error('binding the lab name server', { cause });
    }
  }
}
