/** Tracks that all of a meeting write: what one publisher does there keeps no other from being heard. */
import { describe, expect, test } from 'vitest';
import type { RelayLimits } from '../../../src/protocol/relay/limits.ts';
import type { MoqtObject, RequestId } from '../../../src/protocol/moqt/model.ts';
import type { TrackDescription } from '../../../src/protocol/moqt/session-api.ts';
import { millis } from '../../../src/protocol/units.ts';
import { at, object, track } from '../../harness/moqt/names.ts';
import { RelayNet } from '../../harness/relay/relay-net.ts';
import type { RelayClient } from '../../harness/relay/relay-net.ts';

const COMMITS = track('room', 'commits');

/** An object as members send it: in a subgroup of its own. */
const own = (group: number, id: number, payload: string | Uint8Array): MoqtObject =>
  object(group, id, payload, { subgroup: id });

const status = (group: number, id: number, what: 'end-of-group' | 'end-of-track'): MoqtObject => ({
  ...own(group, id, ''),
  content: { kind: 'status', status: what },
});

/** Alice, who is honest, Mallory, who has the link too, and Bob, who listens. */
class Scene {
  readonly net: RelayNet;
  readonly alice: RelayClient;
  readonly mallory: RelayClient;
  readonly bob: RelayClient;
  readonly byAlice: RequestId;
  byMallory: RequestId;
  readonly subscription: RequestId;

  constructor(limits: Partial<RelayLimits> = {}, description: TrackDescription = {}) {
    this.net = new RelayNet(limits);
    [this.alice, this.mallory, this.bob] = [this.net.connect(), this.net.connect(), this.net.connect()];
    this.byAlice = this.alice.session.publish(COMMITS, { forward: true, description: {} });
    this.net.run();
    this.byMallory = this.mallory.session.publish(COMMITS, { forward: true, description });
    this.net.run();
    this.subscription = this.bob.session.subscribe(COMMITS, {});
    this.net.run();
  }

  aliceSends(...objects: readonly MoqtObject[]): void {
    for (const one of objects) {
      this.alice.session.sendSingleObject(this.byAlice, one, false);
      this.net.run();
    }
  }

  mallorySends(...objects: readonly MoqtObject[]): void {
    for (const one of objects) this.mallory.session.sendSingleObject(this.byMallory, one, false);
    this.net.run();
  }

  /** Begins a subgroup that Mallory may leave open, end or reset. */
  malloryOpens(first: MoqtObject): { finish(): void; reset(): void } {
    const { session } = this.mallory;
    const { location, subgroup, publisherPriority } = first;
    if (subgroup === undefined) throw new Error('no subgroup');
    session.openSubgroup(this.byMallory, {
      group: location.group,
      subgroup,
      publisherPriority,
      endOfGroup: false,
      firstObject: true,
    });
    session.writeObject(this.byMallory, first);
    this.net.run();
    return {
      finish: () => {
        session.closeSubgroup(this.byMallory, location.group, subgroup);
        this.net.run();
      },
      reset: () => {
        session.resetSubgroup(this.byMallory, location.group, subgroup, 0);
        this.net.run();
      },
    };
  }

  /** What Bob was handed of what Alice sent. */
  get heard(): string[] {
    return this.bob.objects(this.subscription).filter((text) => text.endsWith('=alice'));
  }

  /** What somebody who comes now finds of what Alice sent. */
  found(from = at(0, 0), end = at(1_000_000, 0)): string[] {
    const late = this.net.connect();
    const id = late.session.fetch({ kind: 'standalone', track: COMMITS, start: from, end });
    this.net.pass(1_000);
    return late.fetched(id).filter((text) => text.endsWith('=alice'));
  }
}

const ALICE = [own(0, 0, 'alice'), own(1, 2, 'alice'), own(1, 3, 'alice'), own(2, 0, 'alice')];
const ALL = ['0/0=alice', '1/2=alice', '1/3=alice', '2/0=alice'];

