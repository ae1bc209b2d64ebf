import { beforeEach, describe, expect, test } from 'vitest';
import { decodeUtf8, encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import type { MeetingCore } from '../../../src/protocol/meeting/core.ts';
import { HOLD_LIMIT_MS } from '../../../src/protocol/meeting/held-objects.ts';
import type { MeetingKeys } from '../../../src/protocol/meeting/meeting-keys.ts';
import { MemberTrack } from '../../../src/protocol/meeting/member-track.ts';
import type { MoqtClient, PublishOffer } from '../../../src/protocol/moqt/client/client-api.ts';
import { PublishDoneCode } from '../../../src/protocol/moqt/codes.ts';
import type { MoqtObject, RequestId } from '../../../src/protocol/moqt/model.ts';
import { epoch, type Epoch } from '../../../src/protocol/units.ts';
import { DEAF_GROUP, meetingCore } from '../../harness/meeting/core.ts';
import { ClientPair } from '../../harness/moqt/client-pair.ts';
import { at, namespace } from '../../harness/moqt/names.ts';
import { mediaOf, person } from './people.ts';
import { beginEpoch, meetingKeys, type PublishedTrack } from './published-track.ts';

const BO = person(1);
const WANTED = { forward: true, subscriberPriority: 16 };

let core: MeetingCore;
let keys: MeetingKeys;
/** What came out, `(…)` where it was published before. */
let opened: string[];
let seen: Epoch[];
/** The same, as its owner is told. */
let ahead: Epoch[];
/** Of each end whether the relay has said so. */
let ended: boolean[];
let published: PublishedTrack;
beforeEach(() => {
  core = meetingCore();
  keys = meetingKeys();
  opened = [];
  seen = [];
  ahead = [];
  ended = [];
  published = mediaOf(BO, 'catalog');
});

/** Accepts an offer. */
function receive(offer: PublishOffer = published.offer(), client?: MoqtClient): MemberTrack {
  const notices = { ...DEAF_GROUP, epochSeen: (of: Epoch) => void seen.push(of) };
  return new MemberTrack(
    offer,
    'catalog',
    true,
    { core, keys, link: { client }, notices },
    {
      opened: (_, { payload }, live) => {
        const text = decodeUtf8(payload) ?? '';
        opened.push(live ? text : `(${text})`);
      },
      ahead: (_, of) => ahead.push(of),
      ended: (_, isSaid) => ended.push(isSaid),
    },
  );
}

/** Goes over to an epoch. */
function begin(of: bigint, ...tracks: readonly MemberTrack[]): void {
  beginEpoch(keys, of, core.tasks.now);
  for (const track of tracks) track.epochBegan(epoch(of));
}

/** Lets time pass. */
function pass(duration: number): void {
  core.tasks.advance(core.tasks.after(duration));
  core.tasks.run();
}

const send = (of: bigint, text: string): void => {
  published.send(of, encodeUtf8(text));
};

describe('a track of another member', () => {
  test('opens what comes, says so at once, and no oftener than it is news', () => {
    begin(3n);
    const track = receive();
    expect([published.accepted, track.openedAt]).toEqual([WANTED, undefined]);
    pass(100);
    send(3n, 'one');
    expect([opened, track.openedAt, track.unreadable, core.takeChanged()]).toEqual([['one'], 100, 0, true]);
    pass(1_000);
    send(3n, 'two');
    expect(core.takeChanged()).toBe(false);
    pass(1_001);
    send(3n, 'three');
    expect(core.takeChanged()).toBe(true);
    expect([opened, track.openedAt]).toEqual([['one', 'two', 'three'], 2_101]);
  });

  test('holds what is sealed in a later epoch and opens it when the key comes', () => {
    begin(3n);
    const track = receive();
    pass(7);
    send(4n, 'four');
    send(5n, 'five');
    expect([opened, seen, ahead, track.waitedAt]).toEqual([[], [4n, 5n], [4n, 5n], 7]);
    pass(10);
    begin(4n, track);
    expect(opened).toEqual(['four']);
    pass(10);
    begin(5n, track);
    expect([opened, track.unreadable]).toEqual([['four', 'five'], 0]);
  });

  test('holds from before the first epoch on', () => {
    const track = receive();
    send(0n, 'zero');
    begin(0n, track);
    expect(opened).toEqual(['zero']);
  });

  test('counts what it gives up, also when the key comes too late', () => {
    begin(3n);
    const track = receive();
    send(4n, 'four');
    pass(HOLD_LIMIT_MS + 1);
    begin(4n, track);
    expect([opened, track.unreadable]).toEqual([[], 1]);
    pass(5_000);
    send(6n, 'six');
    expect(track.unreadable).toBe(1);
    pass(3_000);
    track.expire();
    expect([track.unreadable, track.unreadableAt]).toEqual([2, core.tasks.now]);
  });

  test('waits for no key of an epoch that is over', () => {
    begin(3n);
    begin(4n);
    const track = receive();
    send(3n, 'three');
    expect([seen, ahead, track.waitedAt, track.unreadable]).toEqual([[], [], undefined, 1]);
  });

  test('opens nothing twice and nothing that was sealed for another track', () => {
    begin(3n);
    const track = receive();
    const object = published.seal(3n, encodeUtf8('once'));
    track.object(object);
    track.object(object);
    track.object(mediaOf(person(2), 'catalog').seal(3n, encodeUtf8('foreign')));
    expect([opened, track.unreadable]).toEqual([['once'], 2]);
  });

  test('takes no notice of what carries no payload', () => {
    begin(3n);
    const track = receive();
    track.object({
      ...published.seal(3n, encodeUtf8('x')),
      content: { kind: 'status', status: 'end-of-group' },
    });
    expect([opened, track.unreadable]).toEqual([[], 0]);
  });

  test('wants objects or none, as told', () => {
    const track = receive();
    track.setForward(false);
    track.close();
    track.setForward(true);
    expect(published.updates).toEqual([{ forward: false }]);
  });

  test('that is closed has no keys, opens nothing, and is cancelled once', () => {
    begin(3n);
    const track = receive();
    send(3n, 'before');
    const late = published.seal(3n, encodeUtf8('late'));
    send(4n, 'held');
    track.close();
    track.close();
    track.object(late);
    track.done(PublishDoneCode.TRACK_ENDED);
    begin(4n, track);
    expect([opened, published.cancelled, ended]).toEqual([['before'], 1, []]);
  });

  test('whose publisher is gone is over, and its owner hears of it once', () => {
    begin(3n);
    const track = receive();
    published.owner?.done(2, 'over');
    published.owner?.done(2, 'over');
    send(3n, 'late');
    expect([ended, opened, track.unreadable]).toEqual([[true], [], 0]);
  });

  test('whose session is gone is over, and nobody has said that it has ended', () => {
    begin(3n);
    receive();
    published.owner?.done(PublishDoneCode.INTERNAL_ERROR, 'closed');
    expect(ended).toEqual([false]);
  });
});

describe('what was published before', () => {
  /** The track as a relay offers it: with its largest location, over a real session. */
  function offered(largest: { group: number; object: number } | undefined): {
    readonly pair: ClientPair;
    readonly track: MemberTrack;
    answer(objects: readonly MoqtObject[]): RequestId;
  } {
    const pair = new ClientPair();
    const tracks: MemberTrack[] = [];
    pair.client.subscribeTracks(namespace(), { forward: false }, (offer) => {
      tracks.push(receive(offer, pair.client));
    });
    pair.run();
    pair.relay.session.acceptRequest(pair.relay.request('subscribe-tracks').id);
    pair.relay.session.publish(published.track, {
      forward: false,
      description: largest === undefined ? {} : { largest: at(largest.group, largest.object) },
    });
    pair.run();
    const [track] = tracks;
    if (track === undefined) throw new Error('nothing was offered');
    return {
      pair,
      track,
      answer: (objects) => {
        const { id, end } = pair.relay.request('fetch');
        pair.relay.session.acceptFetch(id, end, false);
        for (const object of objects) pair.relay.session.sendFetchObject(id, object);
        pair.run();
        return id;
      },
    };
  }
  const text = (of: bigint, said: string): MoqtObject => published.seal(of, encodeUtf8(said));

  test('is fetched: the newest group as the offer named it', () => {
    begin(3n);
    const objects = [text(3n, 'old')];
    const { pair, track, answer } = offered({ group: 0, object: 0 });
    track.catchUp();
    pair.run();
    const { track: name, start, range } = pair.relay.request('fetch');
    expect([name, start, range]).toEqual([
      published.track,
      at(0, 0),
      { kind: 'standalone', track: published.track, start: at(0, 0), end: at(0, 0) },
    ]);
    pair.relay.session.endFetch(answer(objects));
    pair.run();
    expect(opened).toEqual([]);
    core.tasks.run();
    expect(opened).toEqual(['(old)']);
  });

  test('is not asked for where there is none, nor without a session', () => {
    begin(3n);
    const { pair, track } = offered(undefined);
    track.catchUp();
    pair.run();
    expect(pair.requests('fetch')).toEqual([]);
    receive().catchUp();
    expect(core.tasks.deadline()).toBeUndefined();
  });

  test('is opened as far as it came in time, and the FETCH is cancelled', () => {
    begin(3n);
    const objects = [text(3n, 'first')];
    const { pair, track, answer } = offered({ group: 0, object: 1 });
    track.catchUp();
    pair.run();
    const id = answer(objects);
    pass(4_999);
    expect(opened).toEqual([]);
    pass(1);
    pair.run();
    expect(opened).toEqual(['(first)']);
    expect(pair.relay.last('request-cancelled').id).toBe(id);
  });

  test('that a relay does not serve is not missed: nothing is counted', () => {
    begin(3n);
    const { pair, track } = offered({ group: 0, object: 0 });
    track.catchUp();
    pair.run();
    pair.relay.session.reject(pair.relay.request('fetch').id, { code: 1, reason: 'no' });
    pair.run();
    pass(60_000);
    expect([opened, track.unreadable, core.tasks.deadline()]).toEqual([[], 0, undefined]);
  });

  test('is not waited for, nor opened, on a track that is over', () => {
    for (const end of [
      (track: MemberTrack) => {
        track.close();
      },
      (track: MemberTrack) => track.handOver(),
      (track: MemberTrack) => {
        track.done(PublishDoneCode.TRACK_ENDED);
      },
    ]) {
      keys = meetingKeys();
      published = mediaOf(BO, 'catalog');
      begin(3n);
      const objects = [text(3n, 'old')];
      const { pair, track, answer } = offered({ group: 0, object: 0 });
      track.catchUp();
      pair.run();
      const id = answer(objects);
      end(track);
      pair.run();
      core.tasks.run();
      expect(pair.relay.of('request-cancelled').map((event) => event.id)).toContain(id);
      expect([opened, track.unreadable, core.tasks.deadline()]).toEqual([[], 0, undefined]);
    }
  });
});
