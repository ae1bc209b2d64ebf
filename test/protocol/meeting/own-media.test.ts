import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MediaKind, TrackConfig, UplinkItem } from '../../../src/protocol/media/encoded-media.ts';
import { OwnMedia, type Sending, type UplinkStep } from '../../../src/protocol/meeting/own-media.ts';

/** What happens to a person's media: a switch, or a word of an encoder. */
type Happening = { readonly kind: 'sending'; readonly sending: Sending } | UplinkItem;

const KINDS: readonly MediaKind[] = ['audio', 'video'];

const media = fc.constantFrom(...KINDS);
const config: fc.Arbitrary<TrackConfig> = fc.oneof(
  fc.record({
    kind: fc.constant('audio' as const),
    codec: fc.constant('opus' as const),
    sampleRate: fc.constantFrom(16_000, 48_000),
    channels: fc.constantFrom(1, 2),
  }),
  fc.record({
    kind: fc.constant('video' as const),
    codec: fc.constantFrom('vp8', 'vp09.00.31.08'),
    width: fc.constantFrom(320, 1280),
    height: fc.constantFrom(180, 720),
    framerate: fc.constantFrom(15, 30),
  }),
);
const chunk = fc.record({
  kind: fc.constant('uplink-chunk' as const),
  media,
  timestamp: fc.nat(),
  keyframe: fc.boolean(),
  bytes: fc.uint8Array({ maxLength: 4 }),
});
const happening: fc.Arbitrary<Happening> = fc.oneof(
  fc.record({
    kind: fc.constant('sending' as const),
    sending: fc.record({ microphone: fc.boolean(), camera: fc.boolean() }),
  }),
  fc.record({ kind: fc.constant('uplink-config' as const), config, bitrate: fc.integer({ min: 1 }) }),
  { weight: 2, arbitrary: chunk },
  fc.record({ kind: fc.constant('uplink-off' as const), media }),
);

const isOn = ({ microphone, camera }: Sending, of: MediaKind): boolean =>
  of === 'audio' ? microphone : camera;
const OFF: Sending = { microphone: false, camera: false };

/** The switches after some happenings. */
function switchesAfter(before: readonly Happening[]): Sending {
  return before.findLast((each) => each.kind === 'sending')?.sending ?? OFF;
}

/** Whether the switch of a kind was on just before a happening. */
function wasOn(before: readonly Happening[], at: number, of: MediaKind): boolean {
  return isOn(switchesAfter(before.slice(0, at)), of);
}

/** Where a kind was last announced while its switch was on; -1: never. */
function announcedAt(before: readonly Happening[], of: MediaKind): number {
  return before.findLastIndex(
    (each, at) => each.kind === 'uplink-config' && each.config.kind === of && wasOn(before, at, of),
  );
}

/** Whether chunks of a kind may go out: announced while switched on, and nothing has ended it since. */
function mayGoOut(before: readonly Happening[], of: MediaKind): boolean {
  const since = announcedAt(before, of);
  return (
    since >= 0 &&
    !before
      .slice(since)
      .some(
        (each) =>
          (each.kind === 'sending' && !isOn(each.sending, of)) ||
          (each.kind === 'uplink-off' && each.media === of),
      )
  );
}

const stepKindOf = (own: OwnMedia, item: UplinkItem): UplinkStep['kind'] => own.take(item).kind;

describe('what a person sends', () => {
  test('is nothing that is not switched on and announced after that, whatever happens', () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 40 }), (happenings) => {
        const own = new OwnMedia();
        happenings.forEach((each, at) => {
          const before = happenings.slice(0, at);
          if (each.kind === 'sending') own.setSending(each.sending);
          else {
            const step = own.take(each);
            if (each.kind === 'uplink-chunk')
              expect(step).toEqual(
                mayGoOut(before, each.media) ? { kind: 'chunk', chunk: each } : { kind: 'ignored' },
              );
          }
        });
      }),
      { numRuns: 500 },
    );
  });

  test('is described as its encoder said last while switched on, and by whether it goes out', () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 40 }), (happenings) => {
        const own = new OwnMedia();
        for (const each of happenings) {
          if (each.kind === 'sending') own.setSending(each.sending);
          else own.take(each);
        }
        expect(own.sending).toEqual(switchesAfter(happenings));
        for (const of of KINDS) {
          const said = happenings[announcedAt(happenings, of)];
          const expected =
            said?.kind === 'uplink-config'
              ? [{ config: said.config, bitrate: said.bitrate, live: mayGoOut(happenings, of) }]
              : [];
          expect(own.encodings.filter((encoding) => encoding.config.kind === of)).toEqual(expected);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('has changed when it begins, is encoded anew or ends, and each end is told once', () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 40 }), (happenings) => {
        const own = new OwnMedia();
        happenings.forEach((each, at) => {
          const before = happenings.slice(0, at);
          const after = happenings.slice(0, at + 1);
          const ends = KINDS.filter((of) => mayGoOut(before, of) && !mayGoOut(after, of));
          if (each.kind === 'sending') expect(own.setSending(each.sending)).toEqual(ends);
          else {
            const step = own.take(each);
            if (each.kind === 'uplink-off')
              expect(step).toEqual(
                ends.length === 0 ? { kind: 'ignored' } : { kind: 'changed', media: each.media, off: true },
              );
            if (each.kind === 'uplink-config')
              expect(step).toEqual(
                mayGoOut(after, each.config.kind)
                  ? { kind: 'changed', media: each.config.kind, off: false }
                  : { kind: 'ignored' },
              );
          }
        });
      }),
      { numRuns: 500 },
    );
  });

  test('goes on when switched on again only after its encoder has spoken', () => {
    const own = new OwnMedia();
    const opus = { kind: 'audio', codec: 'opus', sampleRate: 48_000, channels: 1 } as const;
    const announced = { kind: 'uplink-config', config: opus, bitrate: 32_000 } as const;
    const packet = {
      kind: 'uplink-chunk',
      media: 'audio',
      timestamp: 0,
      keyframe: true,
      bytes: Uint8Array.of(1),
    } as const;
    expect([announced, packet].map((item) => stepKindOf(own, item))).toEqual(['ignored', 'ignored']);
    own.setSending({ microphone: true, camera: false });
    expect([packet, announced, packet].map((item) => stepKindOf(own, item))).toEqual([
      'ignored',
      'changed',
      'chunk',
    ]);
    expect(own.setSending(OFF)).toEqual(['audio']);
    expect(own.encodings).toEqual([{ config: opus, bitrate: 32_000, live: false }]);
    own.setSending({ microphone: true, camera: false });
    expect([packet, announced, packet].map((item) => stepKindOf(own, item))).toEqual([
      'ignored',
      'changed',
      'chunk',
    ]);
  });
});
