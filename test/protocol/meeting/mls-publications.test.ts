/** What we send on MLS tracks: KeyPackages, Commits, Welcomes and receipts. @see docs/protocol.md #mls-tracks */
import { beforeEach, describe, expect, test } from 'vitest';
import { encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import {
  commitTrack,
  keyPackageTrack,
  welcomeTrack,
  type GroupName,
} from '../../../src/protocol/group/names.ts';
import { PublishDoneCode } from '../../../src/protocol/moqt/codes.ts';
import type { Pending } from '../../../src/protocol/tasks.ts';
import { epoch } from '../../../src/protocol/units.ts';
import { at } from '../../harness/moqt/names.ts';
import { BO, CY, isDone, last, MlsTracksScene, object, objectText, SELF } from './mls-tracks-scene.ts';
import { GROUP, person, senderOf } from './people.ts';
import { GONE, ScriptedRelay } from './scripted-relay.ts';

const OTHER_GROUP = new Uint8Array(16).fill(8) as GroupName;
const COMMITS = commitTrack(GROUP);
const ENDED = [PublishDoneCode.TRACK_ENDED];

let scene: MlsTracksScene;
beforeEach(() => {
  scene = new MlsTracksScene();
});

describe('our KeyPackages', () => {
  const KEY_PACKAGES = keyPackageTrack(GROUP, SELF);
  const send = (text: string): Pending<void> =>
    scene.begin(scene.tracks.publishKeyPackage(GROUP, SELF, encodeUtf8(text)));

  test('are objects of one group, on a track that stays published', () => {
    scene.subscribed();
    const sending = send('first');
    expect([isDone(sending), last(scene.relay.published).track]).toEqual([false, KEY_PACKAGES]);
    scene.acceptAll();
    expect([isDone(sending), isDone(send('second'))]).toEqual([true, true]);
    scene.pass(600_000);
    expect(scene.relay.published.map(({ texts, dones }) => [texts, dones])).toEqual([
      [['0/0 first', '0/1 second'], []],
    ]);
    expect(scene.own(KEY_PACKAGES)).toEqual(['0/0 first', '0/1 second']);
    scene.tracks.disconnect();
    scene.pass(0);
    expect(last(scene.relay.published).dones).toEqual(ENDED);
  });

  test('go on over sessions where they were', () => {
    scene.subscribed();
    send('first');
    scene.acceptAll();
    scene.relay = new ScriptedRelay();
    scene.begin(scene.tracks.connect(scene.relay));
    send('second');
    expect(last(scene.relay.published).options.description).toEqual({ largest: at(0, 0) });
    scene.acceptAll();
    expect(last(scene.relay.published).texts).toEqual(['0/1 second']);
  });

  test('begin at object 0 with each join', () => {
    scene.subscribed();
    send('first');
    scene.acceptAll();
    scene.begin(scene.tracks.enter(GROUP, SELF));
    expect([last(scene.relay.published).dones, scene.own(KEY_PACKAGES)]).toEqual([[], ['0/0 first']]);
    const again = senderOf(person(0), 2);
    scene.begin(scene.tracks.enter(GROUP, again));
    // What we published in the former join is over.
    expect([last(scene.relay.published).dones, scene.own(KEY_PACKAGES)]).toEqual([ENDED, undefined]);
    scene.begin(scene.tracks.publishKeyPackage(GROUP, again, encodeUtf8('anew')));
    scene.acceptAll();
    expect(last(scene.relay.published).texts).toEqual(['0/0 anew']);
  });

  test('are not sent where the relay does not take them, or without a session', () => {
    expect(isDone(send('too early'))).toBe(true);
    scene.subscribed();
    const refused = send('refused');
    last(scene.relay.published).outcome.settle(GONE);
    scene.pass(0);
    expect([isDone(refused), scene.own(KEY_PACKAGES)]).toEqual([true, undefined]);
    send('taken');
    expect(last(scene.relay.published).options.description).toEqual({});
    scene.acceptAll();
    expect(last(scene.relay.published).texts).toEqual(['0/0 taken']);
  });

  test('are not sent when the session was lost while the relay was asked', () => {
    scene.subscribed();
    send('late');
    scene.tracks.disconnect();
    scene.acceptAll();
    expect([last(scene.relay.published).texts, scene.own(KEY_PACKAGES)]).toEqual([[], undefined]);
  });
});

describe('a Commit', () => {
  const deliveries = [
    { recipient: BO, welcome: encodeUtf8('Bo, come') },
    { recipient: CY, welcome: encodeUtf8('Cy, come') },
  ];
  const commit = (of: bigint, attempt = 0, to = deliveries): Pending<void> =>
    scene.begin(
      scene.tracks.publishCommit(GROUP, epoch(of), attempt, encodeUtf8(`commit ${String(of)}`), to),
    );
  const receipt = (of: bigint, attempt = 0): void => {
    scene.tracks.publishReceipt(GROUP, epoch(of), attempt, encodeUtf8('receipt'));
    scene.pass(0);
  };
  const texts = (): string[][] => scene.relay.published.map((publication) => publication.texts);
  const dones = (): number[] => scene.relay.published.map((publication) => publication.dones.length);

  test('goes out with its Welcomes, all tracks asked for side by side, and its receipt behind it', () => {
    scene.subscribed();
    const sending = commit(4n, 1);
    expect(scene.relay.published.map(({ track: { name } }) => name)).toEqual([COMMITS.name, BO, CY]);
    expect(scene.relay.published.map(({ options }) => options.description)).toEqual([{}, {}, {}]);
    scene.acceptAll();
    expect([isDone(sending), texts()]).toEqual([
      true,
      [['4/2 commit 4'], ['4/2 Bo, come'], ['4/2 Cy, come']],
    ]);
    scene.pass(300);
    receipt(4n, 1);
    expect(texts()).toEqual([
      ['4/2 commit 4', '4/3 receipt'],
      ['4/2 Bo, come', '4/3 receipt'],
      ['4/2 Cy, come', '4/3 receipt'],
    ]);
    scene.pass(99);
    expect(dones()).toEqual([0, 0, 0]);
    scene.pass(1);
    expect(dones()).toEqual([1, 0, 0]);
    scene.pass(2_899);
    expect(dones()).toEqual([1, 0, 0]);
    scene.pass(1);
    expect(dones()).toEqual([1, 1, 1]);
    // Whoever FETCHes is told the same.
    expect([
      scene.own(COMMITS),
      scene.own(welcomeTrack(GROUP, BO)),
      scene.own(welcomeTrack(GROUP, CY)),
    ]).toEqual(texts());
  });

  test('makes room for others after 400 ms though its receipt has not come', () => {
    scene.subscribed();
    commit(4n);
    scene.acceptAll();
    scene.pass(399);
    expect(dones()).toEqual([0, 0, 0]);
    scene.pass(1);
    expect(dones()).toEqual([1, 0, 0]);
    scene.pass(2_599);
    expect(dones()).toEqual([1, 0, 0]);
    scene.pass(1);
    expect(dones()).toEqual([1, 1, 1]);
  });

  test('follows one of ours on the track that is open still, and ends the Welcomes of that one', () => {
    scene.subscribed();
    commit(4n);
    scene.acceptAll();
    scene.pass(100);
    commit(5n, 0, []);
    scene.pass(99);
    expect([scene.relay.published.length, texts()[0], dones()]).toEqual([
      3,
      ['4/0 commit 4', '5/0 commit 5'],
      [0, 0, 0],
    ]);
    scene.pass(301);
    expect(dones()).toEqual([1, 0, 0]);
    scene.pass(2_600);
    expect(dones()).toEqual([1, 1, 1]);
    commit(6n, 0, []);
    expect(scene.relay.published).toHaveLength(4);
  });

  test('takes no receipt of another: it is only kept for whoever asks', () => {
    scene.subscribed();
    commit(4n, 1);
    scene.acceptAll();
    receipt(4n, 0);
    receipt(5n, 1);
    expect([texts()[0], scene.own(COMMITS)]).toEqual([
      ['4/2 commit 4'],
      ['4/2 commit 4', '4/1 receipt', '5/3 receipt'],
    ]);
    receipt(4n, 1);
    receipt(4n, 1);
    expect(texts()[0]).toEqual(['4/2 commit 4', '4/3 receipt']);
  });

  test('is not sent without a session', () => {
    expect(isDone(commit(4n))).toBe(true);
    expect(scene.own(COMMITS)).toBeUndefined();
  });

  test('that the relay did not take goes out with its receipt, once it lets go', () => {
    scene.subscribed();
    const sending = commit(4n);
    const [first] = scene.relay.published;
    first?.outcome.settle(GONE);
    scene.acceptAll();
    expect(isDone(sending)).toBe(true);
    receipt(4n);
    expect(texts()).toEqual([[], ['4/0 Bo, come', '4/1 receipt'], ['4/0 Cy, come', '4/1 receipt'], []]);
    expect(last(scene.relay.published).track).toEqual(COMMITS);
    // One try that comes to nothing, and one that the relay takes.
    last(scene.relay.published).outcome.settle(GONE);
    scene.pass(0);
    expect(scene.relay.published).toHaveLength(5);
    scene.acceptAll();
    expect(last(scene.relay.published).texts).toEqual(['4/0 commit 4', '4/1 receipt']);
    scene.pass(99);
    expect(last(scene.relay.published).dones).toEqual([]);
    scene.pass(1);
    expect([last(scene.relay.published).dones, scene.relay.published.length]).toEqual([ENDED, 5]);
  });

  test('whose track ended before the receipt came is said again with it', () => {
    scene.subscribed();
    commit(4n);
    scene.acceptAll();
    scene.pass(400);
    receipt(4n);
    scene.acceptAll();
    expect([texts()[0], last(scene.relay.published).texts]).toEqual([
      ['4/0 commit 4'],
      ['4/0 commit 4', '4/1 receipt'],
    ]);
  });

  test('that no relay takes is offered six times more, and no more when the session is gone', () => {
    scene.subscribed();
    commit(4n, 0, []);
    last(scene.relay.published).outcome.settle(GONE);
    scene.pass(0);
    receipt(4n);
    for (let tries = 1; tries <= 6; tries += 1) {
      expect(scene.relay.published).toHaveLength(1 + tries);
      last(scene.relay.published).outcome.settle(GONE);
      scene.pass(0);
    }
    scene.pass(60_000);
    expect(scene.relay.published).toHaveLength(7);
    commit(5n, 0, []);
    last(scene.relay.published).outcome.settle(GONE);
    scene.pass(0);
    receipt(5n);
    const next = new ScriptedRelay();
    scene.begin(scene.tracks.connect(next));
    last(scene.relay.published).outcome.settle(GONE);
    scene.pass(60_000);
    expect([scene.relay.published.length, next.published]).toEqual([9, []]);
  });

  test('that the session outran takes no receipt any more', () => {
    scene.subscribed();
    const sending = commit(4n);
    scene.tracks.disconnect();
    scene.begin(scene.tracks.connect(scene.relay));
    scene.acceptAll();
    expect(isDone(sending)).toBe(true);
    receipt(4n);
    expect(texts()[0]).toEqual(['4/0 commit 4']);
    expect(scene.relay.published).toHaveLength(3);
    // What went out ends all the same.
    scene.pass(3_000);
    expect(dones()).toEqual([1, 1, 1]);
  });

  test('goes out though a Welcome has nobody to take it', () => {
    scene.subscribed();
    commit(4n);
    scene.relay.published[1]?.outcome.settle(GONE);
    scene.acceptAll();
    receipt(4n);
    expect(texts()).toEqual([['4/0 commit 4', '4/1 receipt'], [], ['4/0 Cy, come', '4/1 receipt']]);
    scene.pass(10_000);
    expect(dones()).toEqual([1, 0, 1]);
  });
});

describe('a Welcome that is sent again', () => {
  const republish = (receipt: Uint8Array | undefined): Pending<void> =>
    scene.begin(
      scene.tracks.republishWelcome(
        GROUP,
        epoch(4n),
        3,
        { recipient: BO, welcome: encodeUtf8('come') },
        receipt,
      ),
    );

  test('goes where it went, with its receipt if there is one', () => {
    scene.subscribed();
    republish(encodeUtf8('receipt'));
    republish(undefined);
    scene.acceptAll();
    expect(scene.relay.published.map(({ track: name, texts }) => [name, texts])).toEqual([
      [welcomeTrack(GROUP, BO), ['4/6 come', '4/7 receipt']],
      [welcomeTrack(GROUP, BO), ['4/6 come']],
    ]);
    scene.pass(2_999);
    expect(last(scene.relay.published).dones).toEqual([]);
    scene.pass(1);
    expect(last(scene.relay.published).dones).toEqual(ENDED);
  });

  test('is given up where the relay does not take it, and without a session', () => {
    expect(isDone(republish(undefined))).toBe(true);
    scene.subscribed();
    const again = republish(encodeUtf8('receipt'));
    last(scene.relay.published).outcome.settle(GONE);
    scene.pass(0);
    expect(isDone(again)).toBe(true);
  });
});

test('the Commits that a relay has are fetched from an epoch on, 1,024 epochs at a time', () => {
  scene.subscribed();
  const fetched = scene.begin(scene.tracks.fetchCommits(GROUP, epoch(5n)));
  const fetch = last(scene.relay.fetches);
  expect(fetch.asked).toEqual([COMMITS, at(5, 0), at(1_029, 0), 8 * 1024 * 1024]);
  fetch.outcome.settle({
    kind: 'complete',
    objects: [
      object(5, 0, 'five'),
      { ...object(5, 1, ''), content: { kind: 'status', status: 'end-of-group' } },
      object(6, 0, 'six'),
    ],
    end: at(6, 0),
  });
  scene.pass(0);
  expect(fetched.settled?.value.map(objectText)).toEqual(['5/0 five', '6/0 six']);
  scene.tracks.disconnect();
  expect(scene.begin(scene.tracks.fetchCommits(GROUP, epoch(5n))).settled?.value).toEqual([]);
});

describe('what we keep of our own tracks', () => {
  test('is the last sixteen objects of each', () => {
    scene.subscribed();
    for (let at = 0; at < 18; at += 1)
      scene.tracks.publishReceipt(GROUP, epoch(BigInt(at)), 0, encodeUtf8('receipt'));
    expect([scene.own(COMMITS)?.length, scene.own(COMMITS)?.[0], scene.own(COMMITS)?.at(-1)]).toEqual([
      16,
      '2/1 receipt',
      '17/1 receipt',
    ]);
    expect(scene.own(keyPackageTrack(GROUP, BO))).toBeUndefined();
  });

  test('is the 128 tracks that were used last', () => {
    scene.subscribed();
    const group = (number: number): GroupName => new Uint8Array(16).fill(number) as GroupName;
    const keep = (number: number): void => {
      scene.tracks.publishReceipt(group(number), epoch(1n), 0, encodeUtf8('receipt'));
    };
    for (let number = 0; number < 128; number += 1) keep(number);
    keep(0);
    expect(scene.own(commitTrack(group(1)))).toBeDefined();
    keep(128);
    expect([scene.own(commitTrack(group(0)))?.length, scene.own(commitTrack(group(1)))?.length]).toEqual([
      2,
      undefined,
    ]);
    expect(scene.own(commitTrack(group(2)))).toHaveLength(1);
  });

  test('is forgotten in another group', () => {
    scene.subscribed();
    scene.tracks.publishReceipt(GROUP, epoch(1n), 0, encodeUtf8('receipt'));
    scene.begin(scene.tracks.enter(OTHER_GROUP, SELF));
    expect(scene.own(COMMITS)).toBeUndefined();
  });
});
