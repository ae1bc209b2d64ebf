import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { nodeCrypto } from '../../../src/io/crypto/node-crypto.ts';
import { encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import { MeetingKeys } from '../../../src/protocol/meeting/meeting-keys.ts';
import { groupId, objectId, type FullTrackName } from '../../../src/protocol/moqt/model.ts';
import type { ObjectHeader } from '../../../src/protocol/secure-objects/aad.ts';
import type { SecureObjectsCrypto } from '../../../src/protocol/secure-objects/crypto.ts';
import { deriveEpochSecret } from '../../../src/protocol/secure-objects/key-schedule.ts';
import { DEFAULT_OVERLAP } from '../../../src/protocol/secure-objects/track-opener.ts';
import type { TrackOpener } from '../../../src/protocol/secure-objects/track-opener.ts';
import type { TrackSealer } from '../../../src/protocol/secure-objects/track-sealer.ts';
import { epoch, millis } from '../../../src/protocol/units.ts';

const PARAMETERS = { mlsHash: 'SHA-256', suite: 0x0004 } as const;
const TRACK: FullTrackName = { namespace: [encodeUtf8('group')], name: encodeUtf8('o') };
const masterKey = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);
/** Those of some HMAC keys that hold a secret still: neither erased nor the label that HKDF-Extract takes as its salt. */
const secretsAmong = (keys: ReadonlySet<Uint8Array>): Uint8Array[] =>
  [...keys].filter(
    (key) => !isZero(key) && !Buffer.from(key).toString('latin1').startsWith('SecureObject Epoch Master Key'),
  );

const headerOf = (group: number): ObjectHeader => ({
  group: groupId(BigInt(group)),
  object: objectId(0n),
  priority: 32,
});

function sealAt(
  sealer: TrackSealer,
  group: number,
): { properties: Uint8Array; payload: Uint8Array; group: number } {
  const outcome = sealer.seal(headerOf(group), encodeUtf8('said'));
  if (outcome.kind !== 'sealed') throw new Error(outcome.kind);
  return { ...outcome, group };
}
const openWith = (opener: TrackOpener, sealed: ReturnType<typeof sealAt>): string =>
  opener.open(headerOf(sealed.group), sealed.properties, sealed.payload).kind;

/** node:crypto, with every key that is handed to its cipher and its HMAC: the very arrays, not copies. */
function watchedCrypto(): SecureObjectsCrypto & {
  readonly cipherKeys: Set<Uint8Array>;
  readonly hmacKeys: Set<Uint8Array>;
} {
  const cipherKeys = new Set<Uint8Array>();
  const hmacKeys = new Set<Uint8Array>();
  return {
    cipherKeys,
    hmacKeys,
    aead(suite) {
      const { seal, open } = nodeCrypto.aead(suite);
      return {
        seal: (key, ...rest) => {
          cipherKeys.add(key);
          return seal(key, ...rest);
        },
        open: (key, ...rest) => {
          cipherKeys.add(key);
          return open(key, ...rest);
        },
      };
    },
    hmac(hash, key, ...data) {
      hmacKeys.add(key);
      return nodeCrypto.hmac(hash, key, ...data);
    },
  };
}

