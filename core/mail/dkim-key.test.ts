import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { dkimRecordName, generateDkimKey, readDkimKey, txtStrings, zoneText } from './dkim-key.ts';

test('a pair is made, read again, and told to the DNS in strings of 255', async () => {
  const rsa = await generateDkimKey('rsa-sha256');
  expect(readDkimKey(rsa.privateDer).algorithm).toBe('rsa-sha256');
  expect(rsa.record).toMatch(/^v=DKIM1; k=rsa; p=MII[A-Za-z0-9+/]+=*$/);
  const strings = txtStrings(rsa.record);
  expect(strings).toHaveLength(2);
  expect(strings.map((s) => s.length <= 255)).toEqual([true, true]);
  expect(strings.join('')).toBe(rsa.record);
  expect(zoneText(rsa.record)).toBe(`"${strings[0]}" "${strings[1]}"`);
  const ed = await generateDkimKey('ed25519-sha256');
  expect(readDkimKey(ed.privateDer).algorithm).toBe('ed25519-sha256');
  expect(ed.record).toMatch(/^v=DKIM1; k=ed25519; p=[A-Za-z0-9+/]{43}=$/);
  expect(dkimRecordName('s1', 'example.org')).toBe('s1._domainkey.example.org');
});

test('keys that may not sign are refused with the reason', () => {
  const pem = (key: { export(o: { type: 'pkcs8'; format: 'pem' }): string | Buffer }) =>
    String(key.export({ type: 'pkcs8', format: 'pem' }));
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
  expect(() => readDkimKey(pem(weak.privateKey))).toThrow('1024 bits: at least 2048');
  expect(() => readDkimKey(pem(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey))).toThrow(
    'not ec',
  );
  expect(() => readDkimKey(String(weak.publicKey.export({ type: 'spki', format: 'pem' })))).toThrow(
    'not a readable private key',
  );
  const locked = weak.privateKey.export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: 'x',
  });
  expect(() => readDkimKey(String(locked))).toThrow('not a readable private key');
  expect(() => readDkimKey('nonsense')).toThrow('not a readable private key');
  const pkcs1 = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
    type: 'pkcs1',
    format: 'pem',
  });
  expect(readDkimKey(String(pkcs1)).algorithm).toBe('rsa-sha256');
});
