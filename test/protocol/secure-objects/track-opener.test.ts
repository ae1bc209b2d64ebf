import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat } from '../../../src/protocol/bytes/concat.ts';
import { encodeKeyValuePairs, type KeyValuePair } from '../../../src/protocol/bytes/key-value-pairs.ts';
import { InvariantError } from '../../../src/protocol/errors.ts';
import { nobleCrypto } from '../../../src/protocol/secure-objects/noble-crypto.ts';
import { ObjectCipher } from '../../../src/protocol/secure-objects/object-cipher.ts';
import { GROUPS_REMEMBERED, OBJECTS_REMEMBERED } from '../../../src/protocol/secure-objects/replay-window.ts';
import {
  MAX_KEYS_HELD,
  TrackOpener,
  type OpenerOptions,
} from '../../../src/protocol/secure-objects/track-opener.ts';
import { TrackSealer } from '../../../src/protocol/secure-objects/track-sealer.ts';
import { epoch, millis } from '../../../src/protocol/units.ts';
import { header, baseKey, sealedTrack, SUITE_IDS, trackNamed, WatchedCrypto } from './track-crypto.ts';

const PAYLOAD = Uint8Array.of(1, 2, 3);
const EPOCH = epoch(7n);
const FAILED = { kind: 'failed' };

interface SealedObject {
  readonly group: bigint;
  readonly object: bigint;
  readonly properties: Uint8Array;
  readonly payload: Uint8Array;
}

/** An object of the track, sealed under the key that `opener()` knows unless told otherwise. */
function object(
  group: bigint,
  id: bigint,
  track = sealedTrack(),
  key = baseKey(1),
  at = EPOCH,
): SealedObject {
  const sealer = new TrackSealer(track);
  sealer.setKey(at, key);
  const sealed = sealer.seal(header(group, id), PAYLOAD);
  if (sealed.kind !== 'sealed') throw new InvariantError('not sealed');
  return { group, object: id, properties: sealed.properties, payload: sealed.payload };
}

function opener(options: OpenerOptions = {}, track = sealedTrack()): TrackOpener {
  const made = new TrackOpener(track, options);
  made.setKey(EPOCH, baseKey(1), millis(0));
  return made;
}

function open(by: TrackOpener, sealed: SealedObject) {
  return by.open(header(sealed.group, sealed.object), sealed.properties, sealed.payload);
}

