import fc from 'fast-check';
import { expect, test } from 'vitest';
import { equal } from '../../../src/protocol/bytes/equal.ts';
import type { FullTrackName, TrackNamespace } from '../../../src/protocol/moqt/model.ts';
import {
  hasPrefix,
  keyHasPrefix,
  namespaceKey,
  prefixKeys,
  trackNameKey,
} from '../../../src/protocol/moqt/names.ts';

/** Few bytes, so that many are alike, and lengths that look like bytes. */
const field = fc.uint8Array({ maxLength: 3, max: 3 });
const namespace = fc.array(field, { maxLength: 4 });
const track = fc.record({ namespace, name: field });

const areEqual = (a: TrackNamespace, b: TrackNamespace): boolean => a.length === b.length && hasPrefix(a, b);

test('keys of names are equal for equal names only', () => {
  const isSame = (a: FullTrackName, b: FullTrackName): boolean =>
    areEqual(a.namespace, b.namespace) && equal(a.name, b.name);
  fc.assert(
    fc.property(track, track, (a, b) => (trackNameKey(a) === trackNameKey(b)) === isSame(a, b)),
    { numRuns: 2_000 },
  );
  fc.assert(
    fc.property(namespace, namespace, (a, b) => (namespaceKey(a) === namespaceKey(b)) === areEqual(a, b)),
    { numRuns: 2_000 },
  );
});

test('a key tells the prefixes of a namespace, and no others', () => {
  fc.assert(
    fc.property(namespace, namespace, (a, b) => {
      expect(keyHasPrefix(namespaceKey(a), namespaceKey(b))).toBe(hasPrefix(a, b));
      expect(prefixKeys(a).includes(namespaceKey(b))).toBe(hasPrefix(a, b));
    }),
    { numRuns: 2_000 },
  );
});

test('long names have keys, too', () => {
  const name = new Uint8Array(4_096).fill(200);
  const key = trackNameKey({ namespace: [], name });
  expect(key).not.toBe(trackNameKey({ namespace: [], name: name.subarray(1) }));
  expect(key).toBe(trackNameKey({ namespace: [], name: name.slice() }));
});
