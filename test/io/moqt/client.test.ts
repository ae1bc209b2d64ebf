import { describe, expect, test } from 'vitest';
import type { AsyncClient } from '../../harness/moqt/async-client.ts';
import type {
  PublicationOwner,
  PublishOffer,
  TrackOrigin,
} from '../../../src/protocol/moqt/client/client-api.ts';
import { createMoqtClient } from '../../harness/moqt/async-client.ts';
import { DrivenSession } from '../../harness/moqt/driven-session.ts';
import { RequestErrorCode, SessionCode } from '../../../src/protocol/moqt/codes.ts';
import { draft18 } from '../../../src/protocol/moqt/draft18/draft18.ts';
import { compareLocations } from '../../../src/protocol/moqt/model.ts';
import type { MoqtObject } from '../../../src/protocol/moqt/model.ts';
import { Session } from '../../../src/protocol/moqt/session.ts';
import type { SessionEvent } from '../../../src/protocol/moqt/session-api.ts';
import { millis } from '../../../src/protocol/units.ts';
import { linkedTransports, settled, VirtualClock } from '../../harness/moqt/linked-transport.ts';
import { at, namespace, object, track } from '../../harness/moqt/names.ts';
import { Peer } from '../../harness/moqt/session-pair.ts';
import { randomChunks } from '../../harness/moqt/wire.ts';

const TRACK = track('room', 'commits');

interface Setting {
  readonly client: AsyncClient;
  readonly relay: Peer;
  readonly faults: unknown[];
  readonly clock: VirtualClock;
  /** Lets the relay's calls take effect. */
  run(): Promise<void>;
}

/** A client connected to a bare session in the place of a relay. */
async function connected(origin?: TrackOrigin): Promise<Setting> {
  const clock = new VirtualClock();
  const ends = linkedTransports({ chunking: randomChunks(5) });
  const faults: unknown[] = [];
  const session = new Session({ role: 'server', draft: draft18, transport: 'webtransport', now: millis(0) });
  const relay = new Peer(session);
  const owner = {
    event: (event: SessionEvent) => void relay.events.push(event),
    fault: (e: unknown) => void faults.push(e),
  };
  const pump = new DrivenSession(ends.server, session, owner, clock);
  const outcome = await createMoqtClient(ends.client, {
    clock,
    fault: owner.fault,
    ...(origin && { origin }),
  });
  if (outcome.kind === 'failed') throw new Error(outcome.reason);
  const run = async (): Promise<void> => {
    pump.flush();
    await settled();
    await settled();
  };
  return { client: outcome.client, relay, faults, clock, run };
}

