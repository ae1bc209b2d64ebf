import { describe, expect, test } from 'vitest';
import {
  commitTrack,
  fingerprintOf,
  groupNameOf,
  groupNamespace,
  keyPackageTrack,
  senderIdOf,
  welcomeTrack,
  type SenderId,
} from '../../../src/protocol/group/names.ts';
import { securityCodeOf } from '../../../src/protocol/group/security-code.ts';
import type { EpochBegun } from '../../../src/protocol/meeting/group-events.ts';
import { mlsObject } from '../../../src/protocol/meeting/short-publication.ts';
import { leafIndex } from '../../../src/protocol/group/roster.ts';
import type { MoqtObject } from '../../../src/protocol/moqt/model.ts';
import { trackNameKey } from '../../../src/protocol/moqt/names.ts';
import { epoch } from '../../../src/protocol/units.ts';
import { FakeMls } from '../../harness/group/fake-mls.ts';
import { fakeCrypto } from '../../harness/group/simulation.ts';
import { meetingCore, TIME_ORIGIN } from '../../harness/meeting/core.ts';
import { MlsGroupScene, type AnyAsk } from './mls-group-scene.ts';
import { last } from './mls-tracks-scene.ts';
import { GONE, OfferedTrack } from './scripted-relay.ts';
import { joinId } from '../../harness/group/membership.ts';

const nameOf = (generation: number): ReturnType<typeof groupNameOf> =>
  groupNameOf(meetingCore().options.room, generation, fakeCrypto);
const GROUP = nameOf(0);
const NEVER = 2n ** 53n - 1n;
const MODES = ['fenced', 'plain'] as const;

/** Somebody has made the room's first group: it cannot be locked as if it were new. */
const exists = (ask: AnyAsk): unknown => {
  if (ask.kind === 'room') return { kind: 'ok', meeting: 0, next: 1 };
  if (!('input' in ask) || !('group' in ask.input) || !Buffer.from(ask.input.group).equals(GROUP))
    return undefined;
  if (ask.kind === 'lock') return { kind: 'counter-error', current: epoch(0n) };
  return ask.kind === 'history'
    ? { kind: 'ok', current: epoch(0n), entries: [], nextFrom: undefined }
    : undefined;
};
const epochs = (scene: MlsGroupScene): EpochBegun[] => scene.events.filter((event) => event.kind === 'epoch');
const kinds = ({ asked }: MlsGroupScene): string[] => asked.map(({ kind }) => kind);
/** Whom we are, as text, in the group that was entered last. */
const sender = (scene: MlsGroupScene): SenderId =>
  new Uint8Array(Buffer.from(last(scene.entered))) as SenderId;