describe('one publisher bars no other by', () => {
  const attacks: readonly [string, (scene: Scene) => void][] = [
    ['an end of the track', (scene) => scene.mallorySends(status(0, 0, 'end-of-track'))],
    ['an end of a group', (scene) => scene.mallorySends(status(1, 0, 'end-of-group'))],
    [
      'statuses at the locations',
      (scene) => scene.mallorySends(...[0, 1, 2, 3].map((id) => status(1, id, 'end-of-group'))),
    ],
    [
      'a subgroup that holds the end of its group',
      (scene) => {
        scene.mallory.session.sendSingleObject(scene.byMallory, own(1, 0, 'junk'), true);
        scene.net.run();
      },
    ],
    ['the end of a subgroup', (scene) => scene.mallorySends(object(1, 0, 'junk', { subgroup: 2 }))],
    [
      'another priority',
      (scene) => void scene.malloryOpens(object(1, 0, 'junk', { subgroup: 2, priority: 9 })),
    ],
    [
      'a subgroup that it leaves open',
      (scene) => void scene.malloryOpens(object(1, 7, 'junk', { subgroup: 2 })),
    ],
    [
      'a subgroup that it breaks off',
      (scene) => scene.malloryOpens(object(1, 0, 'junk', { subgroup: 2 })).reset(),
    ],
    ['two contents of one object', (scene) => scene.mallorySends(own(1, 0, 'junk'), own(1, 0, 'other'))],
    [
      'leaving',
      (scene) => {
        scene.mallory.session.publishDone(scene.byMallory, 0, '');
        scene.net.run();
      },
    ],
  ];

  test.each(attacks)('%s', (_, attack) => {
    const scene = new Scene();
    attack(scene);
    scene.aliceSends(...ALICE);
    expect(scene.heard).toEqual(ALL);
    expect(scene.found()).toEqual(ALL);
    expect(scene.alice.of('request-cancelled')).toEqual([]);
    expect(scene.net.relay.statistics().tracksMalformed).toBe(0);
  });

  test.each(attacks)('%s, for somebody who is slow', (_, attack) => {
    const scene = new Scene({ transportWindow: 1 });
    scene.bob.stalled = true;
    scene.aliceSends(own(0, 5, 'alice'));
    attack(scene);
    scene.aliceSends(...ALICE);
    scene.bob.stalled = false;
    scene.net.pass(100);
    expect(scene.heard).toEqual(['0/5=alice', ...ALL]);
  });

  test('ending a subgroup after others went on with it', () => {
    const scene = new Scene();
    const subgroup = scene.malloryOpens(object(1, 0, 'junk', { subgroup: 2 }));
    scene.aliceSends(...ALICE);
    subgroup.finish();
    scene.aliceSends(own(1, 4, 'alice'));
    expect(scene.heard).toEqual([...ALL, '1/4=alice']);
  });
});

describe('what is kept of a shared track', () => {
  test.each([
    ['groups', (at: number) => own(100 + at, 0, 'junk'), 3_000],
    ['bytes', (at: number) => own(100 + at, 0, 'x'.repeat(50_000)), 400],
    ['objects in groups of others', (at: number) => own(at % 3, 100 + at, 'x'.repeat(50_000)), 400],
  ])('is not pushed out by whoever floods it with %s', (_, junk, count) => {
    const scene = new Scene();
    scene.aliceSends(...ALICE);
    for (let batch = 0; batch < count; batch += 50)
      scene.mallorySends(...Array.from({ length: 50 }, (__, nth) => junk(batch + nth)));
    expect(scene.found()).toEqual(ALL);
    // Nor is it what Alice sends afterwards.
    scene.aliceSends(own(3, 0, 'alice'));
    expect(scene.found()).toEqual([...ALL, '3/0=alice']);
  });

  test('is not charged to whoever was first in its group', () => {
    const scene = new Scene({ keptBytes: 300_000 });
    scene.aliceSends(...ALICE);
    scene.mallorySends(...Array.from({ length: 20 }, (_, nth) => own(1, 10 + nth, 'x'.repeat(50_000))));
    expect(scene.net.relay.statistics().keptBytes).toBeLessThanOrEqual(300_000);
    expect(scene.found()).toEqual(ALL);
  });

  test('has an age of its own, whoever began its group', () => {
    const scene = new Scene({ keepFor: millis(60_000) });
    scene.mallorySends(...[0, 1, 2].map((group) => own(group, 9, 'junk')));
    scene.net.pass(50_000);
    scene.aliceSends(...ALICE);
    scene.net.pass(50_000);
    expect(scene.found()).toEqual(ALL);
    scene.net.pass(20_000);
    expect(scene.found()).toEqual([]);
  });

  test('is said to be unknown where it had to go', () => {
    const scene = new Scene({ keptBytesPerTrack: 20_000 });
    scene.mallorySends(own(0, 0, 'x'.repeat(10_000)));
    scene.aliceSends(own(0, 1, 'alice'));
    scene.mallorySends(own(1, 0, 'x'.repeat(15_000)));
    const late = scene.net.connect();
    late.session.fetch({ kind: 'standalone', track: COMMITS, start: at(0, 0), end: at(0, 5) });
    scene.net.run();
    expect(late.of('fetch-gap')).toMatchObject([{ end: at(0, 0), known: 'unknown' }]);
    expect(late.of('fetch-object').map(({ object: { location } }) => location)).toEqual([at(0, 1)]);
    expect(late.last('fetch-end').complete).toBe(true);
  });
});

