/** Tracks that all of a meeting write: what one publisher does there keeps no other from being heard. */
import { describe, expect, test } from 'vitest';
import type { RelayLimits } from '../../../src/protocol/relay/limits.ts';
import type { MoqtObject, RequestId } from '../../../src/protocol/moqt/model.ts';
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

  constructor(limits: Partial<RelayLimits> = {}, description: { readonly properties?: Uint8Array } = {}) {
    this.net = new RelayNet(limits);
    [this.alice, this.mallory, this.bob] = [this.net.connect(), this.net.connect(), this.net.connect()];
    // Who comes first may describe the track.
    this.byMallory = this.mallory.session.publish(COMMITS, { forward: true, description });
    this.net.run();
    this.byAlice = this.alice.session.publish(COMMITS, { forward: true, description: {} });
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
