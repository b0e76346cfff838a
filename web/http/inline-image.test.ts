import { expect, test } from 'vitest';
import type { AttachmentPlace } from '../../core/store/conversation.ts';
import { rasterType, withInlineImages } from './inline-image.ts';

const GIF = Buffer.from('GIF89a\x01\x00\x01\x00', 'latin1');
const part = (bytes: Buffer, type: string) =>
  `--b\nContent-Type: ${type}\nContent-Transfer-Encoding: base64\n\n${bytes.toString('base64')}\n`;
const raw = Buffer.from(
  `Content-Type: multipart/related; boundary=b\n\n${part(GIF, 'text/plain')}${part(Buffer.from('<svg/>'), 'image/gif')}--b--\n`,
);
const place = (id: number, contentId: string): AttachmentPlace => ({
  id,
  message_id: 1,
  file_name: '',
  media_type: 'image/gif',
  size: 1,
  part: String(id),
  content_id: contentId,
  raw_hash: 'h',
});

test.each([
  ['a picture of the message', '<img src="cid:one@x" />', `data:image/gif;base64,${GIF.toString('base64')}`],
  ['its id percent-encoded', '<img src="cid:one%40x" />', 'data:image/gif'],
  ['an svg that says it is a gif', '<img src="cid:two@x" />', 'src="cid:two@x"'],
  ['a picture of another message', '<img src="cid:other@x" />', 'src="cid:other@x"'],
])('%s', async (_, html, expected) => {
  const places = [place(1, '<one@x>'), place(2, 'two@x')];
  expect(await withInlineImages(html, places, async () => raw)).toContain(expected);
});

test('only what browsers show as a raster image is one', () => {
  const first = (text: string) => rasterType(Buffer.from(text, 'latin1'));
  expect(first('\x89PNG\r\n\x1a\n')).toBe('image/png');
  expect(first('RIFF\x00\x00\x00\x00WEBPVP8 ')).toBe('image/webp');
  expect(first('<svg xmlns="…">')).toBeUndefined();
  expect(first('BM')).toBeUndefined();
  expect(first('')).toBeUndefined();
});
