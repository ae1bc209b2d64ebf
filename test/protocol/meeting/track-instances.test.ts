import { beforeEach, describe, expect, test } from 'vitest';
import { decodeUtf8, encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import type { MeetingCore } from '../../../src/protocol/meeting/core.ts';
import type { MeetingKeys } from '../../../src/protocol/meeting/meeting-keys.ts';
import { groupId, objectId } from '../../../src/protocol/moqt/model.ts';
import type { Judgement } from '../../../src/protocol/meeting/confirmation.ts';
import type { MemberTrack } from '../../../src/protocol/meeting/member-track.ts';
import { TrackInstances } from '../../../src/protocol/meeting/track-instances.ts';
import { epoch } from '../../../src/protocol/units.ts';
import { DEAF_GROUP, meetingCore } from '../../harness/meeting/core.ts';
import { mediaOf, person } from './people.ts';
import { beginEpoch, meetingKeys, type PublishedTrack } from './published-track.ts';

const BO = person(1);

let core: MeetingCore;
let keys: MeetingKeys;
let instances: TrackInstances;
/** What counted, `> …` where it was the first of its instance. */
let log: string[];
const vouched = new Set<MemberTrack>();
const known = new Set<MemberTrack>();
/** What becomes of what comes of a track, and from which other one its member went over to it. */
const judged = new Map<MemberTrack, Judgement>();
const after = new Map<MemberTrack, MemberTrack>();
beforeEach(() => {
  core = meetingCore();
  keys = meetingKeys();
  log = [];
  judged.clear();
  known.clear();
  vouched.clear();
  after.clear();
  instances = new TrackInstances(
    'catalog',
    { core, keys, link: { client: undefined }, notices: DEAF_GROUP },
    {
      opened: ({ payload }, begins) => {
        log.push(`${begins ? '> ' : ''}${decodeUtf8(payload) ?? ''}`);
      },
      ahead: (_, of) => log.push(`ahead in ${String(of)}`),
      ended: () => log.push('ended'),
      judge: (track) => judged.get(track) ?? 'taken',
      supersedes: (track, other) => after.get(track) === other,
      knows: (track) => known.has(track),
      vouchesFor: (track) => vouched.has(track),
    },
  );
  beginEpoch(keys, 0n, core.tasks.now);
});

/** The relay offers an instance. */
function offer(instance: number): { readonly published: PublishedTrack; readonly track: MemberTrack } {
  const published = mediaOf(BO, 'audio', 1, instance);
  return { published, track: instances.offered(published.offer(), true) };
}
const say = ({ published }: { readonly published: PublishedTrack }, text: string, of = 0n): void => {
  published.send(of, encodeUtf8(text));
};
const pass = (duration: number): void => {
  core.tasks.advance(core.tasks.after(duration));
};

describe('the instances of a track', () => {
  test('count by what they bring, not by when they were offered', () => {
    const [living, dead] = [offer(1), offer(2)];
    expect(instances.current).toBe(dead.track);
    say(living, 'one');
    expect(instances.current).toBe(living.track);
    say(living, 'two');
    dead.published.owner?.done(2, 'gone');
    say(living, 'three');
    expect(log).toEqual(['> one', 'two', 'ended', 'three']);
  });

  test('are replaced when quiet for longer than a second', () => {
    const [first, second] = [offer(1), offer(2)];
    say(first, 'first');
    pass(1_000);
    say(second, 'too early');
    pass(1);
    say(second, 'second');
    say(first, 'late');
    expect([log, instances.current === second.track]).toEqual([['> first', '> second'], true]);
  });

  test('are replaced at once when over', () => {
    const [first, second] = [offer(1), offer(2)];
    say(first, 'first');
    first.published.owner?.done(2, 'over');
    say(second, 'second');
    expect(log).toEqual(['> first', 'ended', '> second']);
  });

  test('are not replaced by what was published before we came', () => {
    const [first, second] = [offer(1), offer(2)];
    const before = {
      epoch: epoch(0n),
      location: { group: groupId(0n), object: objectId(0n) },
      tag: new Uint8Array(8),
      payload: encodeUtf8('old'),
      encryptedProperties: new Uint8Array(0),
    };
    say(first, 'first');
    pass(60_000);
    instances.opened(second.track, before, false);
    expect(log).toEqual(['> first']);
    // The first word may be an old one.
    first.published.owner?.done(2, 'over');
    instances.opened(second.track, before, false);
    expect(log).toEqual(['> first', 'ended', '> old']);
  });

  test('that the member has not signed for wait until it has, for three seconds at most', () => {
    const [first, second] = [offer(1), offer(2)];
    judged.set(second.track, 'held').set(first.track, 'dropped');
    say(second, 'late');
    pass(3_001);
    say(second, 'in time');
    say(first, 'never');
    expect(log).toEqual([]);
    instances.release(second.track.time ?? '');
    instances.release(first.track.time ?? '');
    expect([log, instances.current === second.track]).toEqual([['> in time'], true]);
  });

  test('that wait are 256 objects and a mebibyte at most', () => {
    const [many, large] = [offer(1), offer(2)];
    judged.set(many.track, 'held').set(large.track, 'held');
    for (let count = 0; count < 300; count += 1) say(many, String(count));
    instances.release(many.track.time ?? '');
    expect([log.length, log[0]]).toEqual([256, '> 44']);
    log = [];
    pass(1_001);
    for (let count = 0; count < 5; count += 1) say(large, String(count).padEnd(300_000));
    instances.release(large.track.time ?? '');
    expect(log.map((text) => text.trim())).toEqual(['> 2', '3', '4']);
  });

  test('that the member went over to count at once, and those from which it went no more', () => {
    const [before, now] = [offer(1), offer(2)];
    say(before, 'before');
    after.set(now.track, before.track);
    say(now, 'now');
    pass(60_000);
    say(before, 'again');
    expect(log).toEqual(['> before', '> now']);
  });

  const cancelled = (...offers: readonly { readonly published: PublishedTrack }[]): number[] =>
    offers.map(({ published }) => published.cancelled);

  test('of which nothing was opened are 64 at most: the oldest goes', () => {
    const offers = Array.from({ length: 65 }, (_, at) => offer(at + 1));
    expect(cancelled(...offers)).toEqual([1, ...Array.from({ length: 64 }, () => 0)]);
    say(offers[0]!, 'gone');
    say(offers[1]!, 'there');
    expect(log).toEqual(['> there']);
  });

  test('that opened something are never pushed out by such that did not, however many are offered', () => {
    const [before, counting] = [offer(1), offer(2)];
    say(before, 'before');
    pass(2_000);
    say(counting, 'now');
    const fakes = Array.from({ length: 100 }, (_, count) => offer(3 + count));
    expect(cancelled(before, counting)).toEqual([0, 0]);
    expect(cancelled(...fakes).filter((times) => times === 0)).toHaveLength(64);
    pass(2_000);
    say(before, 'again');
    expect(log).toEqual(['> before', '> now', '> again']);
  });

  test('that the member seems to have are not pushed out by others before they have brought anything', () => {
    const silent = offer(1);
    vouched.add(silent.track);
    Array.from({ length: 100 }, (_, count) => offer(2 + count));
    expect(cancelled(silent)).toEqual([0]);
    say(silent, 'at last');
    expect(log).toEqual(['> at last']);
  });

  test('that are known for the member’s are not pushed out by others that bring something, and neither is what waits of them', () => {
    const [silent, waiting] = [offer(1), offer(2)];
    for (const { track } of [silent, waiting]) known.add(track);
    judged.set(waiting.track, 'held');
    say(waiting, 'waits');
    const fakes = Array.from({ length: 200 }, (_, count) => {
      const fake = offer(3 + count);
      judged.set(fake.track, 'held');
      say(fake, 'send');
      say(fake, 'the money');
      return fake;
    });
    expect(cancelled(silent, waiting)).toEqual([0, 0]);
    expect(cancelled(...fakes).filter((times) => times === 0)).toHaveLength(4);
    instances.release(waiting.track.time ?? '');
    say(silent, 'too early');
    pass(1_001);
    say(silent, 'at last');
    expect(log).toEqual(['> waits', '> at last']);
  });

  test('that are known for the member’s are four at most', () => {
    const offers = [1, 2, 3, 4, 5].map((instance) => {
      const offered = offer(instance);
      known.add(offered.track);
      say(offered, String(instance));
      return offered;
    });
    expect(cancelled(...offers)).toEqual([0, 1, 0, 0, 0]);
  });

  test('that the member seems to have, and that brought nothing, go before one that brought something', () => {
    const heard = [1, 2, 3].map((instance) => {
      const offered = offer(instance);
      say(offered, String(instance));
      return offered;
    });
    const silent = offer(4);
    vouched.add(silent.track);
    say(offer(5), 'five');
    expect([cancelled(...heard), cancelled(silent)]).toEqual([[0, 0, 0], [1]]);
  });

  test('that opened something are four at most: the oldest goes, but for the one that counts', () => {
    const offers = [1, 2, 3, 4, 5, 6].map((instance) => {
      const offered = offer(instance);
      // Only the first counts: the others come too soon.
      say(offered, String(instance));
      return offered;
    });
    expect(cancelled(...offers)).toEqual([0, 1, 1, 0, 0, 0]);
    say(offers[0]!, 'still');
    expect(log).toEqual(['> 1', 'still']);
  });

  test('all follow the epochs and the wish for objects, until closed', () => {
    const both = [offer(1), offer(2)];
    instances.setForward(false);
    expect(both.map(({ published }) => published.updates)).toEqual([
      [{ forward: false }],
      [{ forward: false }],
    ]);
    for (const each of both) say(each, 'waits', 1n);
    expect(log).toEqual(['ahead in 1', 'ahead in 1']);
    beginEpoch(keys, 1n, core.tasks.now);
    instances.epochBegan(epoch(1n));
    expect(both.map(({ track }) => track.openedAt)).toEqual([0, 0]);
    instances.close();
    expect(both.map(({ published }) => published.cancelled)).toEqual([1, 1]);
    expect(instances.current).toBeUndefined();
  });

  test('that are gone still count in what could not be opened', () => {
    const [first, second] = [offer(1), offer(2)];
    first.track.object(second.published.seal(0n, encodeUtf8('foreign')));
    say(second, 'waits', 1n);
    pass(60_000);
    instances.expire();
    expect(instances.unreadable).toBe(2);
    instances.close();
    expect(instances.unreadable).toBe(2);
  });
});
