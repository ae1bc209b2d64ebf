import { beforeEach, describe, expect, test } from 'vitest';
import {
  commitTrack,
  groupNamespace,
  keyPackageNamespace,
  keyPackageTrack,
  welcomeTrack,
  type GroupName,
} from '../../../src/protocol/group/names.ts';
import { RequestErrorCode } from '../../../src/protocol/moqt/codes.ts';
import { at, track } from '../../harness/moqt/names.ts';
import { BO, isDone, last, MlsTracksScene, object, SELF } from './mls-tracks-scene.ts';
import { controlOf, GROUP, mediaOf, person, senderOf } from './people.ts';
import { GONE, OfferedTrack, REFUSED, ScriptedRelay } from './scripted-relay.ts';

const OTHER_GROUP = new Uint8Array(16).fill(8) as GroupName;
const COMMITS = commitTrack(GROUP);
const NOT_FOR_US = [{ code: RequestErrorCode.UNINTERESTED, reason: 'not for us' }];

let scene: MlsTracksScene;
beforeEach(() => {
  scene = new MlsTracksScene();
});

describe('the tracks of a group', () => {
  test('are asked for all at once, without their objects, as soon as there are session and group', () => {
    expect(isDone(scene.begin(scene.tracks.connect(scene.relay)))).toBe(true);
    expect(scene.relay.tracks).toEqual([]);
    const entering = scene.begin(scene.tracks.enter(GROUP, SELF));
    expect(scene.relay.tracks.map(({ prefix, forward }) => [prefix, forward])).toEqual([
      [groupNamespace(GROUP), false],
    ]);
    scene.pass(60_000);
    expect([isDone(entering), scene.relay.tracks.length, scene.relay.namespaces]).toEqual([false, 1, []]);
    last(scene.relay.tracks).accept();
    scene.pass(0);
    expect([isDone(entering), scene.relay.namespaces.map(({ of }) => of)]).toEqual([
      true,
      [keyPackageNamespace(GROUP)],
    ]);
  });

  test('are asked for on each session anew, which is ready when they are subscribed', () => {
    expect(isDone(scene.begin(scene.tracks.enter(GROUP, SELF)))).toBe(true);
    const first = scene.begin(scene.tracks.connect(scene.relay));
    expect(isDone(first)).toBe(false);
    last(scene.relay.tracks).accept();
    scene.pass(0);
    last(scene.relay.namespaces).accept();
    expect(isDone(first)).toBe(true);
    const next = new ScriptedRelay();
    const second = scene.begin(scene.tracks.connect(next));
    expect([last(scene.relay.tracks).cancelled, last(scene.relay.namespaces).cancelled]).toEqual([1, 1]);
    expect(isDone(second)).toBe(false);
    last(next.tracks).accept();
    scene.pass(0);
    expect(isDone(second)).toBe(true);
    scene.begin(scene.tracks.connect(new ScriptedRelay()));
    expect([last(scene.relay.tracks).cancelled, last(scene.relay.namespaces).cancelled]).toEqual([1, 1]);
  });

  test('are ready only where the session is there still', () => {
    scene.begin(scene.tracks.enter(GROUP, SELF));
    const lost = scene.begin(scene.tracks.connect(scene.relay));
    scene.tracks.disconnect();
    last(scene.relay.tracks).outcome.settle(GONE);
    scene.pass(0);
    const replaced = scene.begin(scene.tracks.connect(scene.relay));
    const there = scene.begin(scene.tracks.connect(new ScriptedRelay()));
    last(scene.relay.tracks).accept();
    scene.pass(0);
    expect([lost.settled, replaced.settled, isDone(there)]).toEqual([
      { value: false },
      { value: false },
      false,
    ]);
  });

  test('are followed though the relay lets us announce no namespace', () => {
    scene.subscribed();
    last(scene.relay.namespaces).outcome.settle(REFUSED);
    scene.tracks.disconnect();
    expect(last(scene.relay.tracks).cancelled).toBe(1);
  });

  test('are asked for again a second after they were refused', () => {
    scene.begin(scene.tracks.connect(scene.relay));
    const entering = scene.begin(scene.tracks.enter(GROUP, SELF));
    last(scene.relay.tracks).outcome.settle(REFUSED);
    scene.pass(999);
    expect(scene.relay.tracks).toHaveLength(1);
    scene.pass(1);
    expect([scene.relay.tracks.length, isDone(entering)]).toEqual([2, false]);
    last(scene.relay.tracks).accept();
    scene.pass(10_000);
    expect([scene.relay.tracks.length, isDone(entering)]).toEqual([2, true]);
  });

  test('tell whether the relay lets us in, as far as its refusal is about that', () => {
    scene.begin(scene.tracks.connect(scene.relay));
    scene.begin(scene.tracks.enter(GROUP, SELF));
    for (const code of [0x1, 0x4, 0x5, 0x0, 0x9]) {
      last(scene.relay.tracks).outcome.settle({ kind: 'refused', refusal: { code, reason: 'no' } });
      scene.pass(1_000);
    }
    last(scene.relay.tracks).accept();
    scene.pass(0);
    expect(scene.answered).toEqual([false, false, false, true]);
  });

  test('are not asked for again when session or group is another meanwhile', () => {
    scene.begin(scene.tracks.connect(scene.relay));
    const entering = scene.begin(scene.tracks.enter(GROUP, SELF));
    last(scene.relay.tracks).outcome.settle(REFUSED);
    scene.pass(500);
    scene.tracks.disconnect();
    scene.pass(10_000);
    expect([scene.relay.tracks.length, scene.relay.namespaces, isDone(entering)]).toEqual([1, [], true]);
  });

  test('are given up with the session', () => {
    scene.begin(scene.tracks.connect(scene.relay));
    const entering = scene.begin(scene.tracks.enter(GROUP, SELF));
    last(scene.relay.tracks).outcome.settle(GONE);
    scene.pass(10_000);
    expect([scene.relay.tracks.length, scene.relay.namespaces, isDone(entering)]).toEqual([1, [], true]);
  });

  test('of a group that was left meanwhile are cancelled when the relay grants them late', () => {
    scene.subscribed();
    scene.begin(scene.tracks.enter(OTHER_GROUP, SELF));
    const [first, second] = scene.relay.tracks;
    expect([first?.cancelled, second?.prefix]).toEqual([1, groupNamespace(OTHER_GROUP)]);
    last(scene.relay.namespaces).accept();
    expect(last(scene.relay.namespaces).cancelled).toBe(1);
    scene.begin(scene.tracks.enter(GROUP, SELF));
    second?.accept();
    scene.pass(0);
    // Nothing more is asked for the group that was left.
    expect([second?.cancelled, scene.relay.namespaces.length]).toEqual([1, 1]);
  });

  test('stay subscribed when we join the same group again, or are told twice', () => {
    scene.subscribed();
    for (const sender of [SELF, senderOf(person(0), 2)]) {
      expect(isDone(scene.begin(scene.tracks.enter(GROUP, sender)))).toBe(true);
      expect([scene.relay.tracks.length, last(scene.relay.tracks).cancelled]).toEqual([1, 0]);
      expect(scene.offer(welcomeTrack(GROUP, sender)).forward).toBe(true);
    }
  });
});

