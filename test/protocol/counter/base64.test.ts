import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeBase64, encodeBase64 } from '../../../src/protocol/counter/base64.ts';

describe('base64 with padding', () => {
  test('agrees with Node for all bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const text = Buffer.from(bytes).toString('base64');
        expect(encodeBase64(bytes)).toBe(text);
        expect(decodeBase64(text)).toEqual(bytes);
      }),
    );
  });

  test('any text is either the one text of its bytes or refused', () => {
    const character = fc.constantFrom(...Array.from('AQgwZz09+/=-_ \u00e9'));
    fc.assert(
      fc.property(fc.string({ unit: character, maxLength: 9 }), (text) => {
        const bytes = decodeBase64(text);
        if (bytes !== undefined) expect(encodeBase64(bytes)).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });

  test.each(['A', 'AA', 'AAA', 'AB==', 'AAB=', 'A===', '====', 'AA=A', 'AA-_', 'AAA\u0141'])(
    '%s is refused',
    (text) => {
      expect(decodeBase64(text)).toBeUndefined();
    },
  );
});
