import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeKeyValuePairs, encodeKeyValuePairs } from '../../../src/protocol/bytes/key-value-pairs.ts';
import { InvariantError } from '../../../src/protocol/errors.ts';
import { TrackSealer } from '../../../src/protocol/secure-objects/track-sealer.ts';
import { epoch } from '../../../src/protocol/units.ts';
import { header, baseKey, sealedTrack, WatchedCrypto } from './track-crypto.ts';

const PAYLOAD = Uint8Array.of(1, 2, 3);

function sealer(firstEpoch = 3n): TrackSealer {
  const made = new TrackSealer(sealedTrack());
  made.setKey(epoch(firstEpoch), baseKey(1));
  return made;
}

describe('a nonce is never used twice', () => {
  test('whatever the sequence of calls', () => {
    const id = fc.bigInt(0n, 4n);
    const call = fc.oneof(
      { weight: 8, arbitrary: fc.record({ kind: fc.constant('seal' as const), group: id, object: id }) },
      // Few epochs and one base key: a key that came back would be found out.
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('setKey' as const), epoch: fc.bigInt(0n, 3n) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('erase' as const) }) },
    );
    fc.assert(
      fc.property(fc.array(call, { minLength: 20, maxLength: 60 }), (calls) => {
        const crypto = new WatchedCrypto();
        const made = new TrackSealer(sealedTrack({ crypto }));
        for (const each of calls) {
          try {
            if (each.kind === 'seal') made.seal(header(each.group, each.object), PAYLOAD);
            else if (each.kind === 'setKey') made.setKey(epoch(each.epoch), baseKey(1));
            else made.erase();
          } catch (error) {
            if (!(error instanceof InvariantError)) throw error;
          }
        }
        expect(new Set(crypto.sealedWith).size).toBe(crypto.sealedWith.length);
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    [5n, 5n],
    [5n, 4n],
    [4n, 9n],
  ])('location %i, %i after 5, 5 is refused', (group, object) => {
    const made = sealer();
    made.seal(header(5n, 5n), PAYLOAD);
    expect(() => made.seal(header(group, object), PAYLOAD)).toThrow(InvariantError);
    expect(made.seal(header(5n, 6n), PAYLOAD).kind).toBe('sealed');
    expect(made.seal(header(6n, 0n), PAYLOAD).kind).toBe('sealed');
  });

  test('a location stays spent when the cipher fails on it', () => {
    const crypto = new WatchedCrypto();
    const failing = {
      hmac: crypto.hmac,
      aead: () => ({
        seal: () => {
          throw new RangeError('cipher failed');
        },
        open: () => undefined,
      }),
    };
    const made = new TrackSealer(sealedTrack({ crypto: failing }));
    made.setKey(epoch(1n), baseKey(1));
    expect(() => made.seal(header(0n, 0n), PAYLOAD)).toThrow(RangeError);
    expect(() => made.seal(header(0n, 0n), PAYLOAD)).toThrow(InvariantError);
  });

  test('an Object ID of 2^32 is refused, in any group', () => {
    const made = sealer();
    expect(made.seal(header(2n ** 64n - 2n, 2n ** 32n - 1n), PAYLOAD).kind).toBe('sealed');
    expect(() => made.seal(header(2n ** 64n - 1n, 2n ** 32n), PAYLOAD)).toThrow(InvariantError);
  });

  test('locations go up over keys too', () => {
    const made = sealer();
    made.seal(header(5n, 5n), PAYLOAD);
    made.setKey(epoch(4n), baseKey(2));
    expect(() => made.seal(header(5n, 5n), PAYLOAD)).toThrow(InvariantError);
  });
});