describe('an offered track', () => {
  beforeEach(() => {
    scene.subscribed();
  });

  test('of KeyPackages is followed, but not our own', () => {
    const bo = scene.offer(keyPackageTrack(GROUP, BO));
    bo.owner?.object(object(0, 0, 'one'));
    bo.owner?.object(object(0, 1, 'two'));
    bo.owner?.object({ ...object(0, 2, ''), content: { kind: 'status', status: 'end-of-track' } });
    expect([bo.forward, scene.inputs]).toEqual([true, ['key package one', 'key package two']]);
    const mine = scene.offer(keyPackageTrack(GROUP, SELF));
    expect([mine.owner, mine.refusals]).toEqual([undefined, NOT_FOR_US]);
  });

  test('of Welcomes is followed when it is ours', () => {
    const mine = scene.offer(welcomeTrack(GROUP, SELF));
    mine.owner?.object(object(4, 2, 'come'));
    expect([mine.forward, scene.inputs]).toEqual([true, ['welcome-object 4/2 come']]);
    const foreign = scene.offer(welcomeTrack(GROUP, BO));
    expect([foreign.owner, foreign.refusals]).toEqual([undefined, NOT_FOR_US]);
  });

  test('of Commits is followed; an object without payload or out of range says nothing', () => {
    const commits = scene.offer(COMMITS);
    commits.owner?.object(object(4, 0, 'commit'));
    commits.owner?.object({ ...object(4, 1, ''), content: { kind: 'status', status: 'end-of-group' } });
    commits.owner?.object(object(4, 2 ** 32, 'beyond'));
    commits.owner?.object(object(4, 2 ** 32 - 1, 'last'));
    expect([commits.forward, scene.inputs]).toEqual([
      true,
      ['commit-object 4/0 commit', 'commit-object 4/4294967295 last'],
    ]);
  });

  test('of control and media goes to the members, and what is none of the group is refused', () => {
    const [control, video] = [controlOf(person(1), 1, 1).track, mediaOf(person(1), 'video').track];
    scene.offer(control);
    scene.offer(video);
    expect(scene.offered).toEqual([control, video]);
    const foreign = scene.offer(track('elsewhere', 'commits'));
    expect([foreign.owner, foreign.refusals]).toEqual([undefined, NOT_FOR_US]);
  });

  test('of a session or group that is over is not looked at', () => {
    const [former] = scene.relay.tracks;
    const late = new OfferedTrack(COMMITS);
    scene.begin(scene.tracks.enter(OTHER_GROUP, SELF));
    former?.offer(late);
    const control = new OfferedTrack(controlOf(person(1), 1, 1).track);
    former?.offer(control);
    expect([late.owner, late.refusals, scene.offered]).toEqual([undefined, [], []]);
  });

  test('is cancelled with the session, if it is not over before, and brings nothing more', () => {
    const [bo, commits] = [scene.offer(keyPackageTrack(GROUP, BO)), scene.offer(COMMITS)];
    bo.owner?.done(2, 'over');
    scene.tracks.disconnect();
    commits.owner?.object(object(4, 0, 'late'));
    expect([bo.cancelled, commits.cancelled, scene.inputs]).toEqual([0, 1, []]);
    scene.tracks.disconnect();
    scene.tracks.close();
    expect(commits.cancelled).toBe(1);
  });

  test('that is offered after the end is ignored', () => {
    const commits = new OfferedTrack(COMMITS);
    const [request] = scene.relay.tracks;
    scene.tracks.close();
    request?.offer(commits);
    expect([commits.owner, commits.refusals]).toEqual([undefined, []]);
  });

  test('brings what was published before by FETCH: from the first group to the whole of the last', () => {
    scene.offer(COMMITS, at(7, 1));
    const fetch = last(scene.relay.fetches);
    expect(fetch.asked).toEqual([COMMITS, at(0, 0), at(7, 0), 8 * 1024 * 1024]);
    fetch.outcome.settle({
      kind: 'complete',
      objects: [object(6, 0, 'six'), object(7, 0, 'seven')],
      end: at(7, 1),
    });
    scene.pass(0);
    expect(scene.inputs).toEqual(['commit-object 6/0 six', 'commit-object 7/0 seven']);
    expect(scene.relay.fetches).toHaveLength(1);
  });

  test('brings as much of that as came within a second', () => {
    scene.offer(keyPackageTrack(GROUP, BO), at(0, 1));
    last(scene.relay.fetches).arrived = [object(0, 0, 'one')];
    scene.pass(999);
    expect(scene.inputs).toEqual([]);
    scene.pass(1);
    expect([last(scene.relay.fetches).givenUp, scene.inputs]).toEqual([1, ['key package one']]);
  });

  test('brings nothing of that where nothing was, where the relay refuses, or when the session is another', () => {
    scene.offer(COMMITS);
    expect(scene.relay.fetches).toEqual([]);
    for (const outcome of [REFUSED, GONE]) {
      scene.offer(COMMITS, at(7, 1));
      last(scene.relay.fetches).outcome.settle(outcome);
      scene.pass(0);
    }
    scene.offer(COMMITS, at(7, 1));
    scene.tracks.disconnect();
    last(scene.relay.fetches).outcome.settle({ kind: 'incomplete', objects: [object(6, 0, 'six')] });
    scene.pass(0);
    expect(scene.inputs).toEqual([]);
  });
});
