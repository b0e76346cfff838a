/** What scanners change in the inbox: spam by their word, never our own answers, and nothing at all when they are away. */
import { expect, test } from 'vitest';
import { fromJson } from '../core/store/json.ts';
import { eachEngine } from '../core/store/testing.ts';
import { rspamdSays, spamdSays, testRspamd, testSpamd } from './scanner.testing.ts';
import { FROM_DOMAIN, openHouse, type House } from './testing.ts';

const raw = (from: string, fields: string[] = []) =>
  [`From: ${from}`, `To: support@${FROM_DOMAIN}`, 'Subject: An offer', ...fields, '', 'Buy now.', ''].join(
    '\n',
  );
const rules = (row: { rules: string | null }) => fromJson<{ id: string; why: string }[]>(row.rules, []);
const rows = (house: House) => house.store.read.selectFrom('inbound').selectAll().orderBy('id').execute();
const states = async (house: House) =>
  (await house.store.read.selectFrom('conversation').select('state').orderBy('id').execute()).map(
    (row) => row.state,
  );

eachEngine((_, open) => {
  test('a letter that rspamd calls spam is spam, with its points and rules as the reason', async () => {
    const house = await openHouse({ open });
    house.rt.config.inbound.scan.rspamd = (await testRspamd(() => rspamdSays('add header', 9))).url;
    await house.receive({ to: `support@${FROM_DOMAIN}`, raw: raw('x@evil.example') });
    await house.settle();
    const [row] = await rows(house);
    expect(row).toMatchObject({ kind: 'spam', state: 'applied' });
    expect(rules(row!)).toContainEqual({
      id: 'spam-rspamd',
      why: 'rspamd calls it spam, 9 of 15: BAYES_SPAM (+5)',
    });
    expect(await states(house)).toEqual(['spam']);
  });

  test('an answer to our mail is never spam by a filter alone: by its token, by its Message-ID, by its sender', async () => {
    const house = await openHouse({ open });
    house.rt.config.inbound.scan.rspamd = (await testRspamd(() => rspamdSays('reject', 40))).url;
    house.rt.config.inbound.scan.spamassassin = (await testSpamd(() => spamdSays(true, 40))).place;
    const sent = await house.delivery('ana@remote.example');
    await house.receive({ from: 'c@other.example', to: sent.replyTo, raw: raw('c@other.example') });
    const answers = [`In-Reply-To: <${sent.messageId}>`];
    await house.receive({ to: `support@${FROM_DOMAIN}`, raw: raw('d@other.example', answers) });
    await house.receive({ to: `support@${FROM_DOMAIN}`, raw: raw(sent.address) });
    await house.settle();
    expect((await rows(house)).map((row) => row.kind)).not.toContain('spam');
    expect(new Set(await states(house))).toEqual(new Set(['open']));
    for (const row of await rows(house))
      expect(rules(row).map((rule) => rule.id)).toEqual(
        expect.arrayContaining(['spam-rspamd', 'spam-spamassassin', 'spam-spared']),
      );
  });

  test('with every scanner away mail comes in by the built-in rules, and says that it was not scanned', async () => {
    const house = await openHouse({ open });
    const silent = await testSpamd(() => undefined);
    Object.assign(house.rt.config.inbound.scan, {
      rspamd: (await testRspamd(() => 500)).url,
      spamassassin: silent.place,
      clamav: silent.place,
      timeout_ms: 60,
    });
    await house.receive({ to: `support@${FROM_DOMAIN}`, raw: raw('a@remote.example') });
    await house.receive({ to: `support@${FROM_DOMAIN}`, raw: raw('"a@bank.example" <>') });
    await house.settle();
    for (const row of await rows(house)) {
      expect(row.state).toBe('applied');
      expect(rules(row).map((rule) => rule.id)).toEqual(
        expect.arrayContaining(['not-scanned-rspamd', 'not-scanned-spamassassin', 'not-scanned-clamav']),
      );
    }
    expect((await rows(house))[0]?.kind).not.toBe('spam');
    expect(await states(house)).toContain('open');
  });

  test('a filter that finds nothing takes no point of the built-in rules away', async () => {
    const house = await openHouse({ open });
    house.rt.config.inbound.scan.spamassassin = (await testSpamd(() => spamdSays(false, -3))).place;
    const program = [
      'MIME-Version: 1.0',
      'Content-Type: application/octet-stream; name="invoice.pdf.exe"',
      'Content-Disposition: attachment; filename="invoice.pdf.exe"',
    ];
    await house.receive({ to: `support@${FROM_DOMAIN}`, raw: raw('x@evil.example', program) });
    await house.settle();
    const [row] = await rows(house);
    expect(row?.kind).toBe('spam');
    expect(rules(row!).map((rule) => rule.id)).toEqual(
      expect.arrayContaining(['scan-spamassassin', 'spam-program', 'spam']),
    );
  });
});