describe('what was sealed opens', () => {
  test.each(SUITE_IDS)('suite %i: payload and properties, over the twin as well', (suite) => {
    const bytes = fc.uint8Array({ maxLength: 100 });
    fc.assert(
      fc.property(
        bytes,
        fc.option(bytes),
        fc.option(bytes),
        fc.bigInt(0n, 2n ** 64n - 1n),
        (payload, inner, outer, group) => {
          const block = (value: Uint8Array | null) =>
            value === null ? undefined : encodeKeyValuePairs([{ type: 0x21n, value }]);
          const [encrypted, immutable] = [block(inner), block(outer)];
          const sealer = new TrackSealer(sealedTrack({ suite }));
          sealer.setKey(EPOCH, baseKey(1));
          const sealed = sealer.seal(header(group, 5n), payload, {
            ...(encrypted === undefined ? {} : { encrypted }),
            ...(immutable === undefined ? {} : { immutable }),
          });
          if (sealed.kind !== 'sealed') expect.unreachable();
          for (const crypto of [sealedTrack().crypto, nobleCrypto]) {
            const opened = opener({}, sealedTrack({ suite, crypto })).open(
              header(group, 5n),
              sealed.properties,
              sealed.payload,
            );
            const keyId = { type: 2n, value: EPOCH as bigint };
            const own = outer === null ? [] : [{ type: 0x21n, value: outer }];
            expect(opened).toEqual({
              kind: 'opened',
              epoch: EPOCH,
              payload,
              encryptedProperties: encrypted ?? new Uint8Array(0),
              immutable: encodeKeyValuePairs([keyId, ...own]),
            });
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  test('beside properties that relays may add', () => {
    const sealed = object(1n, 1n);
    const immutable = sealed.properties.subarray(2);
    const properties = encodeKeyValuePairs([
      { type: 4n, value: 9n },
      { type: 0xbn, value: immutable },
      { type: 0x3en, value: 1n },
    ]);
    expect(open(opener(), { ...sealed, properties }).kind).toBe('opened');
  });
});

describe('what is not authentic fails, without a reason', () => {
  test.each(SUITE_IDS)('suite %i: any bit of the ciphertext, any cut', (suite) => {
    const track = sealedTrack({ suite });
    const sealed = object(1n, 1n, track);
    for (let bit = 0; bit < 8 * sealed.payload.length; bit += 1) {
      const payload = Uint8Array.from(sealed.payload);
      payload[bit >> 3] = (payload[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(open(opener({}, track), { ...sealed, payload })).toEqual(FAILED);
    }
    for (let length = 0; length < sealed.payload.length; length += 1) {
      expect(open(opener({}, track), { ...sealed, payload: sealed.payload.subarray(0, length) })).toEqual(
        FAILED,
      );
    }
  });

  test.each(SUITE_IDS)(
    'suite %i: at another location or priority, on another track, under another key or suite',
    (suite) => {
      const track = sealedTrack({ suite });
      const sealed = object(1n, 1n, track);
      expect(open(opener({}, track), sealed).kind).toBe('opened');
      expect(open(opener({}, track), { ...sealed, group: 2n })).toEqual(FAILED);
      expect(open(opener({}, track), { ...sealed, object: 2n })).toEqual(FAILED);
      expect(open(opener({}, track), { ...sealed, object: 1n + 2n ** 32n })).toEqual(FAILED);
      const by = opener({}, track);
      for (const priority of [127, 129])
        expect(by.open(header(1n, 1n, priority), sealed.properties, sealed.payload)).toEqual(FAILED);
      const elsewhere = [
        trackNamed('meeting', 'media', 'alice', 'camera 2', 'o'),
        trackNamed('meeting', 'media', 'bob', 'camera 1', 'o'),
        trackNamed('meetingmedia', 'alice', 'camera 1', 'o'),
        trackNamed('meeting', 'media', 'alice', 'camera 1o', ''),
      ];
      for (const name of elsewhere) {
        expect(open(opener({}, { ...track, track: name }), sealed)).toEqual(FAILED);
        expect(open(opener({}, track), object(1n, 1n, { ...track, track: name }))).toEqual(FAILED);
      }
      expect(open(opener({}, track), object(1n, 1n, track, baseKey(2)))).toEqual(FAILED);
      expect(open(opener({}, sealedTrack({ suite: suite === 4 ? 5 : 4 })), sealed)).toEqual(FAILED);
    },
  );

  test('an object of one epoch presented as one of another', () => {
    const by = opener();
    by.setKey(epoch(8n), baseKey(1), millis(0));
    const old = object(1n, 1n);
    const now = object(1n, 1n, sealedTrack(), baseKey(1), epoch(8n));
    expect(open(by, { ...old, properties: now.properties })).toEqual(FAILED);
    expect(open(by, { ...now, properties: old.properties })).toEqual(FAILED);
    expect(open(by, now).kind).toBe('opened');
  });

  test('any change of the immutable properties', () => {
    const sealer = new TrackSealer(sealedTrack());
    sealer.setKey(EPOCH, baseKey(1));
    const own = (value: bigint) => encodeKeyValuePairs([{ type: 4n, value }]);
    const sealed = sealer.seal(header(0n, 0n), PAYLOAD, { immutable: own(1n) });
    const other = sealer.seal(header(0n, 1n), PAYLOAD, { immutable: own(2n) });
    if (sealed.kind !== 'sealed' || other.kind !== 'sealed') expect.unreachable();
    const by = opener();
    expect(by.open(header(0n, 0n), other.properties, sealed.payload)).toEqual(FAILED);
    // The same pairs in longer integers: authenticated byte for byte.
    const longer = encodeKeyValuePairs([{ type: 0xbn, value: Uint8Array.of(0x80, 2, 7, 2, 1) }]);
    expect(by.open(header(0n, 0n), longer, sealed.payload)).toEqual(FAILED);
    expect(by.open(header(0n, 0n), sealed.properties, sealed.payload).kind).toBe('opened');
  });

  const immutableWith = (...pairs: KeyValuePair[]) =>
    encodeKeyValuePairs([{ type: 0xbn, value: encodeKeyValuePairs(pairs) }]);
  const keyId = { type: 2n, value: EPOCH as bigint };
  test.each([
    ['no properties', new Uint8Array(0)],
    ['no Immutable Properties', encodeKeyValuePairs([keyId])],
    ['empty Immutable Properties', immutableWith()],
    ['no Key ID', immutableWith({ type: 4n, value: 7n })],
    ['two Key IDs', immutableWith(keyId, keyId)],
    ['two Immutable Properties', concat(immutableWith(keyId), Uint8Array.of(0, 2, 2, 7))],
    [
      'Immutable Properties in Immutable Properties',
      immutableWith(keyId, { type: 0xbn, value: new Uint8Array(0) }),
    ],
    ['a cut block', immutableWith(keyId).subarray(0, 3)],
    ['cut Immutable Properties', Uint8Array.of(0xb, 1, 2)],
    ['bytes behind that are no pairs', concat(immutableWith(keyId), Uint8Array.of(1))],
  ])('%s', (_, properties) => {
    // Sealed over exactly these immutable bytes with the right key: only the rule can refuse it.
    const cipher = new ObjectCipher(sealedTrack());
    const key = cipher.deriveKey(baseKey(1), EPOCH);
    const content = { payload: PAYLOAD, encryptedProperties: new Uint8Array(0) };
    const payload = cipher.seal(key, header(0n, 0n), properties.subarray(2), content);
    const by = opener();
    expect(by.open(header(0n, 0n), properties, payload)).toEqual(FAILED);
    expect(by.failures).toBe(1);
  });

  test.each([
    ['a payload longer than there is', [9, 1]],
    ['no length', []],
    ['a type other than 0xA', [1, 0, 0xc, 0]],
    ['the type in 16 bits', [1, 0, 0, 0xa, 0]],
    ['a list shorter than the rest', [1, 0, 0xa, 0, 5]],
    ['a list longer than the rest', [1, 0, 0xa, 3, 2, 1]],
    ['a list that is no pairs', [1, 0, 0xa, 1, 2]],
  ])('an authentic plaintext with %s', (_, plaintext) => {
    const track = sealedTrack();
    const made = object(0n, 0n);
    const cipher = new ObjectCipher({
      ...track,
      crypto: {
        hmac: track.crypto.hmac,
        aead: (suite) => ({
          ...track.crypto.aead(suite),
          seal: (key, nonce, aad) =>
            track.crypto.aead(suite).seal(key, nonce, aad, Uint8Array.from(plaintext)),
        }),
      },
    });
    const content = { payload: PAYLOAD, encryptedProperties: new Uint8Array(0) };
    const immutable = made.properties.subarray(2);
    const payload = cipher.seal(cipher.deriveKey(baseKey(1), EPOCH), header(0n, 0n), immutable, content);
    expect(open(opener(), { ...made, payload })).toEqual(FAILED);
  });

  test('any bytes fail or wait, and are counted', () => {
    const by = opener();
    let failed = 0;
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40 }),
        fc.uint8Array({ maxLength: 40 }),
        (properties, payload) => {
          const outcome = by.open(header(0n, 0n), properties, payload);
          expect(outcome.kind).not.toBe('opened');
          if (outcome.kind === 'failed') failed += 1;
        },
      ),
    );
    expect(by.failures).toBe(failed);
    expect(failed).toBeGreaterThan(0);
  });
});

describe('keys come and go', () => {
  const later = (at: bigint) => object(at, 0n, sealedTrack(), baseKey(Number(at)), epoch(at));

  test('an epoch to come may be waited for; one that is over may not', () => {
    const by = new TrackOpener(sealedTrack());
    expect(open(by, later(3n))).toEqual({ kind: 'unknown-key', epoch: 3n });
    by.setKey(epoch(3n), baseKey(3), millis(0));
    expect(open(by, later(3n)).kind).toBe('opened');
    expect(open(by, later(4n))).toEqual({ kind: 'unknown-key', epoch: 4n });
    expect(open(by, later(2n))).toEqual(FAILED);
    expect(by.failures).toBe(1);
  });

  test('old and new key open during the overlap, and the old one is erased after it', () => {
    const crypto = new WatchedCrypto();
    const by = new TrackOpener(sealedTrack({ crypto }));
    by.setKey(epoch(3n), baseKey(3), millis(0));
    expect(by.deadline).toBeUndefined();
    by.setKey(epoch(4n), baseKey(4), millis(100));
    expect(by.deadline).toBe(5_100);
    expect(open(by, later(3n)).kind).toBe('opened');
    const [old] = [...crypto.keys];
    by.expire(millis(5_099));
    expect(open(by, { ...later(3n), group: 9n })).toEqual(FAILED);
    expect(old?.some((byte) => byte !== 0)).toBe(true);
    by.expire(millis(5_100));
    expect(old).toEqual(new Uint8Array(16));
    expect(by.deadline).toBeUndefined();
    expect(open(by, object(10n, 0n, sealedTrack(), baseKey(3), epoch(3n)))).toEqual(FAILED);
    expect(open(by, later(4n)).kind).toBe('opened');
  });

  test('a second commit does not lengthen the overlap of the first', () => {
    const by = new TrackOpener(sealedTrack());
    by.setKey(epoch(3n), baseKey(3), millis(0));
    by.setKey(epoch(4n), baseKey(4), millis(1_000));
    by.setKey(epoch(5n), baseKey(5), millis(2_000));
    expect(by.deadline).toBe(6_000);
    by.expire(millis(6_000));
    expect(open(by, later(3n))).toEqual(FAILED);
    expect(open(by, later(4n)).kind).toBe('opened');
    expect(by.deadline).toBe(7_000);
  });

  test('retire and erase zero keys at once', () => {
    const crypto = new WatchedCrypto();
    const by = new TrackOpener(sealedTrack({ crypto }));
    by.setKey(epoch(3n), baseKey(3), millis(0));
    by.setKey(epoch(4n), baseKey(4), millis(0));
    open(by, later(3n));
    open(by, later(4n));
    const [third, fourth] = [...crypto.keys];
    by.retire(epoch(3n));
    expect(third).toEqual(new Uint8Array(16));
    expect(open(by, object(9n, 0n, sealedTrack(), baseKey(3), epoch(3n)))).toEqual(FAILED);
    expect(fourth?.some((byte) => byte !== 0)).toBe(true);
    by.erase();
    expect(fourth).toEqual(new Uint8Array(16));
    expect(open(by, object(9n, 0n, sealedTrack(), baseKey(4), epoch(4n)))).toEqual(FAILED);
  });

  test('commits in quick succession do not pile up keys', () => {
    const crypto = new WatchedCrypto();
    const by = new TrackOpener(sealedTrack({ crypto }));
    for (let at = 1n; at <= 50n; at += 1n) {
      by.setKey(epoch(at), baseKey(Number(at)), millis(0));
      expect(open(by, later(at)).kind).toBe('opened');
    }
    const held = [...crypto.keys].filter((key) => key.some((byte) => byte !== 0));
    expect(held).toHaveLength(MAX_KEYS_HELD);
  });

  test('epochs only go up', () => {
    const by = opener();
    expect(() => {
      by.setKey(EPOCH, baseKey(1), millis(0));
    }).toThrow(InvariantError);
    expect(() => {
      by.setKey(epoch(6n), baseKey(1), millis(0));
    }).toThrow(InvariantError);
  });
});

describe('replay', () => {
  test('each object opens once, in any order', () => {
    const id = fc.bigInt(0n, 20n);
    fc.assert(
      fc.property(fc.array(fc.tuple(id, id), { maxLength: 40 }), (locations) => {
        const by = opener();
        const seen = new Set<string>();
        for (const [group, at] of locations) {
          const name = `${String(group)} ${String(at)}`;
          expect(open(by, object(group, at)).kind).toBe(seen.has(name) ? 'failed' : 'opened');
          seen.add(name);
        }
      }),
      { numRuns: 40 },
    );
  });

  test("also under another key: a location is the track's, not the epoch's", () => {
    const by = opener();
    by.setKey(epoch(8n), baseKey(8), millis(0));
    expect(open(by, object(0n, 0n)).kind).toBe('opened');
    expect(open(by, object(0n, 0n, sealedTrack(), baseKey(8), epoch(8n)))).toEqual(FAILED);
  });

  test('a forged object does not use up the location of the true one', () => {
    const by = opener();
    const sealed = object(5n, 5n);
    expect(open(by, { ...sealed, payload: new Uint8Array(40) })).toEqual(FAILED);
    expect(open(by, sealed).kind).toBe('opened');
  });

  test('what is too old to be remembered is taken as replayed', () => {
    const by = opener();
    const high = BigInt(OBJECTS_REMEMBERED);
    expect(open(by, object(0n, 0n)).kind).toBe('opened');
    expect(open(by, object(0n, high)).kind).toBe('opened');
    expect(open(by, object(0n, 0n))).toEqual(FAILED);
    expect(open(by, object(0n, 1n)).kind).toBe('opened');
    expect(open(by, object(0n, 1n))).toEqual(FAILED);
    for (let group = 1n; group < BigInt(GROUPS_REMEMBERED); group += 1n) {
      expect(open(by, object(group, 0n)).kind).toBe('opened');
    }
    expect(open(by, object(0n, 2n)).kind).toBe('opened');
    expect(open(by, object(100n, 0n)).kind).toBe('opened');
    expect(open(by, object(0n, 0n))).toEqual(FAILED);
    expect(open(by, object(0n, 3n))).toEqual(FAILED);
    expect(open(by, object(1n, 0n))).toEqual(FAILED);
    expect(open(by, object(1n, 1n)).kind).toBe('opened');
  });

  test('a jump over the ring forgets what the ring held before', () => {
    const by = opener();
    const ring = BigInt(OBJECTS_REMEMBERED);
    expect(open(by, object(0n, 5n)).kind).toBe('opened');
    expect(open(by, object(0n, 3n * ring + 1n)).kind).toBe('opened');
    // Shares its place in the ring with object 5.
    expect(open(by, object(0n, 2n * ring + 5n)).kind).toBe('opened');
    expect(open(by, object(0n, 2n * ring + 5n))).toEqual(FAILED);
    // Never seen, but too old to know that; their places in the ring are free.
    expect(open(by, object(0n, 2n * ring + 1n))).toEqual(FAILED);
    expect(open(by, object(0n, 2n * ring))).toEqual(FAILED);
    expect(open(by, object(0n, 2n * ring + 2n)).kind).toBe('opened');
    expect(open(by, object(0n, 2n ** 32n - 1n)).kind).toBe('opened');
    expect(open(by, object(0n, 2n ** 32n - 1n))).toEqual(FAILED);
  });
});

describe('limits', () => {
  test('nothing is asked for before there is a key, nor after it was erased', () => {
    const by = new TrackOpener(sealedTrack());
    expect(by.rekeyNeeded).toBe(false);
    const spent = opener({ limits: { blocks: 0, failures: 0 } });
    expect(spent.rekeyNeeded).toBe(true);
    spent.erase();
    expect(spent.rekeyNeeded).toBe(false);
  });

  test('are those of the suite where none are given', () => {
    const track = sealedTrack({ suite: 3 });
    const by = opener({}, track);
    const forged = { ...object(0n, 0n, track), payload: new Uint8Array(40) };
    for (let failures = 0; failures < 2 ** 10; failures += 1) {
      expect(by.rekeyNeeded).toBe(failures >= 2 ** 9);
      open(by, forged);
    }
    expect(open(by, object(1n, 0n, track))).toEqual(FAILED);
  });

  test('forgeries ask for a new key, then close the old one', () => {
    const by = opener({ limits: { blocks: 2 ** 36, failures: 4 } });
    const forged = (at: bigint) => ({ ...object(0n, at), payload: new Uint8Array(40) });
    for (let at = 0n; at < 4n; at += 1n) {
      expect(by.rekeyNeeded).toBe(at >= 2n);
      expect(open(by, forged(at))).toEqual(FAILED);
    }
    expect(open(by, object(1n, 0n))).toEqual(FAILED);
    by.setKey(epoch(8n), baseKey(8), millis(0));
    expect(by.rekeyNeeded).toBe(false);
    expect(open(by, object(2n, 0n, sealedTrack(), baseKey(8), epoch(8n))).kind).toBe('opened');
  });

  test('objects that open count too', () => {
    // A payload of 3 bytes is 20 sealed: three blocks with the object's own.
    const by = opener({ limits: { blocks: 6, failures: 4 } });
    expect(open(by, object(0n, 0n)).kind).toBe('opened');
    expect(by.rekeyNeeded).toBe(true);
    expect(open(by, object(0n, 1n)).kind).toBe('opened');
    expect(open(by, object(0n, 2n))).toEqual(FAILED);
  });

  test('a replay does not count', () => {
    const by = opener({ limits: { blocks: 6, failures: 4 } });
    for (let at = 0; at < 10; at += 1) open(by, object(0n, 0n));
    expect(open(by, object(0n, 1n)).kind).toBe('opened');
  });
});