describe.each(MODES)('a membership, counter in %s mode', (mode) => {
  test('begins with a group of its own where nobody has made one, and tells all of it', () => {
    const scene = new MlsGroupScene(mode);
    scene.start();
    expect(scene.told).toEqual(['seeking', 'creating', 'epoch', 'member']);
    const [begun] = epochs(scene);
    const { fingerprint } = scene.core.options;
    // Whoever makes a group organises it.
    const parameters = { ...scene.core.options.parameters, organisers: [fingerprint] };
    expect(begun).toMatchObject({ group: GROUP, epoch: 0n, ownLeaf: 0, suite: 0x0001, parameters });
    expect(begun?.roster).toHaveLength(1);
    expect(begun?.senderId).toEqual(sender(scene));
    expect(begun?.securityCode).toBe(
      securityCodeOf(GROUP, begun?.epochAuthenticator ?? new Uint8Array(0), fakeCrypto),
    );
    // The counter's time, or in plain mode our own.
    expect(begun?.change.time).toBeGreaterThan(mode === 'fenced' ? 0 : TIME_ORIGIN - 1);
    expect(begun?.change.time).toBeLessThan(mode === 'fenced' ? TIME_ORIGIN : TIME_ORIGIN + 1_000);
    expect([scene.disk?.record.creating, scene.mls.holds]).toEqual([false, { groups: 1, keyPackages: 0 }]);
  });

  test('asks to be let in where somebody has made one, and looks no further than there are generations', () => {
    const scene = new MlsGroupScene(mode);
    scene.instead = exists;
    scene.connect();
    scene.start();
    scene.accept();
    expect(scene.told).toEqual(['seeking', 'waiting-for-member']);
    expect(scene.mls.holds).toEqual({ groups: 0, keyPackages: 1 });
    expect(last(scene.relay.published).track).toEqual(keyPackageTrack(GROUP, sender(scene)));
    // In plain mode, whether there is another generation is asked so that nothing comes of it.
    const probes = scene.asked.flatMap((ask) => {
      if (mode === 'fenced') return ask.kind === 'history' ? [[ask.input.group, ask.input.from]] : [];
      return ask.kind === 'lock' ? [[ask.input.group, ask.input.request.val]] : [];
    });
    expect(probes.filter(([, value]) => value !== 0n)).toEqual([
      ...(mode === 'plain' ? [[nameOf(1), NEVER]] : []),
      // For the epoch that the KeyPackage is as of.
      [GROUP, NEVER],
    ]);
  });

  test('joins the generation that the counter says, in plain mode the last one that there is', () => {
    const scene = new MlsGroupScene(mode);
    const isOf = (ask: AnyAsk, generation: number): boolean =>
      'input' in ask && 'group' in ask.input && Buffer.from(ask.input.group).equals(nameOf(generation));
    scene.instead = (ask) => {
      const kind = mode === 'fenced' ? 'ok' : 'counter-error';
      const isProbe = ask.kind === (mode === 'fenced' ? 'history' : 'lock') && isOf(ask, 1);
      if (ask.kind === 'room') return { kind: 'ok', meeting: 1, next: 2 };
      return (
        exists(ask) ?? (isProbe ? { kind, current: epoch(3n), entries: [], nextFrom: undefined } : undefined)
      );
    };
    scene.connect();
    scene.start();
    scene.accept();
    expect(scene.told).toEqual(['seeking', 'waiting-for-member']);
    expect(last(scene.relay.tracks).prefix).toEqual(groupNamespace(nameOf(1)));
  });

  test.each([
    { kind: 'unreachable', reason: 'no answer' },
    // What was asked for cannot be had: a counter that grants it has not compared the value.
    ...(mode === 'plain' ? [{ kind: 'granted' }, { kind: 'locked', retryLaterMs: 1 }] : []),
  ])('waits while the counter does not say which generations there are: $kind', (answer) => {
    const scene = new MlsGroupScene(mode);
    const isProbe = ({ kind }: AnyAsk): boolean => kind === (mode === 'fenced' ? 'room' : 'lock');
    scene.instead = (ask) =>
      mode === 'fenced' && isProbe(ask) ? answer : (exists(ask) ?? (isProbe(ask) ? answer : undefined));
    scene.start();
    expect([...new Set(scene.told)]).toEqual(['seeking', 'counter-unreachable']);
    scene.instead = exists;
    scene.pass(1_000);
    expect(scene.told.at(-1)).toBe('waiting-for-member');
  });

  test('makes fresh keys when it is asked to, and publishes what the others need', () => {
    const scene = new MlsGroupScene(mode);
    scene.connect();
    scene.start();
    scene.accept();
    scene.feed(() => {
      scene.group.requestUpdate();
    });
    scene.accept();
    expect(epochs(scene).map((begun) => [begun.epoch, begun.change.by])).toEqual([
      [0n, undefined],
      [1n, 0],
    ]);
    const commits = last(scene.relay.published);
    expect(commits.track).toEqual(commitTrack(GROUP));
    expect(commits.sent.map(({ location: { group, object } }) => [group, object])).toEqual(
      mode === 'fenced'
        ? [
            [1n, 0n],
            [1n, 1n],
          ]
        : [[1n, 0n]],
    );
    expect(scene.group.ownObjects(commitTrack(GROUP))).toEqual(commits.sent);
  });

  test('lets somebody in, and says Welcome again to whom asks again', () => {
    const scene = new MlsGroupScene(mode);
    scene.connect();
    scene.start();
    scene.accept();
    const key = new Uint8Array(32).fill(6);
    const joiner = new FakeMls(key, scene.core.options.parameters, () => 1_000);
    const recipient = senderIdOf(fingerprintOf(key, fakeCrypto), joinId());
    const { keyPackage } = joiner.makeKeyPackage();
    const offer = new OfferedTrack(keyPackageTrack(GROUP, recipient));
    scene.feed(() => {
      last(scene.relay.tracks).offer(offer);
      offer.owner?.object(mlsObject(0n, 0, keyPackage));
    });
    scene.accept();
    const welcomes = (): MoqtObject[][] =>
      scene.relay.published
        .filter(({ track }) => trackNameKey(track) === trackNameKey(welcomeTrack(GROUP, recipient)))
        .map(({ sent }) => sent);
    expect(epochs(scene).at(-1)?.roster).toHaveLength(2);
    const [first = [], ...none] = welcomes();
    expect([first.map(({ location }) => location.object), none]).toEqual([
      mode === 'fenced' ? [0n, 1n] : [0n],
      [],
    ]);
    scene.feed(() => {
      offer.owner?.object(mlsObject(0n, 1, keyPackage));
    });
    scene.accept();
    expect(welcomes()).toEqual([first, first]);
    // It is let go again when it is gone, or when it says so.
    scene.feed(() => {
      scene.group.memberLeft(leafIndex(1));
    });
    scene.accept();
    expect(epochs(scene).at(-1)?.roster).toHaveLength(1);
  });

  test('removes who is silent for too long, but not who is heard again in time', () => {
    const rosters = [true, false].map((isHeard) => {
      const scene = new MlsGroupScene(mode);
      scene.connect();
      scene.start();
      scene.accept();
      const key = new Uint8Array(32).fill(6);
      const { keyPackage } = new FakeMls(key, scene.core.options.parameters, () => 1_000).makeKeyPackage();
      const sender = senderIdOf(fingerprintOf(key, fakeCrypto), joinId());
      const offer = new OfferedTrack(keyPackageTrack(GROUP, sender));
      scene.feed(() => {
        last(scene.relay.tracks).offer(offer);
        offer.owner?.object(mlsObject(0n, 0, keyPackage));
      });
      scene.accept();
      scene.feed(() => {
        scene.group.memberVanished(leafIndex(1));
      });
      scene.pass(9_000);
      scene.feed(() => {
        if (isHeard) scene.group.memberAlive(leafIndex(1));
      });
      scene.pass(2_000);
      scene.accept();
      return epochs(scene).at(-1)?.roster.length;
    });
    expect(rosters).toEqual([2, 1]);
  });

  test('that is left is erased; nothing of it is held, and nothing more happens', () => {
    const scene = new MlsGroupScene(mode);
    scene.connect();
    scene.start();
    scene.accept();
    scene.feed(() => {
      scene.group.leave();
    });
    scene.pass(100);
    expect([scene.told.at(-1), scene.disk, scene.mls.holds]).toEqual([
      'stopped',
      undefined,
      { groups: 0, keyPackages: 0 },
    ]);
    expect(last(scene.relay.tracks).cancelled).toBe(1);
    const asked = scene.asked.length;
    scene.feed(() => {
      scene.group.requestUpdate();
      scene.group.leave();
      scene.group.connected(scene.relay);
    });
    scene.pass(120_000);
    expect([scene.asked.length, scene.group.deadline(), scene.relay.tracks.length]).toEqual([
      asked,
      undefined,
      1,
    ]);
  });
});