test('what others send reaches whoever is slow to take a track, however much one sends meanwhile', () => {
  const scene = new Scene();
  const late = scene.net.connect();
  late.session.subscribeTracks(COMMITS.namespace, { forward: true });
  scene.net.run();
  const [offer] = late.offers();
  if (offer === undefined) throw new Error('no offer');
  scene.aliceSends(...ALICE);
  scene.mallorySends(...Array.from({ length: 300 }, (_, nth) => own(100 + nth, 0, 'junk')));
  late.session.acceptPublish(offer.id, { forward: true });
  scene.net.run();
  expect(late.objects(offer.id).filter((text) => text.endsWith('=alice'))).toEqual(ALL);
});

describe('what one publisher says of a shared track', () => {
  // MAX_CACHE_DURATION (0x04) = 1,000 ms.
  const SHORT_LIVED = Uint8Array.of(0x04, 0x83, 0xe8);
  // OBJECT_DELIVERY_TIMEOUT (0x02) = 1 ms.
  const IMPATIENT = Uint8Array.of(0x02, 0x01);

  test('makes nothing expire', () => {
    const scene = new Scene({}, { properties: SHORT_LIVED });
    scene.aliceSends(...ALICE);
    scene.net.pass(10_000);
    expect(scene.found()).toEqual(ALL);
  });

  test('makes nothing late', () => {
    const scene = new Scene({ transportWindow: 1 }, { properties: IMPATIENT });
    scene.bob.stalled = true;
    scene.aliceSends(...ALICE);
    scene.net.pass(1_000);
    scene.bob.stalled = false;
    scene.net.pass(100);
    expect(scene.heard).toEqual(ALL);
  });

  test('is told to nobody', () => {
    const scene = new Scene({}, { properties: SHORT_LIVED, largest: at(1_000, 0) });
    const { largest, properties } = scene.bob.last('subscribe-ok').description;
    expect([largest, properties]).toEqual([undefined, new Uint8Array(0)]);
  });

  test.each(['says', 'sends'])(
    'does not end what others may be asked for: it %s that it is far ahead',
    (how) => {
      const scene = new Scene({}, how === 'says' ? { largest: at(1_000, 0) } : {});
      if (how === 'sends') scene.mallorySends(own(1_000, 0, 'junk'));
      const late = scene.net.connect();
      const id = late.session.subscribe(COMMITS, {
        filter: { kind: 'absolute-range', start: at(0, 0), endGroup: at(5, 0).group },
      });
      scene.net.run();
      scene.aliceSends(...ALICE);
      expect(late.objects(id)).toEqual(ALL);
    },
  );

  test.each([
    ['says that it has nothing', {}],
    ['says that it has all, and gives nothing', { largest: at(1_000, 0) }],
  ])('keeps the relay from fetching nothing of what another had: it %s', (_, description) => {
    const scene = new Scene({}, description);
    for (const request of scene.mallory.of('request')) {
      scene.mallory.session.acceptFetch(request.request.id, at(1_000, 1), true);
      scene.mallory.session.endFetch(request.request.id);
    }
    scene.net.run();
    // Carol comes back to a relay that was restarted.
    const carol = scene.net.connect();
    carol.session.publish(COMMITS, { forward: true, description: { largest: at(2, 0) } });
    scene.net.run();
    const request = carol.request('fetch');
    expect(request).toMatchObject({ start: at(0, 0), end: at(2, 1) });
    carol.session.acceptFetch(request.id, at(2, 1), false);
    for (const one of ALICE) carol.session.sendFetchObject(request.id, one);
    carol.session.endFetch(request.id);
    scene.net.run();
    expect(scene.found()).toEqual(ALL);
    expect(scene.heard).toEqual(ALL);
  });

  test('is taken for that part only which it was asked for', () => {
    const scene = new Scene({}, { largest: at(1, 0) });
    const request = scene.mallory.request('fetch');
    scene.mallory.session.acceptFetch(request.id, at(1, 1), false);
    scene.mallory.session.sendFetchObject(request.id, own(1, 2, 'junk'));
    scene.mallory.session.endFetch(request.id);
    scene.aliceSends(...ALICE);
    expect(scene.found()).toEqual(ALL);
  });

  test('is not asked on behalf of others', () => {
    const scene = new Scene();
    scene.alice.session.publishDone(scene.byAlice, 0, '');
    scene.mallory.session.publishNamespace(COMMITS.namespace);
    scene.net.run();
    expect(scene.found()).toEqual([]);
    expect(scene.mallory.of('request')).toEqual([]);
  });
});