describe('keys', () => {
  test('an epoch that is not later is refused', () => {
    const made = sealer(3n);
    expect(() => {
      made.setKey(epoch(3n), baseKey(1));
    }).toThrow(InvariantError);
    expect(() => {
      made.setKey(epoch(2n), baseKey(1));
    }).toThrow(InvariantError);
    expect(made.epoch).toBe(3n);
  });

  test('without a key nothing is sealed', () => {
    const made = new TrackSealer(sealedTrack());
    expect(() => made.seal(header(0n, 0n), PAYLOAD)).toThrow(InvariantError);
    made.setKey(epoch(0n), baseKey(1));
    made.erase();
    expect(made.epoch).toBeUndefined();
    expect(() => made.seal(header(0n, 0n), PAYLOAD)).toThrow(InvariantError);
  });

  test('the old key is zeroed when the next one comes, the last by erase', () => {
    const crypto = new WatchedCrypto();
    const made = new TrackSealer(sealedTrack({ crypto }));
    made.setKey(epoch(0n), baseKey(1));
    made.seal(header(0n, 0n), PAYLOAD);
    const [first] = [...crypto.keys];
    expect(first?.some((byte) => byte !== 0)).toBe(true);
    made.setKey(epoch(1n), baseKey(2));
    expect(first).toEqual(new Uint8Array(16));
    made.seal(header(0n, 1n), PAYLOAD);
    made.erase();
    for (const key of crypto.keys) expect(key).toEqual(new Uint8Array(16));
    expect(crypto.keys.size).toBe(2);
  });
});

describe('limits', () => {
  // 3 bytes and their framing are two blocks, and each object counts one more: ten objects fit.
  const limits = { blocks: 30, failures: 10 };

  test('nothing is asked for before there is a key', () => {
    expect(new TrackSealer(sealedTrack(), { blocks: 0, failures: 0 }).rekeyNeeded).toBe(false);
  });

  test('new keys are asked for half-way, and nothing is sealed beyond', () => {
    const made = new TrackSealer(sealedTrack(), limits);
    made.setKey(epoch(0n), baseKey(1));
    for (let at = 0n; at < 10n; at += 1n) {
      expect(made.rekeyNeeded).toBe(at >= 5n);
      expect(made.seal(header(0n, at), PAYLOAD).kind).toBe('sealed');
    }
    expect(made.seal(header(0n, 10n), PAYLOAD)).toEqual({ kind: 'rekey-required' });
    made.setKey(epoch(1n), baseKey(2));
    expect(made.rekeyNeeded).toBe(false);
    expect(made.seal(header(0n, 10n), PAYLOAD).kind).toBe('sealed');
  });

  test('long payloads count by their length', () => {
    const made = new TrackSealer(sealedTrack(), limits);
    made.setKey(epoch(0n), baseKey(1));
    expect(made.seal(header(0n, 0n), new Uint8Array(500))).toEqual({ kind: 'rekey-required' });
  });
});

describe('properties', () => {
  const other = { type: 0x21n, value: Uint8Array.of(9) };

  test('an object carries Immutable Properties with the Key ID, ascending, and nothing else', () => {
    const sealed = sealer(300n).seal(header(0n, 0n), PAYLOAD, {
      immutable: encodeKeyValuePairs([{ type: 0n, value: 5n }, other]),
    });
    if (sealed.kind !== 'sealed') expect.unreachable();
    const [immutable, ...rest] = decodeKeyValuePairs(sealed.properties);
    expect(rest).toEqual([]);
    expect(immutable).toEqual({ type: 0xbn, value: sealed.immutable });
    expect(decodeKeyValuePairs(immutable?.value as Uint8Array)).toEqual([
      { type: 0n, value: 5n },
      { type: 2n, value: 300n },
      other,
    ]);
  });

  test.each([0x2n, 0xan, 0xbn])('property %i of the caller is refused', (type) => {
    const immutable = encodeKeyValuePairs([{ type, value: type % 2n === 0n ? 1n : new Uint8Array(0) }]);
    expect(() => sealer().seal(header(0n, 0n), PAYLOAD, { immutable })).toThrow(InvariantError);
  });

  test('encrypted properties have to be Key-Value-Pairs', () => {
    const encrypted = Uint8Array.of(2);
    expect(() => sealer().seal(header(0n, 0n), PAYLOAD, { encrypted })).toThrow(InvariantError);
  });

  test('what is encrypted is not in the object', () => {
    const secret = Buffer.alloc(40, 0xab);
    const encrypted = encodeKeyValuePairs([{ type: 0x21n, value: secret }]);
    const sealed = sealer().seal(header(0n, 0n), secret, { encrypted });
    if (sealed.kind !== 'sealed') expect.unreachable();
    expect(Buffer.from(sealed.payload).includes(secret.subarray(0, 6))).toBe(false);
    expect(Buffer.from(sealed.properties).includes(secret.subarray(0, 6))).toBe(false);
  });
});
