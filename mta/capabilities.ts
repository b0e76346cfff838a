/** What a server can do, by its answer to EHLO. Nothing is assumed that it did not say. */
export interface Capabilities {
  starttls: boolean;
  /** RFC 2920 */
  pipelining: boolean;
  /** RFC 6152 */
  eightBitMime: boolean;
  /** RFC 6531 */
  smtpUtf8: boolean;
  /** RFC 3030 */
  chunking: boolean;
  /** RFC 3461 */
  dsn: boolean;
  /** RFC 8689; counts under TLS alone. */
  requireTls: boolean;
  /** RFC 2034 */
  enhancedStatusCodes: boolean;
  /** RFC 1870: SIZE was offered. */
  size: boolean;
  /** RFC 1870 4: the largest message in octets; 0 when none is stated. */
  maxSize: number;
  /** RFC 9422: transactions borne on one connection. */
  mailMax: number;
  /** RFC 4954 3: the mechanisms by which one may sign in. */
  auth: readonly string[];
}

export const noCapabilities: Capabilities = {
  starttls: false,
  pipelining: false,
  eightBitMime: false,
  smtpUtf8: false,
  chunking: false,
  dsn: false,
  requireTls: false,
  enhancedStatusCodes: false,
  size: false,
  maxSize: 0,
  mailMax: Infinity,
  auth: [],
};

/** Reads the lines of a 250 to EHLO; the first is the server's name. */
export function capabilitiesOf(lines: readonly string[]): Capabilities {
  const caps = { ...noCapabilities };
  for (const line of lines.slice(1)) {
    const [keyword = '', ...parameters] = line.toUpperCase().split(/[ =]+/);
    switch (keyword) {
      case 'STARTTLS':
        caps.starttls = true;
        break;
      case 'PIPELINING':
        caps.pipelining = true;
        break;
      case '8BITMIME':
        caps.eightBitMime = true;
        break;
      case 'SMTPUTF8':
        caps.smtpUtf8 = true;
        break;
      case 'CHUNKING':
        caps.chunking = true;
        break;
      case 'DSN':
        caps.dsn = true;
        break;
      case 'REQUIRETLS':
        caps.requireTls = true;
        break;
      case 'ENHANCEDSTATUSCODES':
        caps.enhancedStatusCodes = true;
        break;
      case 'SIZE':
        caps.size = true;
        if (/^\d{1,15}$/.test(parameters[0] ?? '')) caps.maxSize = Number(parameters[0]);
        break;
      case 'AUTH':
        caps.auth = parameters.filter((word) => word !== '');
        break;
      case 'LIMITS': {
        const mailMax = /\bMAILMAX[ =](\d{1,6})\b/i.exec(line)?.[1];
        if (mailMax !== undefined && Number(mailMax) > 0) caps.mailMax = Number(mailMax);
        break;
      }
    }
  }
  return caps;
}