describe('the keys of a meeting', () => {
  test('go over to a new epoch: senders at once, receivers with the overlap', () => {
    const keys = new MeetingKeys(PARAMETERS, nodeCrypto);
    const sealer = keys.sealer(TRACK);
    expect(sealer.epoch).toBeUndefined();
    keys.begin(epoch(4n), masterKey(1), millis(0));
    const opener = keys.opener(TRACK, 'media', millis(0));
    const old = sealAt(sealer, 1);
    const late = sealAt(sealer, 2);
    keys.begin(epoch(5n), masterKey(2), millis(1_000));
    expect([keys.epoch, sealer.epoch]).toEqual([5n, 5n]);
    expect(openWith(opener, sealAt(sealer, 3))).toBe('opened');
    keys.expire(millis(1_000 + DEFAULT_OVERLAP - 1));
    expect(openWith(opener, old)).toBe('opened');
    keys.expire(millis(1_000 + DEFAULT_OVERLAP));
    expect(openWith(opener, late)).toBe('failed');
  });

  test('overwrite the master key, the secret of the epoch before, and the keys when the overlap is over', () => {
    const seen = watchedCrypto();
    const keys = new MeetingKeys(PARAMETERS, seen);
    const first = masterKey(1);
    const secret = Buffer.from(deriveEpochSecret(nodeCrypto, 'SHA-256', first, epoch(4n)));
    seen.hmacKeys.clear();
    keys.begin(epoch(4n), first, millis(0));
    expect(isZero(first)).toBe(true);
    const sealer = keys.sealer(TRACK);
    const opener = keys.opener(TRACK, 'media', millis(0));
    openWith(opener, sealAt(sealer, 1));
    const epochSecrets = [...seen.hmacKeys].filter((key) => secret.equals(key));
    const mediaKeys = [...seen.cipherKeys];
    expect([epochSecrets.length, mediaKeys.length]).toEqual([1, 2]);
    // Base keys of tracks, and whatever else a key came from, are gone as soon as the key is there.
    expect(secretsAmong(seen.hmacKeys)).toEqual(epochSecrets);

    keys.begin(epoch(5n), masterKey(2), millis(1_000));
    expect(epochSecrets.every(isZero)).toBe(true);
    // The sealer's key is gone, the opener's is not yet.
    expect(mediaKeys.map(isZero)).toEqual([true, false]);
    keys.expire(millis(1_000 + DEFAULT_OVERLAP));
    expect(mediaKeys.every(isZero)).toBe(true);
    // Nor is anything left under another name: of all that was a key in epoch 4 nothing remains.
    expect([...seen.hmacKeys].some((key) => secret.equals(key))).toBe(false);
  });

  test('overwrite everything at the end', () => {
    const seen = watchedCrypto();
    const keys = new MeetingKeys(PARAMETERS, seen);
    keys.begin(epoch(0n), masterKey(3), millis(0));
    const sealer = keys.sealer(TRACK);
    const opener = keys.opener(TRACK, 'media', millis(0));
    const sealed = sealAt(sealer, 1);
    openWith(opener, sealed);
    keys.erase();
    expect([...seen.cipherKeys].map(isZero)).toEqual([true, true]);
    expect(secretsAmong(seen.hmacKeys)).toEqual([]);
    expect(sealer.epoch).toBeUndefined();
    expect(openWith(opener, sealed)).toBe('failed');
  });

  test('of a track that is over are overwritten, and no later epoch comes to it', () => {
    const seen = watchedCrypto();
    const keys = new MeetingKeys(PARAMETERS, seen);
    keys.begin(epoch(0n), masterKey(3), millis(0));
    const sealer = keys.sealer(TRACK);
    const opener = keys.opener(TRACK, 'media', millis(0));
    openWith(opener, sealAt(sealer, 1));
    keys.release(opener);
    expect([...seen.cipherKeys].map(isZero)).toEqual([false, true]);
    keys.begin(epoch(1n), masterKey(4), millis(1));
    expect(openWith(opener, sealAt(sealer, 2))).toBe('unknown-key');
  });

  test('differ from track to track and from epoch to epoch', () => {
    const keys = new MeetingKeys(PARAMETERS, nodeCrypto);
    const other: FullTrackName = { namespace: [encodeUtf8('group'), encodeUtf8('2')], name: encodeUtf8('o') };
    keys.begin(epoch(0n), new Uint8Array(randomBytes(32)), millis(0));
    const sealed = sealAt(keys.sealer(TRACK), 1);
    expect(openWith(keys.opener(other, 'media', millis(0)), sealed)).toBe('failed');
  });

  test('a track that was over and is offered again opens nothing twice', () => {
    const [ours, theirs] = [new MeetingKeys(PARAMETERS, nodeCrypto), new MeetingKeys(PARAMETERS, nodeCrypto)];
    for (const keys of [ours, theirs]) keys.begin(epoch(1n), masterKey(1), millis(0));
    const sealer = theirs.sealer(TRACK);
    const recorded = sealAt(sealer, 1);
    const first = ours.opener(TRACK, 'media', millis(0));
    expect(openWith(first, recorded)).toBe('opened');
    ours.release(first);
    const again = ours.opener(TRACK, 'media', millis(0));
    expect([openWith(again, recorded), openWith(again, sealAt(sealer, 2))]).toEqual(['failed', 'opened']);
  });

  test.each([
    ['control', 0, 300],
    ['media', 1_000, undefined],
    ['media', 1_000, 900],
    ['media', 600, 300],
    ['media', 200, 1],
  ] as const)(
    'a removal leaves %s of the epoch before %i ms, at a round trip of %s ms',
    (use, overlap, took) => {
      const roundTrip = took === undefined ? undefined : millis(took);
      const [ours, theirs] = [
        new MeetingKeys(PARAMETERS, nodeCrypto),
        new MeetingKeys(PARAMETERS, nodeCrypto),
      ];
      for (const keys of [ours, theirs]) keys.begin(epoch(1n), masterKey(1), millis(0));
      const [sealer, opener] = [theirs.sealer(TRACK), ours.opener(TRACK, use, millis(0))];
      const old = [1, 2, 3].map((group) => sealAt(sealer, group));
      // Somebody has come shortly before: what was in flight then is cut short, too.
      ours.begin(epoch(2n), masterKey(2), millis(100));
      expect(openWith(opener, old[0]!)).toBe('opened');
      ours.begin(epoch(3n), masterKey(3), millis(200), { roundTrip });
      if (overlap > 0) {
        opener.expire(millis(199 + overlap));
        expect(openWith(opener, old[1]!)).toBe('opened');
      }
      opener.expire(millis(200 + overlap));
      expect(openWith(opener, old[2]!)).toBe('failed');
    },
  );
});
