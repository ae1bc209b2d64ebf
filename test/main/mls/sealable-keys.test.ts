import fc from 'fast-check';
import type { CiphersuiteImpl } from 'ts-mls';
import { beforeAll, describe, expect, test } from 'vitest';
import { suiteImplementation } from '../../../src/main/mls/client-config.ts';
import { canSealTo } from '../../../src/main/mls/sealable-keys.ts';
import { SMALL_ORDER } from '../../harness/group/small-order.ts';

/** Also with the bit that X25519 ignores. */
const NOTHING_SECRET = SMALL_ORDER.flatMap((point) => [point, point.with(31, (point[31] ?? 0) | 0x80)]);
/** Another encoding of a point that is in order: 9 + 2^255 - 19. */
const NOT_REDUCED = new Uint8Array(32).fill(0xff).with(0, 0xf6).with(31, 0x7f);
const EMPTY = new Uint8Array(0);

/** Whether something can be sealed, found out by doing it. */
async function isSealed(key: Uint8Array, { hpke }: CiphersuiteImpl): Promise<boolean> {
  try {
    await hpke.seal(await hpke.importPublicKey(key), EMPTY, EMPTY);
    return true;
  } catch {
    return false;
  }
}

describe.each([0x0001, 0x0053] as const)('a key of suite %i', (number) => {
  let suite: CiphersuiteImpl;
  let key: Uint8Array;
  beforeAll(async () => {
    suite = await suiteImplementation(number);
    key = await suite.hpke.exportPublicKey((await suite.hpke.generateKeyPair()).publicKey);
  });
  /** A key with another end, which is that of X25519. */
  const ending = (end: Uint8Array): Uint8Array => {
    const other = key.slice();
    other.set(end, key.length - end.length);
    return other;
  };

  test('can be sealed to, as it is generated', async () => {
    expect([canSealTo(key, suite), await isSealed(key, suite)]).toEqual([true, true]);
  });

  test('of another length cannot', async () => {
    for (const other of [EMPTY, key.slice(1), new Uint8Array([...key, 0]), key.subarray(0, 31)])
      expect([canSealTo(other, suite), await isSealed(other, suite)]).toEqual([false, false]);
  });

  test('of small order cannot, in whatever encoding, and one that is only encoded oddly can', async () => {
    for (const point of NOTHING_SECRET)
      expect([canSealTo(ending(point), suite), await isSealed(ending(point), suite)]).toEqual([false, false]);
    const odd = ending(NOT_REDUCED);
    expect([canSealTo(odd, suite), await isSealed(odd, suite)]).toEqual([true, true]);
  });

  test('can or cannot as sealing to it tells, whatever is changed of it', async () => {
    const change = fc.tuple(fc.nat(key.length - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        const other = key.slice();
        for (const [at, byte] of changes) other[at] = byte;
        expect(canSealTo(other, suite)).toBe(await isSealed(other, suite));
      }),
      { numRuns: 200 },
    );
  });
});

test.each([0, 1, 2, 255, 256, 383, 767])('coefficient %i of an ML-KEM key is below 3,329', async (of) => {
  const suite = await suiteImplementation(0x0053);
  const key = await suite.hpke.exportPublicKey((await suite.hpke.generateKeyPair()).publicKey);
  const put = (value: number): Uint8Array => {
    const other = key.slice();
    const at = Math.floor(of / 2) * 3;
    const [low = 0, middle = 0, high = 0] = other.subarray(at, at + 3);
    const both = low | (middle << 8) | (high << 16);
    const next = of % 2 === 0 ? (both & 0xfff000) | value : (both & 0x000fff) | (value << 12);
    other.set([next & 255, (next >> 8) & 255, next >> 16], at);
    return other;
  };
  for (const [value, is] of [
    [3_328, true],
    [3_329, false],
    [4_095, false],
  ] as const)
    expect([canSealTo(put(value), suite), await isSealed(put(value), suite)]).toEqual([is, is]);
});
