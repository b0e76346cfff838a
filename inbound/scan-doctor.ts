/**
 * For `parley doctor`: whether the scanners that are set answer, and know the harmless files that all of them must know:
 * EICAR for malware, GTUBE for spam. One that answers "nothing found" to these has no signatures, or is not what it seems.
 */
import type { Finding } from '../core/doctor.ts';
import type { Runtime } from '../core/runtime.ts';
import { askClamd } from './clamd.ts';
import { askRspamd } from './rspamd.ts';
import { readPlace, ScanFault, type ScannedEnvelope, type SpamWord } from './scan-wire.ts';
import { askSpamd } from './spamd.ts';

/** In pieces, so that no scanner takes this file itself for it. */
const EICAR = ['X5O!P%@AP[4\\PZX54(P^)7CC)7}', '$EICAR-STANDARD-ANTIVIRUS', '-TEST-FILE!$H+H*'].join('');
const GTUBE = ['XJS*C4JDBQADN1.NSBN3*2IDNEN', '*GTUBE-STANDARD-ANTI-UBE-TEST', '-EMAIL*C.34X'].join('');

const HEAD = [
  'From: doctor@parley.example',
  'To: doctor@parley.example',
  'Subject: a test of the scanner',
  'Date: Mon, 05 Jan 2026 09:00:00 +0000',
  'Message-ID: <doctor@parley.example>',
  'MIME-Version: 1.0',
  'Content-Type: text/plain',
  '',
  '',
].join('\r\n');
const ENVELOPE: ScannedEnvelope = {
  mailFrom: 'doctor@parley.example',
  rcptTo: ['doctor@parley.example'],
  remoteIp: '',
  helo: '',
};

export async function examineScanners({ config }: Pick<Runtime, 'config'>): Promise<Finding[]> {
  const { clamav, rspamd, spamassassin, timeout_ms: timeoutMs } = config.inbound.scan;
  const signal = () => AbortSignal.timeout(timeoutMs);
  // Some clamd look for EICAR at the start of a file only.
  const virus = Buffer.from(EICAR, 'latin1');
  const spam = Buffer.from(`${HEAD}${GTUBE}\r\n`, 'latin1');
  const findings: Promise<Finding>[] = [];
  const clamd = readPlace(clamav);
  if (clamd !== undefined)
    findings.push(
      examine('clamav', `ClamAV at ${clamav}`, async () => {
        const found = await askClamd(clamd, virus, signal());
        return found === null
          ? { missed: 'EICAR', fix: 'load its signatures: freshclam, then restart clamd' }
          : { says: `finds the EICAR test file (${found})` };
      }),
    );
  const filter = (id: string, what: string, fix: string, ask: () => Promise<SpamWord>) =>
    findings.push(
      examine(id, what, async () => {
        const word = await ask();
        return word.isSpam ? { says: `calls the GTUBE test letter spam` } : { missed: 'GTUBE', fix };
      }),
    );
  if (rspamd !== '')
    filter(
      'rspamd',
      `rspamd at ${rspamd}`,
      'see that it is a normal worker, and that gtube_patterns is not "disable" in its options.inc',
      () => askRspamd(rspamd, spam, ENVELOPE, signal()),
    );
  const spamd = readPlace(spamassassin);
  if (spamd !== undefined)
    filter(
      'spamassassin',
      `SpamAssassin at ${spamassassin}`,
      'load its rules: sa-update, then restart spamd',
      () => askSpamd(spamd, spam, signal()),
    );
  return Promise.all(findings);
}

type Outcome = { says: string } | { missed: string; fix: string };

async function examine(scanner: string, what: string, test: () => Promise<Outcome>): Promise<Finding> {
  const id = `scan.${scanner}`;
  try {
    const outcome = await test();
    if ('says' in outcome) return { id, level: 'ok', says: `${what} ${outcome.says}`, fix: '' };
    return {
      id,
      level: 'fail',
      says: `${what} answers, and does not know ${outcome.missed}, which every scanner knows`,
      fix: outcome.fix,
    };
  } catch (error) {
    if (!(error instanceof ScanFault)) throw error;
    return {
      id,
      level: 'fail',
      says: `${what} does not answer as it should: ${error.message}; mail comes in and is not scanned`,
      fix: `start it, or set inbound.scan.${scanner} to where it is; empty it to do without`,
    };
  }
}
