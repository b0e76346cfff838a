/**
 * Fetches an MTA-STS policy by HTTPS (RFC 8461 3.3). The address comes from a stranger's DNS, so it is checked; the
 * answer is bounded in size and time; redirects are not followed.
 */
import { Agent, request } from 'node:https';
import type { SecureContext } from 'node:tls';
import { DnsError, type Resolver } from '../core/dns.ts';
import { isPrivateAddress } from '../core/private-address.ts';
import { readPolicy, type StsPolicy } from './sts.ts';
import type { TlsFailureName } from './transaction.ts';

export interface FetchOptions {
  dns: Resolver;
  /** `config.mta.policy_port` */
  port: number;
  /** `config.mta.allow_private_targets` */
  allowPrivate: boolean;
  context: SecureContext;
  timeoutMs?: number;
}

export class PolicyFetchError extends Error {
  readonly result: TlsFailureName;

  constructor(result: TlsFailureName, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'PolicyFetchError';
    this.result = result;
  }
}

// RFC 8461 3.3 proposes a minute and 64 kilobytes; mail waits for this, so it gets less time.
const TIMEOUT_MS = 10_000;
const LARGEST_OCTETS = 64 * 1024;

export async function fetchPolicy(
  domain: string,
  options: FetchOptions,
): Promise<StsPolicy & { body: string }> {
  const host = `mta-sts.${domain}`;
  const address = await addressOf(host, options);
  const body = await get(host, address, options);
  try {
    return { ...readPolicy(body), body };
  } catch (error) {
    throw new PolicyFetchError(
      'sts-policy-invalid',
      `the policy cannot be used: ${(error as Error).message}`,
    );
  }
}

async function addressOf(host: string, { dns, allowPrivate }: FetchOptions): Promise<string> {
  const answers = await Promise.allSettled([dns.a(host), dns.aaaa(host)]);
  const found = answers.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
  const [address] = allowPrivate ? found : found.filter((one) => !isPrivateAddress(one));
  if (address !== undefined) return address;
  const failed = answers.find((one) => one.status === 'rejected');
  const why =
    found.length > 0
      ? 'its address is private'
      : failed?.reason instanceof DnsError
        ? failed.reason.code
        : '';
  throw new PolicyFetchError('sts-policy-fetch-error', `${host} cannot be reached: ${why}`);
}

function get(host: string, address: string, options: FetchOptions): Promise<string> {
  const { port, context, timeoutMs = TIMEOUT_MS } = options;
  return new Promise((resolve, reject) => {
    const fail = (result: TlsFailureName, message: string, cause?: unknown) => {
      clearTimeout(timer);
      asked.destroy();
      reject(new PolicyFetchError(result, message, cause));
    };
    const asked = request({
      host: address,
      port,
      path: '/.well-known/mta-sts.txt',
      servername: host,
      headers: { host, accept: 'text/plain' },
      agent: new Agent({ secureContext: context, keepAlive: false }),
    });
    const timer = setTimeout(
      () => fail('sts-policy-fetch-error', `no policy within ${timeoutMs} ms`),
      timeoutMs,
    );
    asked.on('error', (error: NodeJS.ErrnoException) =>
      // RFC 8461 3.3: the certificate has to be valid for mta-sts.DOMAIN.
      fail(isCertificateFault(error) ? 'sts-webpki-invalid' : 'sts-policy-fetch-error', error.message, error),
    );
    asked.on('response', (answer) => {
      // RFC 8461 3.3: redirects must not be followed, and nothing but 200 brings a policy.
      if (answer.statusCode !== 200)
        return fail('sts-policy-fetch-error', `${host} answered ${answer.statusCode}`);
      if (!/^text\/plain\b/i.test(answer.headers['content-type'] ?? ''))
        return fail('sts-policy-fetch-error', 'the policy is not text/plain');
      const chunks: Buffer[] = [];
      let octets = 0;
      answer.on('data', (chunk: Buffer) => {
        octets += chunk.length;
        if (octets > LARGEST_OCTETS) return fail('sts-policy-fetch-error', 'the policy is larger than 64 kB');
        chunks.push(chunk);
      });
      answer.on('error', (error) => fail('sts-policy-fetch-error', error.message, error));
      answer.on('end', () => {
        clearTimeout(timer);
        resolve(Buffer.concat(chunks).toString('utf8'));
      });
    });
    asked.end();
  });
}

const isCertificateFault = ({ code = '' }: NodeJS.ErrnoException) =>
  code.startsWith('ERR_TLS_CERT') || /CERT|SELF_SIGNED|UNABLE_TO/.test(code);