test('something of a later epoch makes it ask the log at once', () => {
  const asksOf = (hinted: boolean): number => {
    const scene = new MlsGroupScene('fenced');
    scene.start();
    scene.feed(() => {
      if (hinted) scene.group.epochSeen(epoch(5n));
    });
    scene.pass(800);
    return scene.count('history');
  };
  expect(asksOf(true)).toBe(asksOf(false) + 1);
});

describe('a membership that rests', () => {
  /** One that was suspended at once. */
  function resting(): NonNullable<MlsGroupScene['disk']> {
    const scene = new MlsGroupScene('fenced');
    scene.start();
    scene.feed(() => {
      scene.group.end();
    });
    scene.pass(100);
    expect([scene.mls.holds.groups, scene.told]).toEqual([0, ['seeking', 'creating', 'epoch', 'member']]);
    if (scene.disk === undefined) throw new Error('suspending keeps it');
    return scene.disk;
  }

  test('is taken up again, in the same place, and let go in the end', () => {
    const disk = resting();
    const scene = new MlsGroupScene('fenced', disk);
    scene.start();
    expect(epochs(scene).map(({ senderId }) => senderId)).toEqual([disk.record.senderId]);
    expect([scene.count('create-group'), scene.mls.holds.groups]).toEqual([0, 1]);
    scene.feed(() => {
      scene.group.end();
    });
    scene.pass(100);
    expect(scene.mls.holds.groups).toBe(0);
  });

  test('is read before anything is done', () => {
    const scene = new MlsGroupScene('fenced', resting());
    scene.held.add('load');
    scene.connect();
    scene.start();
    scene.feed(() => {
      scene.group.leave();
    });
    scene.pass(60_000);
    expect([kinds(scene), scene.group.deadline(), scene.told]).toEqual([['load'], undefined, []]);
    scene.release('load');
    scene.accept();
    // What came meanwhile comes then.
    expect([scene.told.at(-1), scene.disk]).toEqual(['stopped', undefined]);
  });

  test('is not taken up when all is over before it was read', () => {
    const scene = new MlsGroupScene('fenced', resting());
    scene.held.add('load');
    scene.start();
    scene.feed(() => {
      scene.group.end();
      scene.group.end();
    });
    scene.release('load');
    scene.pass(1_000);
    expect([kinds(scene), scene.told]).toEqual([['load'], []]);
  });
});

