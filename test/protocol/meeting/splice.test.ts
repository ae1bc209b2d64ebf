/** Sound of one person from two rooms, in whatever order it comes. */
import { expect, test } from 'vitest';
import type { DownlinkItem } from '../../../src/protocol/media/encoded-media.ts';
import { Splice } from '../../../src/protocol/meeting/splice.ts';

const participant = 'somebody';
const config = { kind: 'audio', codec: 'opus', sampleRate: 48_000, channels: 1 } as const;
const packet = (number: number, firstGroup = 0): DownlinkItem => ({
  kind: 'chunk',
  participant,
  media: 'audio',
  group: number - firstGroup,
  object: 0,
  timestamp: number * 20_000,
  keyframe: true,
  bytes: new Uint8Array([number]),
});

/** A splice of two rooms, of which the new one began when the packet `first` was sent. */
function splice(first: number) {
  const made = new Splice();
  const played: number[] = [];
  const takes = (room: number, item: DownlinkItem): void => {
    for (const each of made.take(room, item)) if (each.kind === 'chunk') played.push(each.bytes[0] ?? -1);
  };
  takes(0, { kind: 'track-on', participant, config });
  takes(1, { kind: 'track-on', participant, config });
  made.prefer(1);
  return {
    played,
    old: (...numbers: number[]) => {
      for (const number of numbers) takes(0, packet(number));
    },
    new: (...numbers: number[]) => {
      for (const number of numbers) takes(1, packet(number, first));
    },
  };
}

test('what the new room brings late, and the old one brings too, is played once', () => {
  const { played, ...rooms } = splice(3);
  rooms.old(1, 2);
  // As to a machine that stood still: all at once, in any order.
  rooms.new(6, 4);
  rooms.old(3, 4, 5, 6);
  rooms.new(3, 5, 7);
  expect(played).toEqual([1, 2, 6, 4, 3, 5, 7]);
});

test('what the old room has brought, and the new one brings after others, is played once', () => {
  const { played, ...rooms } = splice(3);
  rooms.old(1, 2, 3, 4);
  rooms.new(5, 3, 4, 6);
  expect(played).toEqual([1, 2, 3, 4, 5, 6]);
});
