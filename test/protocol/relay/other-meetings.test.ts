/** The relay's limits, each hit on purpose: whoever does it is refused, cut off or loses its own, and another meeting notices nothing. */
import { expect, test } from 'vitest';
import { RequestErrorCode, StreamCode } from '../../../src/protocol/moqt/codes.ts';
import type { FullTrackName, RequestId } from '../../../src/protocol/moqt/model.ts';
import type { RelayLimits } from '../../../src/protocol/relay/limits.ts';
import { millis } from '../../../src/protocol/units.ts';
import { at, namespace, object, track } from '../../harness/moqt/names.ts';
import { RelayNet } from '../../harness/relay/relay-net.ts';
import type { RelayClient } from '../../harness/relay/relay-net.ts';

const OPEN = { forward: true, description: {} } as const;

/** A meeting that has nothing to do with what happens in `room`. */
class OtherMeeting {
  static readonly #commits = track('other', 'commits');
  static readonly #media = track('other/media/ana/cam', 'o');
  readonly #net: RelayNet;
  readonly #ana: RelayClient;
  readonly #bo: RelayClient;
  readonly #published: { readonly commits: RequestId; readonly media: RequestId };
  readonly #subscribed: { readonly commits: RequestId; readonly media: RequestId };
  readonly #sent: string[] = [];

