import { describe, expect, test } from 'vitest';
import { encodeHex } from '../../../../src/protocol/bytes/hex.ts';
import { draft18 } from '../../../../src/protocol/moqt/draft18/draft18.ts';
import { bytesOf } from '../../../harness/moqt/hex.ts';
import { DATAGRAM_VECTORS, STREAM_VECTORS } from '../../../vectors/moqt-18/data.ts';
import { MESSAGE_VECTORS } from '../../../vectors/moqt-18/messages.ts';
import recorded from '../../../vectors/moqt-18/moqtap-codec.json' with { type: 'json' };

describe('what an independent codec wrote', () => {
  test.each(recorded.vectors)('$name', ({ name, kind, bytes, encoded }) => {
    const ours = [...MESSAGE_VECTORS, ...STREAM_VECTORS, ...DATAGRAM_VECTORS].find(
      (vector) => vector.name === name,
    );
    expect(encodeHex(bytesOf(...(ours?.bytes ?? []).map(([hex]) => hex)))).toBe(bytes);
    const message = MESSAGE_VECTORS.find((vector) => vector.name === name)?.message;
    if (kind === 'message' && message !== undefined) {
      expect(encodeHex(draft18.encodeMessage(message))).toBe(encoded);
    } else {
      // Objects keep the form in which they came, so the other codec gives the vector back.
      expect(encoded).toBe(bytes);
    }
  });
});
