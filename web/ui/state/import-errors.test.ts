/** The file of rows that were not taken opens in a spreadsheet without running anything. */
import { expect, test } from 'vitest';
import { errorsAsCsv } from './import-errors.ts';

test('quotes, commas and line breaks are kept; a formula is text', () => {
  const row = { id: 1, line: 7, column_name: 'email', reason: 'is not an address', raw: 'a "b", c\nd' };
  expect(errorsAsCsv(['Line', 'Column', 'Why', 'What'], [row, { ...row, raw: '=1+1' }])).toBe(
    'Line,Column,Why,What\r\n7,email,is not an address,"a ""b"", c\nd"\r\n7,email,is not an address,\'=1+1\r\n',
  );
});