describe('what a publisher had before it came to the relay', () => {
  /** Mallory says that it had something, and does not give it. */
  const answers: readonly [string, (mallory: RelayClient, id: RequestId) => void][] = [
    ['never answers', () => undefined],
    [
      'answers and stops',
      ({ session }, id) => {
        session.acceptFetch(id, at(1_000, 1), false);
      },
    ],
    [
      'stops in the middle',
      ({ session }, id) => {
        session.acceptFetch(id, at(1_000, 1), false);
        session.sendFetchObject(id, own(0, 1, 'junk'));
      },
    ],
  ];

  test.each(answers)('holds nobody up for long when it %s', (_, answer) => {
    const scene = new Scene({}, { largest: at(1_000, 0) });
    answer(scene.mallory, scene.mallory.request('fetch').id);
    scene.aliceSends(...ALICE);
    const late = scene.net.connect();
    const id = late.session.fetch({ kind: 'standalone', track: COMMITS, start: at(0, 0), end: at(1_000, 0) });
    scene.net.pass(499);
    expect(late.of('fetch-ok')).toEqual([]);
    scene.net.pass(1);
    expect(late.fetched(id).filter((text) => text.endsWith('=alice'))).toEqual(ALL);
  });

  test('holds nobody up any more when the relay has had the track for a while', () => {
    const scene = new Scene();
    scene.aliceSends(...ALICE);
    scene.net.pass(10_000);
    scene.mallory.session.publishDone(scene.byMallory, 0, '');
    scene.net.run();
    scene.mallory.session.publish(COMMITS, { forward: true, description: { largest: at(1_000, 0) } });
    scene.net.run();
    expect(scene.mallory.of('request')).toHaveLength(1);
    const late = scene.net.connect();
    const id = late.session.fetch({ kind: 'standalone', track: COMMITS, start: at(0, 0), end: at(1_000, 0) });
    scene.net.run();
    expect(late.fetched(id)).toEqual(ALL);
  });

  test.each(answers)('is not waited for for ever when it %s', (_, answer) => {
    const scene = new Scene({}, { largest: at(1_000, 0) });
    const { id } = scene.mallory.request('fetch');
    answer(scene.mallory, id);
    scene.net.pass(9_999);
    expect(scene.mallory.of('request-cancelled')).toEqual([]);
    scene.net.pass(1);
    expect(scene.mallory.of('request-cancelled')).toMatchObject([{ id }]);
    for (const { session } of [scene.alice, scene.mallory, scene.bob]) session.close(0, 'bye');
    scene.net.pass(100_000_000);
    expect(scene.net.relay.statistics().tracks).toBe(0);
  });

  test('is asked for once at a time, however often the publisher comes again', () => {
    const scene = new Scene({}, { largest: at(1_000, 0) });
    for (let again = 0; again < 5; again += 1) {
      scene.mallory.session.publishDone(scene.byMallory, 0, '');
      scene.net.run();
      scene.byMallory = scene.mallory.session.publish(COMMITS, {
        forward: true,
        description: { largest: at(1_000, 0) },
      });
      scene.net.run();
    }
    expect(scene.mallory.of('request')).toHaveLength(1);
  });

  test('is waited for by a bounded number of FETCHes, of which those that were taken back do not count', () => {
    const scene = new Scene({ waitingFetchesPerTrack: 2 }, { largest: at(1_000, 0) });
    scene.aliceSends(...ALICE);
    const late = scene.net.connect();
    const ask = (): RequestId => {
      const range = { kind: 'standalone', track: COMMITS, start: at(0, 0), end: at(1_000, 0) } as const;
      const id = late.session.fetch(range);
      scene.net.run();
      return id;
    };
    const [first, second, third] = [ask(), ask(), ask()];
    expect([first, second, third].map((id) => late.fetched(id).length)).toEqual([0, 0, ALL.length]);
    late.session.cancel(first);
    scene.net.run();
    const [fourth, fifth] = [ask(), ask()];
    expect([fourth, fifth].map((id) => late.fetched(id).length)).toEqual([0, ALL.length]);
  });

  test('is not known here when its publisher did not come to an end', () => {
    const net = new RelayNet();
    const [alice, carol] = [net.connect(), net.connect()];
    const name = track('room/keypackages', 'alice');
    alice.session.publish(name, { forward: true, description: { largest: at(0, 3) } });
    net.run();
    const first = alice.request('fetch');
    alice.session.acceptFetch(first.id, at(0, 4), false);
    alice.session.resetFetch(first.id, 0);
    net.run();
    const id = carol.session.fetch({ kind: 'standalone', track: name, start: at(0, 0), end: at(0, 4) });
    net.run();
    const second = alice.request('fetch');
    expect(second.id).not.toBe(first.id);
    alice.session.acceptFetch(second.id, at(0, 4), false);
    alice.session.sendFetchObject(second.id, own(0, 3, 'alice'));
    alice.session.endFetch(second.id);
    net.run();
    expect(carol.fetched(id)).toEqual(['0/3=alice']);
  });
});
