/** Our resolver as mailauth wants it: Node's shapes and error codes. */
import { DnsError, type Resolver } from '../dns.ts';

export const nodeAnswers =
  (dns: Resolver) =>
  (name: string, type: string): Promise<unknown> =>
    ask(dns, name, type);

const ARPA_V4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa\.?$/i;

async function ask(dns: Resolver, name: string, type: string): Promise<unknown> {
  try {
    switch (type) {
      case 'TXT':
        return (await dns.txt(name)).map((text) => [text]);
      case 'A':
        return await dns.a(name);
      case 'AAAA':
        return await dns.aaaa(name);
      case 'MX':
        return await dns.mx(name);
      case 'CNAME':
        return await dns.cname(name);
      case 'PTR': {
        const match = ARPA_V4.exec(name);
        if (match === null) throw new DnsError('NODATA', name);
        return await dns.ptr(`${match[4]}.${match[3]}.${match[2]}.${match[1]}`);
      }
      default:
        throw new DnsError('NODATA', name);
    }
  } catch (error) {
    if (!(error instanceof DnsError)) throw error;
    const code =
      error.code === 'NXDOMAIN'
        ? 'ENOTFOUND'
        : error.code === 'NODATA'
          ? 'ENODATA'
          : error.code === 'TIMEOUT'
            ? 'ETIMEOUT'
            : 'ESERVFAIL';
    throw Object.assign(new Error(error.message), { code });
  }
}
