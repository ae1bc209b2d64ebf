import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nodeGroupCrypto } from '../../../src/main/mls/node-group-crypto.ts';
import {
  commitmentOf,
  decodeMove,
  encodeMove,
  encodeMoveContent,
  encodeMoveHeader,
  partContextOf,
  type MoveContent,
} from '../../../src/protocol/group/move.ts';
import { leafIndex } from '../../../src/protocol/group/roster.ts';
import { epoch } from '../../../src/protocol/units.ts';

const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const signature = filled(64, 0x99);

const content: MoveContent = {
  group: filled(16, 0x11),
  epoch: epoch(258n),
  since: epoch(257n),
  mover: leafIndex(2),
  number: 3,
  commitment: filled(32, 0x22),
  sealedInvitation: filled(3, 0x33),
  parts: [
    { leaf: leafIndex(0), encapsulated: filled(2, 0x44), sealedKey: filled(1, 0x55) },
    { leaf: leafIndex(5), encapsulated: filled(0, 0), sealedKey: filled(2, 0x66) },
  ],
  leftBehind: [leafIndex(1), leafIndex(4)],
};
const header = `${'11'.repeat(16)}000000000000010200000000000001010000000200000003${'22'.repeat(32)}`;
const parts = '00000000' + '024444' + '0155' + '00000005' + '00' + '026666';
const leftBehind = '02' + '00000001' + '00000004';

/** The content with something else in it, as bytes of a move. */
const moved = (change: Partial<MoveContent>): Uint8Array =>
  encodeMove(encodeMoveContent({ ...content, ...change }), signature);
const faultOf = (bytes: Uint8Array): string | undefined => {
  const reading = decodeMove(bytes);
  return reading.kind === 'malformed' ? reading.fault : undefined;
};

describe('a move', () => {
  test('has the bytes of docs/protocol.md', () => {
    const signed = encodeMoveContent(content);
    expect(hex(signed)).toBe(`${header}0333333302${parts}${leftBehind}`);
    expect(decodeMove(encodeMove(signed, signature))).toEqual({ kind: 'move', content, signed, signature });
    expect(hex(encodeMoveHeader(content))).toBe(header);
    expect(hex(partContextOf(encodeMoveHeader(content), leafIndex(7)))).toBe(`${header}00000007`);
  });

  test('names its room by a hash of what all are sent', () => {
    const [one, other] = ['conclave://join/a', 'conclave://join/b'].map((link) =>
      commitmentOf(new Uint8Array(Buffer.from(link)), nodeGroupCrypto),
    );
    expect(hex(one!)).toBe('0e1641c6137533ae521916b272b7e6b7e52766290a380006d5eb3f3e031c4b46');
    expect(hex(one!)).not.toBe(hex(other!));
  });

  test.each([
    ['said first in an epoch to come', { since: epoch(259n) }],
    ['a part for the mover itself', { mover: leafIndex(5) }],
    ['the mover among those who are left behind', { mover: leafIndex(4) }],
    ['somebody who comes along and is left behind', { leftBehind: [leafIndex(5)] }],
    ['who is left behind is not in leaf order, each once', { leftBehind: content.leftBehind.toReversed() }],
    ['who is left behind is not in leaf order, each once', { leftBehind: [leafIndex(1), leafIndex(1)] }],
    [
      'a length or a count beyond its bound',
      { leftBehind: Array.from({ length: 1_001 }, (_, at) => leafIndex(at + 10)) },
    ],
    ['parts that are not in leaf order, each once', { parts: content.parts.toReversed() }],
    ['parts that are not in leaf order, each once', { parts: [content.parts[0]!, content.parts[0]!] }],
    ['a length or a count beyond its bound', { sealedInvitation: filled(8_209, 1) }],
    [
      'a length or a count beyond its bound',
      { parts: [{ leaf: leafIndex(1), encapsulated: filled(2_049, 1), sealedKey: filled(0, 1) }] },
    ],
    [
      'a length or a count beyond its bound',
      { parts: [{ leaf: leafIndex(1), encapsulated: filled(0, 1), sealedKey: filled(65, 1) }] },
    ],
    [
      'a length or a count beyond its bound',
      {
        parts: Array.from({ length: 1_001 }, (_, at) => ({
          leaf: leafIndex(at + 10),
          encapsulated: filled(0, 1),
          sealedKey: filled(0, 1),
        })),
      },
    ],
  ])('is refused with the fault %s', (fault, change) => {
    expect(faultOf(moved(change))).toBe(fault);
  });

  test('is refused when it is cut off anywhere, or goes on', () => {
    const whole = encodeMove(encodeMoveContent(content), signature);
    // What is left of a move that lacks its last bytes ends in what is no signature, and lacks parts.
    for (let end = 0; end < whole.length; end += 1) expect(faultOf(whole.subarray(0, end))).toBeDefined();
    const more = encodeMove(new Uint8Array([...encodeMoveContent(content), 0]), signature);
    expect(faultOf(more)).toBe('bytes after those who are left behind');
  });

  test('is a value or a fault, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const reading = decodeMove(bytes);
        if (reading.kind === 'move') expect(encodeMove(reading.signed, reading.signature)).toEqual(bytes);
        else expect(reading.fault).not.toBe('');
      }),
    );
  });

  test('of the largest groups fits into one object', () => {
    const size = (members: number, encapsulated: number, key: number): number =>
      moved({
        mover: leafIndex(2_000),
        sealedInvitation: filled(8_208, 1),
        parts: Array.from({ length: members - 1 }, (_, at) => ({
          leaf: leafIndex(at),
          encapsulated: filled(encapsulated, 1),
          sealedKey: filled(key + 16, 1),
        })),
      }).length;
    // 300 members with X-Wing, 1,000 with X25519: an object may have 4 MiB, and 512 KiB are what it is padded to.
    expect(size(300, 1_120, 32)).toBeLessThan(368_640);
    expect(size(1_000, 32, 16)).toBeLessThan(81_920);
  });
});
