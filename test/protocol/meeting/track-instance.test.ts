import { expect, test } from 'vitest';
import { encodeBase64Url } from '../../../src/protocol/bytes/base64url.ts';
import { decodeUtf8, encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import {
  controlInstance,
  INSTANCE_BYTES,
  isControlInstance,
  mediaInstance,
  mediaKindOf,
  timeOf,
} from '../../../src/protocol/meeting/track-instance.ts';

const INSTANCE = new Uint8Array(INSTANCE_BYTES).map((_, at) => at);
const TEXT = encodeBase64Url(INSTANCE);

test('the instance of a media track names its kind, that of a control track does not', () => {
  const kinds = ['catalog', 'audio', 'video'] as const;
  const fields = kinds.map((kind) => mediaInstance(kind, INSTANCE));
  expect(fields.map(decodeUtf8)).toEqual(kinds.map((kind) => `${kind}.${TEXT}`));
  expect(fields.map(mediaKindOf)).toEqual(kinds);
  expect(decodeUtf8(controlInstance(INSTANCE))).toBe(TEXT);
});

test.each(['screen.x', 'audio', 'audios.x', 'an audio.x', ''])('%j names no kind', (text) => {
  expect(mediaKindOf(encodeUtf8(text))).toBeUndefined();
});

test('bytes that are no text name no kind', () => {
  expect(mediaKindOf(Uint8Array.of(...encodeUtf8('audio.'), 0xff))).toBeUndefined();
});

test.each(['audio.x.', 'x.', 'audio.audio.', '.'])(
  'no field beside its own is of a time: %j before it',
  (before) => {
    const field = encodeUtf8(before + TEXT);
    expect([timeOf(field), mediaKindOf(field), isControlInstance(field)]).toEqual([
      undefined,
      undefined,
      false,
    ]);
  },
);