  constructor(net: RelayNet) {
    this.#net = net;
    this.#ana = net.connect();
    this.#bo = net.connect();
    const [commits, media] = [OtherMeeting.#commits, OtherMeeting.#media];
    const { session: ana } = this.#ana;
    const { session: bo } = this.#bo;
    this.#published = { commits: ana.publish(commits, OPEN), media: ana.publish(media, OPEN) };
    net.run();
    this.#subscribed = { commits: bo.subscribe(commits, {}), media: bo.subscribe(media, {}) };
    net.run();
  }

  /** A Commit and a picture reach who is there at once, and whoever comes finds all Commits and the newest picture. */
  goesOn(): void {
    const group = this.#sent.length;
    if (group > 0) this.#isFound(group - 1);
    const text = `${String(group)}/0=${String(group)}`;
    const sent = object(group, 0, String(group));
    for (const id of Object.values(this.#published)) this.#ana.session.sendSingleObject(id, sent, false);
    this.#net.run();
    this.#sent.push(text);
    expect(this.#bo.objects(this.#subscribed.commits)).toEqual(this.#sent);
    expect(this.#bo.objects(this.#subscribed.media).at(-1)).toBe(text);
    this.#isFound(group);
  }

  /** Whoever comes now is served without a word to the publisher. */
  #isFound(group: number): void {
    const late = this.#net.connect();
    const find = (name: FullTrackName, from: number): RequestId =>
      late.session.fetch({ kind: 'standalone', track: name, start: at(from, 0), end: at(group, 1) });
    const found = [find(OtherMeeting.#commits, 0), find(OtherMeeting.#media, group)];
    this.#net.run();
    const newest = `${String(group)}/0=${String(group)}`;
    expect(found.map((id) => late.fetched(id))).toEqual([this.#sent, [newest]]);
    expect(this.#ana.of('request')).toEqual([]);
    late.session.close(0, 'bye');
    this.#net.run();
  }
}

const ROOM = track('room', 'commits');
const VIDEO = track('room/media/mallory/cam', 'o');
const busy = RequestErrorCode.EXCESSIVE_LOAD;

/** All that was asked is refused from the `nth` on. */
function refusedFrom(nth: number, client: RelayClient, ids: readonly RequestId[]): void {
  expect(ids.map((id) => client.refusal(id))).toEqual(ids.map((_, at) => (at < nth ? undefined : busy)));
}

const many = <T>(count: number, make: (nth: number) => T): T[] =>
  Array.from({ length: count }, (_, nth) => make(nth));

function publish(net: RelayNet, client: RelayClient, name: FullTrackName): RequestId {
  const id = client.session.publish(name, OPEN);
  net.run();
  return id;
}

/** Publishes a track and sends `count` groups of 10,000 bytes. */
function flood(net: RelayNet, client: RelayClient, name: FullTrackName, count: number, bytes = 10_000): void {
  const id = publish(net, client, name);
  for (let group = 0; group < count; group += 1) {
    client.session.sendSingleObject(id, object(group, 0, 'x'.repeat(bytes)), false);
    net.run();
  }
}

/** Subscribes to a track, and reads nothing from then on. */
function stalled(net: RelayNet, name: FullTrackName): RelayClient {
  const client = net.connect();
  client.session.subscribe(name, { rendezvousTimeout: millis(1_000) });
  net.run();
  client.stalled = true;
  return client;
}

function fetchAll(net: RelayNet, client: RelayClient, name: FullTrackName): RequestId {
  const id = client.session.fetch({ kind: 'standalone', track: name, start: at(0, 0), end: at(1_000, 0) });
  net.run();
  return id;
}

const PATIENT = { rendezvousTimeout: millis(100_000) };

type Attack = (net: RelayNet, mallory: RelayClient, other: OtherMeeting) => void;

const cases: readonly [string, Partial<RelayLimits>, Attack][] = [
  [
    'requestsPerSession',
    { requestsPerSession: 6 },
    (net, mallory) => {
      const ids = many(9, (nth) => mallory.session.subscribe(track('room/x', String(nth)), PATIENT));
      net.run();
      refusedFrom(6, mallory, ids);
    },
  ],
  [
    'tracksPerSession',
    { tracksPerSession: 4 },
    (net, mallory) => {
      const ids = many(6, (nth) => mallory.session.publish(track('room/x', String(nth)), OPEN));
      net.run();
      refusedFrom(4, mallory, ids);
    },
  ],
  [
    'namespacesPerSession',
    { namespacesPerSession: 4 },
    (net, mallory) => {
      const announced = many(6, (nth) => mallory.session.publishNamespace(namespace('room', String(nth))));
      const followed = many(6, (nth) => mallory.session.subscribeNamespace(namespace('room', String(nth))));
      const offered = many(6, (nth) =>
        mallory.session.subscribeTracks(namespace('room', String(nth)), { forward: false }),
      );
      net.run();
      for (const ids of [announced, followed, offered]) refusedFrom(4, mallory, ids);
    },
  ],
  [
    'subscriptionsPerSession',
    { subscriptionsPerSession: 4 },
    (net, mallory) => {
      const ids = many(6, (nth) => mallory.session.subscribe(track('room/x', String(nth)), PATIENT));
      net.run();
      refusedFrom(4, mallory, ids);
    },
  ],
  [
    'fetchesPerSession',
    { fetchesPerSession: 4 },
    (net, mallory) => {
      // It announces, and never answers.
      net.connect().session.publishNamespace(namespace('room'));
      net.run();
      const ids = many(6, (nth) => fetchAll(net, mallory, track('room/x', String(nth))));
      refusedFrom(4, mallory, ids);
    },
  ],
  [
    'minimumPrefixFields',
    {},
    (net, mallory) => {
      const ids = [mallory.session.subscribeNamespace([]), mallory.session.publishNamespace([])];
      net.run();
      expect(ids.map((id) => mallory.refusal(id))).toEqual(ids.map(() => RequestErrorCode.UNAUTHORIZED));
    },
  ],
  [
    'rendezvous',
    { rendezvous: millis(5_000) },
    (net, mallory) => {
      const id = mallory.session.subscribe(track('room/x', 'a'), PATIENT);
      net.pass(4_999);
      expect(mallory.refusal(id)).toBeUndefined();
      net.pass(1);
      expect(mallory.refusal(id)).toBe(RequestErrorCode.TIMEOUT);
    },
  ],
  [
    'upstreamAnswer',
    { upstreamAnswer: millis(5_000) },
    (net, mallory) => {
      net.connect().session.publishNamespace(namespace('room'));
      net.run();
      const ids = [
        mallory.session.subscribe(track('room/x', 'a'), {}),
        fetchAll(net, mallory, track('room/x', 'b')),
      ];
      net.pass(4_999);
      expect(ids.map((id) => mallory.refusal(id))).toEqual([undefined, undefined]);
      net.pass(1);
      expect(ids.map((id) => mallory.refusal(id))).toEqual([
        RequestErrorCode.TIMEOUT,
        RequestErrorCode.TIMEOUT,
      ]);
    },
  ],
  [
    'backfill, backfillPatience and waitingFetchesPerTrack',
    { backfill: millis(5_000), backfillPatience: millis(200), waitingFetchesPerTrack: 1 },
    (net, mallory) => {
      mallory.session.publish(ROOM, { forward: true, description: { largest: at(9, 0) } });
      net.run();
      const { id: backfill } = mallory.request('fetch');
      const waits = fetchAll(net, mallory, ROOM);
      const second = fetchAll(net, mallory, ROOM);
      expect([waits, second].map((id) => mallory.refusal(id))).toEqual([
        undefined,
        RequestErrorCode.INVALID_RANGE,
      ]);
      net.pass(200);
      expect(mallory.refusal(waits)).toBe(RequestErrorCode.INVALID_RANGE);
      net.pass(4_800);
      expect(mallory.of('request-cancelled')).toMatchObject([{ id: backfill }]);
    },
  ],
  [
    'transportWindow and mediaBacklogBytes',
    { transportWindow: 20_000, mediaBacklogBytes: 50_000 },
    (net, mallory) => {
      stalled(net, VIDEO);
      flood(net, mallory, VIDEO, 50);
      const { backlogBytes, groupsDropped } = net.relay.statistics();
      expect(backlogBytes).toBeLessThanOrEqual(50_000);
      expect(groupsDropped).toBeGreaterThan(40);
    },
  ],
  [
    'mediaBacklogAge',
    { transportWindow: 20_000, mediaBacklogAge: millis(1_000) },
    (net, mallory) => {
      stalled(net, VIDEO);
      flood(net, mallory, VIDEO, 5);
      net.pass(900);
      expect(net.relay.statistics().backlogBytes).toBeGreaterThan(0);
      net.pass(200);
      expect(net.relay.statistics().backlogBytes).toBe(0);
    },
  ],
  [
    'reliableBacklogBytes',
    { transportWindow: 20_000, reliableBacklogBytes: 50_000 },
    (net, mallory) => {
      stalled(net, ROOM);
      flood(net, mallory, ROOM, 20);
      expect(net.relay.statistics()).toMatchObject({ sessionsTooSlow: 1, backlogBytes: 0 });
    },
  ],
  [
    'reliableBacklogAge',
    { transportWindow: 20_000, reliableBacklogAge: millis(1_000) },
    (net, mallory) => {
      stalled(net, ROOM);
      flood(net, mallory, ROOM, 5);
      net.pass(900);
      expect(net.relay.statistics().sessionsTooSlow).toBe(0);
      net.pass(200);
      expect(net.relay.statistics().sessionsTooSlow).toBe(1);
    },
  ],
  [
    'fetchBacklogBytes',
    { transportWindow: 20_000, fetchBacklogBytes: 50_000 },
    (net, mallory) => {
      const reader = net.connect();
      mallory.session.publish(VIDEO, { forward: true, description: { largest: at(0, 99) } });
      net.run();
      reader.session.fetch({ kind: 'standalone', track: VIDEO, start: at(0, 0), end: at(0, 100) });
      net.run();
      reader.stalled = true;
      const { id } = mallory.request('fetch');
      mallory.session.acceptFetch(id, at(0, 100), false);
      for (let nth = 0; nth < 20; nth += 1) {
        mallory.session.sendFetchObject(id, object(0, nth, 'x'.repeat(10_000)));
        net.run();
      }
      expect(mallory.of('request-cancelled')).toHaveLength(1);
      reader.stalled = false;
      net.run();
      expect(reader.last('request-cancelled').code).toBe(StreamCode.TOO_FAR_BEHIND);
    },
  ],
  [
    'fetchBytesPerSecond',
    { fetchBytesPerSecond: 20_000 },
    (net, mallory) => {
      flood(net, mallory, ROOM, 10);
      const id = fetchAll(net, mallory, ROOM);
      expect(mallory.fetched(id).length).toBeLessThan(4);
      net.pass(5_000);
      expect(mallory.fetched(id)).toHaveLength(10);
    },
  ],
  [
    'cacheBytes',
    { cacheBytes: 200_000 },
    (net, mallory) => {
      for (let nth = 0; nth < 20; nth += 1) flood(net, mallory, track('room/media/mallory', String(nth)), 5);
      expect(net.relay.statistics().cachedBytes).toBeLessThanOrEqual(200_000);
    },
  ],
  [
    'cacheBytesPerTrack',
    { cacheBytesPerTrack: 50_000 },
    (net, mallory) => {
      const before = net.relay.statistics().cachedBytes;
      flood(net, mallory, VIDEO, 8);
      expect(net.relay.statistics().cachedBytes - before).toBeLessThanOrEqual(50_000);
    },
  ],
  [
    'cacheGroupsPerTrack',
    { cacheGroupsPerTrack: 3 },
    (net, mallory) => {
      const before = net.relay.statistics().cachedBytes;
      flood(net, mallory, VIDEO, 8);
      const grown = net.relay.statistics().cachedBytes - before;
      expect([grown > 30_000, grown < 40_000]).toEqual([true, true]);
    },
  ],
  [
    'cacheFor',
    { cacheFor: millis(20_000) },
    (net, mallory, other) => {
      flood(net, mallory, VIDEO, 5);
      net.pass(15_000);
      other.goesOn();
      expect(net.relay.statistics().cachedBytes).toBeGreaterThan(50_000);
      net.pass(10_000);
      expect(net.relay.statistics().cachedBytes).toBeLessThan(10_000);
    },
  ],
  [
    'keptBytes',
    { keptBytes: 200_000 },
    (net, mallory) => {
      for (let nth = 0; nth < 5; nth += 1) flood(net, mallory, track('room/welcome', String(nth)), 10);
      expect(net.relay.statistics().keptBytes).toBeLessThanOrEqual(200_000);
    },
  ],
  [
    'keptBytesPerTrack',
    { keptBytesPerTrack: 50_000 },
    (net, mallory) => {
      const before = net.relay.statistics().keptBytes;
      flood(net, mallory, ROOM, 10);
      expect(net.relay.statistics().keptBytes - before).toBeLessThanOrEqual(50_000);
    },
  ],
  [
    'keptGroupsPerTrack',
    { keptGroupsPerTrack: 3 },
    (net, mallory) => {
      const name = track('room/keypackages', 'mallory');
      flood(net, mallory, name, 10, 10);
      expect(mallory.fetched(fetchAll(net, mallory, name))).toEqual(
        [7, 8, 9].map((group) => `${String(group)}/0=${'x'.repeat(10)}`),
      );
    },
  ],
];

test.each(cases)('%s', (_, limits, attack) => {
  const net = new RelayNet(limits);
  const other = new OtherMeeting(net);
  other.goesOn();
  other.goesOn();
  attack(net, net.connect(), other);
  other.goesOn();
  other.goesOn();
});