describe('a client', () => {
  test('subscribes, receives objects and hears of the end', async () => {
    const { client, relay, run } = await connected();
    const seen: MoqtObject[] = [];
    let done = '';
    const pending = client.subscribe(
      TRACK,
      {},
      { object: (one) => seen.push(one), done: (_, reason) => (done = reason) },
    );
    await run();
    const { id } = relay.request('subscribe');
    relay.session.acceptSubscribe(id, { largest: at(1, 0) });
    await run();
    const answer = await pending;
    expect(answer.kind === 'subscribed' && answer.subscription.description.largest).toEqual(at(1, 0));
    relay.session.sendSingleObject(id, object(2, 0, 'commit'), false);
    relay.session.publishDone(id, 2, 'over');
    await run();
    expect(seen).toEqual([object(2, 0, 'commit')]);
    expect(done).toBe('over');
  });

  test('is told why a request was refused', async () => {
    const { client, relay, run } = await connected();
    const pending = client.publishNamespace(namespace('room'));
    await run();
    relay.session.reject(relay.request('publish-namespace').id, {
      code: 0x20,
      reason: 'no',
      retryAfter: millis(50),
    });
    await run();
    expect(await pending).toEqual({ kind: 'refused', refusal: { code: 0x20, reason: 'no', retryAfter: 50 } });
  });

  test('is offered the tracks it asked for, and refuses others', async () => {
    const { client, relay, run } = await connected();
    const offers: PublishOffer[] = [];
    const pending = client.subscribeTracks(namespace('room'), { forward: false }, (offer) =>
      offers.push(offer),
    );
    await run();
    relay.session.acceptRequest(relay.request('subscribe-tracks').id);
    await run();
    await pending;
    const offered = relay.session.publish(TRACK, { forward: true, description: {} });
    const other = relay.session.publish(track('elsewhere', 'x'), { forward: true, description: {} });
    await run();
    expect(relay.last('request-error')).toMatchObject({ id: other, refusal: { code: 0x20 } });
    const seen: MoqtObject[] = [];
    const subscription = offers[0]?.accept({}, { object: (one) => seen.push(one), done: () => undefined });
    relay.session.sendSingleObject(offered, object(0, 0, 'a'), false);
    await run();
    expect(seen).toHaveLength(1);
    subscription?.cancel();
    await run();
    expect(relay.last('request-cancelled')).toMatchObject({ id: offered });
  });

  test('has the handle of an accepted track before it hears of its objects and its end', async () => {
    const { client, relay, run } = await connected();
    const offers: PublishOffer[] = [];
    const pending = client.subscribeTracks(namespace('room'), { forward: false }, (offer) =>
      offers.push(offer),
    );
    await run();
    relay.session.acceptRequest(relay.request('subscribe-tracks').id);
    await run();
    await pending;
    const offered = relay.session.publish(TRACK, { forward: true, description: {} });
    relay.session.sendSingleObject(offered, object(0, 0, 'a'), false);
    relay.session.publishDone(offered, 2, 'over');
    await run();
    const heard: string[] = [];
    offers[0]?.accept(
      {},
      { object: () => heard.push('object'), done: (code, reason) => heard.push(`${String(code)} ${reason}`) },
    );
    expect(heard).toEqual([]);
    await run();
    expect(heard).toEqual(['object', '2 over']);
  });

  test('publishes, follows the Forward State and hears of the cancellation', async () => {
    const { client, relay, run } = await connected();
    const heard: string[] = [];
    const pending = client.publish(
      TRACK,
      { forward: true, description: {} },
      {
        updated: (forwarding) => heard.push(`forwarding ${String(forwarding)}`),
        ended: (reason) => heard.push(reason),
      },
    );
    await run();
    const { id } = relay.request('publish');
    relay.session.acceptPublish(id, { forward: false });
    await run();
    const answer = await pending;
    if (answer.kind !== 'published') throw new Error(answer.kind);
    expect(answer.publication.forwarding).toBe(false);
    relay.session.updateSubscription(id, { forward: true });
    await run();
    answer.publication.sendSingleObject(object(0, 0, 'a'), true);
    await run();
    expect(relay.of('object')).toHaveLength(1);
    relay.session.cancel(id);
    await run();
    expect(heard).toEqual(['forwarding true', 'cancelled by the peer']);
    answer.publication.sendSingleObject(object(1, 0, 'too late'), true);
    await run();
    expect(relay.of('object')).toHaveLength(1);
  });

  test('answers SUBSCRIBE, FETCH and TRACK_STATUS from its origin', async () => {
    const objects = [object(0, 0, 'a'), object(1, 0, 'b'), object(1, 1, 'c'), object(2, 0, 'd')];
    const { relay, run } = await connected(originOf(objects));
    relay.session.trackStatus(TRACK);
    relay.session.fetch({ kind: 'standalone', track: TRACK, start: at(1, 0), end: at(1, 0) });
    relay.session.fetch(
      { kind: 'standalone', track: TRACK, start: at(1, 0), end: at(1, 1) },
      { groupOrder: 'descending' },
    );
    const far = relay.session.fetch({ kind: 'standalone', track: TRACK, start: at(1, 1), end: at(9, 0) });
    const past = relay.session.fetch({ kind: 'standalone', track: TRACK, start: at(3, 0), end: at(9, 0) });
    await run();
    expect(relay.last('track-status-ok').description.largest).toEqual(at(2, 0));
    const fetched = relay.of('fetch-object').map(({ object: { location } }) => location);
    expect(fetched).toEqual([at(1, 0), at(1, 1), at(1, 0), at(1, 1), at(2, 0)]);
    expect(relay.of('fetch-ok').find(({ id }) => id === far)?.end).toEqual(at(2, 1));
    expect(relay.last('request-error')).toMatchObject({ id: past, refusal: { code: 0x11 } });
  });

  test('fetches a range, both ends included', async () => {
    const { client, relay, run } = await connected();
    const pending = client.fetch(TRACK, at(0, 0), at(4, 3), { timeoutMs: 1000, maxBytes: 100 });
    await run();
    const { id, end } = relay.request('fetch');
    expect(end).toEqual(at(4, 4));
    relay.session.acceptFetch(id, at(4, 1), false);
    relay.session.sendFetchObject(id, object(4, 0, 'x'));
    relay.session.endFetch(id);
    await run();
    expect(await pending).toEqual({ kind: 'complete', objects: [object(4, 0, 'x')], end: at(4, 0) });
  });

  test('gives a FETCH up that takes too long or too much', async () => {
    const { client, relay, run, clock } = await connected();
    const slow = client.fetch(TRACK, at(0, 0), at(4, 0), { timeoutMs: 1000, maxBytes: 100 });
    await run();
    await clock.pass(1000);
    await run();
    expect(await slow).toEqual({ kind: 'incomplete', objects: [] });
    expect(relay.of('request-cancelled')).toHaveLength(1);
    const large = client.fetch(TRACK, at(0, 0), at(4, 0), { timeoutMs: 1000, maxBytes: 3 });
    await run();
    const { id } = relay.request('fetch');
    relay.session.acceptFetch(id, at(4, 1), false);
    relay.session.sendFetchObject(id, object(1, 0, 'abc'));
    relay.session.sendFetchObject(id, object(2, 0, 'd'));
    await run();
    expect(await large).toEqual({ kind: 'incomplete', objects: [object(1, 0, 'abc')] });
  });

  test('tells everybody when the session is gone', async () => {
    const { client, relay, run } = await connected();
    let done = '';
    const accepted = client.subscribe(
      TRACK,
      {},
      { object: () => undefined, done: (_, reason) => (done = reason) },
    );
    await run();
    relay.session.acceptSubscribe(relay.request('subscribe').id, {});
    await run();
    await accepted;
    const pending = client.fetch(TRACK, at(0, 0), at(1, 0), { timeoutMs: 1000, maxBytes: 1 });
    relay.session.close(0, 'bye');
    await run();
    expect(await pending).toEqual({ kind: 'gone' });
    expect(await client.closed).toMatchObject({ code: 0, reason: 'bye', by: 'peer' });
    expect(done).toBe('bye');
    expect(await client.subscribe(TRACK, {}, { object: () => undefined, done: () => undefined })).toEqual({
      kind: 'gone',
    });
  });

  test('is refused with a code of refusals when the peer cancels what it has not answered', async () => {
    const { client, relay, run } = await connected();
    const pending = client.subscribe(TRACK, {}, { object: () => undefined, done: () => undefined });
    await run();
    relay.session.cancel(relay.request('subscribe').id);
    await run();
    expect(await pending).toMatchObject({
      kind: 'refused',
      refusal: { code: RequestErrorCode.INTERNAL_ERROR },
    });
  });

  test('leaves a transport on which no draft of ours was negotiated', async () => {
    const ends = linkedTransports();
    Object.defineProperty(ends.client, 'protocol', { value: 'moqt-99' });
    expect(await createMoqtClient(ends.client)).toEqual({
      kind: 'failed',
      reason: 'the relay speaks moqt-99',
    });
    expect(await ends.server.next(9)).toMatchObject([
      { kind: 'closed', code: SessionCode.VERSION_NEGOTIATION_FAILED },
    ]);
  });

  test('closes the session when a callback throws, and says so', async () => {
    const { client, relay, run, faults } = await connected();
    const accepted = client.subscribe(
      TRACK,
      {},
      {
        object: () => {
          throw new Error('ours');
        },
        done: () => undefined,
      },
    );
    await run();
    const { id } = relay.request('subscribe');
    relay.session.acceptSubscribe(id, {});
    await run();
    await accepted;
    relay.session.sendSingleObject(id, object(0, 0, 'x'), false);
    await run();
    expect(faults).toMatchObject([{ message: 'ours' }]);
    expect(await client.closed).toMatchObject({ code: 1, by: 'local' });
    expect(relay.last('closed')).toMatchObject({ code: 1, by: 'peer' });
  });
});

function originOf(objects: readonly MoqtObject[]): TrackOrigin {
  const callbacks: PublicationOwner = { ended: () => undefined };
  return {
    largest: () => objects.at(-1)?.location ?? null,
    fetch: (_, start, end) =>
      objects.filter(
        ({ location }) => compareLocations(location, start) >= 0 && compareLocations(location, end) <= 0,
      ),
    subscribed: () => callbacks,
  };
}
