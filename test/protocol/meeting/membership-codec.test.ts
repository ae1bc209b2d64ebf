import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Fingerprint, SenderId } from '../../../src/protocol/group/names.ts';
import {
  decodeMembership,
  encodeMembership,
  type SavedMembership,
} from '../../../src/protocol/meeting/membership-codec.ts';
import { epoch } from '../../../src/protocol/units.ts';

const bytes = fc.uint8Array({ maxLength: 300, size: 'max' });
const senderId = bytes.map((value) => value as SenderId);
const epochs = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(epoch);
const saved: fc.Arbitrary<SavedMembership> = fc.record({
  record: fc.record({
    generation: fc.integer({ min: 0, max: 0xffff_ffff }),
    senderId,
    creating: fc.boolean(),
    log: fc.array(
      fc.record({
        epoch: epochs,
        receipt: bytes,
        commit: fc.option(bytes, { nil: undefined }),
      }),
      { maxLength: 4 },
    ),
    joins: fc.record({
      since: epochs,
      past: fc.array(fc.record({ gone: epochs, senderId, asOf: epochs }), { maxLength: 4 }),
      known: fc.array(
        bytes.map((value) => value as Fingerprint),
        { maxLength: 4 },
      ),
    }),
    recipients: fc.array(fc.record({ ref: bytes, recipient: senderId }), { maxLength: 4 }),
  }),
  state: bytes,
});

describe('a membership at rest', () => {
  test('is read as it was written, into bytes of its own', () => {
    fc.assert(
      fc.property(saved, (membership) => {
        const written = encodeMembership(membership);
        const read = decodeMembership(written);
        // What was read from the store is overwritten.
        written.fill(0xaa);
        expect(read).toEqual(membership);
      }),
    );
  });

  test('is nothing when a byte is missing or too many', () => {
    fc.assert(
      fc.property(saved, fc.nat(), (membership, cut) => {
        const written = encodeMembership(membership);
        expect(decodeMembership(written.subarray(0, cut % written.length))).toBeUndefined();
        expect(decodeMembership(Uint8Array.of(...written, 0))).toBeUndefined();
      }),
    );
  });

  test('is nothing when it is of another version', () => {
    const [membership] = fc.sample(saved, 1);
    if (membership === undefined) throw new Error('no sample');
    const written = encodeMembership(membership);
    written[0] = 1;
    expect(decodeMembership(written)).toBeUndefined();
  });

  test('is nothing when it counts beyond all bounds', () => {
    // Version, generation, creating, no SenderId, and 2^30 lines of log.
    const claims = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0xf0, 0x40, 0, 0, 0);
    expect(decodeMembership(claims)).toBeUndefined();
  });
});