describe('a session', () => {
  test('that comes while the store is read counts when it has been read', () => {
    // In plain mode, in which it matters for how long somebody could hear us.
    const scene = new MlsGroupScene('plain');
    scene.instead = exists;
    scene.held.add('load');
    scene.connect();
    scene.start();
    scene.release('load');
    scene.pass(10);
    scene.accept();
    scene.pass(32_000);
    scene.accept();
    // Nobody let us in though there was somebody to hear us: the next generation is opened.
    expect(epochs(scene).map(({ group }) => group)).toEqual([nameOf(1)]);
    expect(new Set(scene.entered).size).toBe(2);
  });

  test.each(['never comes', 'is lost before it is ready', 'is lost'])('that %s leaves us waiting', (what) => {
    const scene = new MlsGroupScene('fenced');
    scene.instead = exists;
    scene.start();
    if (what !== 'never comes') scene.connect();
    if (what === 'is lost') scene.accept();
    scene.feed(() => {
      if (what !== 'never comes') scene.group.disconnected();
    });
    for (const { outcome } of scene.relay.tracks) outcome.settle(GONE);
    scene.pass(120_000);
    expect([epochs(scene), scene.told.at(-1)]).toEqual([[], 'waiting-for-member']);
  });

  test('that is lost ends what was asked on it', () => {
    const scene = new MlsGroupScene('fenced');
    scene.connect();
    scene.start();
    scene.accept();
    scene.feed(() => {
      scene.group.disconnected();
    });
    expect(last(scene.relay.tracks).cancelled).toBe(1);
  });
});

test('who is over before being let in leaves no KeyPackage in MLS', () => {
  const scene = new MlsGroupScene('fenced');
  scene.instead = exists;
  scene.connect();
  scene.start();
  scene.accept();
  scene.feed(() => {
    scene.group.end();
    scene.group.end();
  });
  scene.pass(100);
  expect(scene.mls.holds).toEqual({ groups: 0, keyPackages: 0 });
  expect(scene.asked.filter(({ kind }) => kind === 'forget-key-packages')).toEqual([
    { kind: 'forget-key-packages', input: { group: GROUP } },
  ]);
});

describe('a disk that fails', () => {
  test('is tried again every second, and told once each time', () => {
    const scene = new MlsGroupScene('plain');
    scene.diskFails = true;
    scene.start();
    expect([scene.told, scene.count('save')]).toEqual([['seeking', 'creating', 'store-failing'], 1]);
    scene.pass(5_000);
    expect([scene.told.length, scene.count('save')]).toEqual([3, 6]);
    scene.diskFails = false;
    scene.pass(1_100);
    expect(scene.told).toEqual(['seeking', 'creating', 'store-failing', 'store-working', 'epoch', 'member']);
    expect(scene.disk?.record.creating).toBe(false);
  });

  test('is not written to any more when all is over', () => {
    const scene = new MlsGroupScene('plain');
    scene.diskFails = true;
    scene.start();
    scene.feed(() => {
      scene.group.end();
    });
    scene.pass(10_000);
    expect([scene.count('save'), scene.told]).toEqual([1, ['seeking', 'creating', 'store-failing']]);
  });

  test('is not written to any more when one leaves: only what is saved is erased', () => {
    const scene = new MlsGroupScene('plain');
    scene.diskFails = true;
    scene.start();
    scene.feed(() => {
      scene.group.leave();
    });
    scene.pass(3_000);
    expect([scene.count('save'), scene.count('erase')]).toEqual([1, 3]);
    scene.diskFails = false;
    scene.pass(2_000);
    expect([scene.count('save'), scene.disk, scene.told.at(-1)]).toEqual([1, undefined, 'stopped']);
  });

  test('tells nothing where all was over when the answer came', () => {
    const scene = new MlsGroupScene('plain');
    scene.diskFails = true;
    scene.held.add('save');
    scene.start();
    scene.feed(() => {
      scene.group.end();
    });
    scene.release('save');
    scene.pass(10_000);
    expect([scene.count('save'), scene.told]).toEqual([1, ['seeking', 'creating']]);
  });
});

test('what is saved while one leaves does not come after what is erased', () => {
  const scene = new MlsGroupScene('plain');
  scene.held.add('save');
  scene.start();
  scene.feed(() => {
    scene.group.leave();
  });
  scene.pass(1_000);
  expect(scene.count('erase')).toBe(0);
  scene.release('save');
  scene.pass(1_000);
  expect([kinds(scene).at(-2), scene.disk, scene.told.at(-1)]).toEqual(['erase', undefined, 'stopped']);
});
