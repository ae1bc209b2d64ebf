import { beforeEach, describe, expect, test } from 'vitest';
import type { ConnectionId } from '../../../src/protocol/meeting/effects.ts';
import { RelayLink } from '../../../src/protocol/meeting/relay-link.ts';
import type { MoqtClient, PublishOffer } from '../../../src/protocol/moqt/client/client-api.ts';
import { SessionCode } from '../../../src/protocol/moqt/codes.ts';
import { CROWDED_REASONS } from '../../../src/protocol/moqt/crowded.ts';
import { DEFAULT_LIMITS } from '../../../src/protocol/moqt/limits.ts';
import { millis } from '../../../src/protocol/units.ts';
import { meetingCore } from '../../harness/meeting/core.ts';
import { namespace, track } from '../../harness/moqt/names.ts';
import { CalledRelays, ESTABLISHED } from './called-relays.ts';

const NO_ORIGIN = {
  fetch: () => undefined,
  largest: () => undefined,
  subscribed: () => ({ ended: () => undefined }),
};

/** The link, and relays that it calls. */
class World extends CalledRelays {
  client: MoqtClient | undefined;
  override readonly link: RelayLink;

  constructor(random: number) {
    const relays = ['a', 'b'].map((url) => ({ url, pass: false }));
    super(meetingCore({ relays, random: (length) => new Uint8Array(length).fill(random) }));
    this.link = new RelayLink(this.core, {
      origin: NO_ORIGIN,
      connected: (client) => {
        this.client = client;
        this.log.push(`connected ${this.connections.at(-1)?.relay ?? ''}`);
      },
      lost: () => this.log.push('lost'),
    });
  }

  start(): void {
    this.link.start();
    this.settle();
  }
}

let world: World;
beforeEach(() => {
  // The longest wait that chance may give.
  world = new World(0xff);
});

const waits = ({ calls }: World): number[] =>
  calls.slice(1).map(({ at }, index) => Math.round(at - (calls[index]?.at ?? 0)));

describe('the link to a relay', () => {
  test('tries relays in order, with waits that double up to 8 s', () => {
    world.start();
    world.pass(60_000);
    expect(world.calls.slice(0, 4).map(({ relay }) => relay)).toEqual(['a', 'b', 'a', 'b']);
    expect(waits(world).slice(0, 7)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
    expect(world.log).not.toContain('lost');
  });

  test('waits half as long at least, by chance, so that members do not come back as one herd', () => {
    const lucky = new World(0);
    lucky.start();
    lucky.pass(60_000);
    expect(waits(lucky).slice(0, 7)).toEqual([250, 500, 1_000, 2_000, 4_000, 4_000, 4_000]);
  });

  test('takes the second where the first is dead, and says what it does', () => {
    const { link, manners } = world;
    manners.set('b', 'up');
    expect(link.view).toEqual({ kind: 'connecting', relay: 'a', attempt: 1, refused: false });
    world.start();
    expect([link.view, world.core.takeChanged()]).toEqual([
      { kind: 'connecting', relay: 'b', attempt: 2, refused: false },
      true,
    ]);
    expect([link.client, link.connection, link.connectedSince]).toEqual([undefined, undefined, undefined]);
    world.pass(1_000);
    expect(world.log).toEqual(['call a', 'call b', 'connected b']);
    expect([link.view, world.core.takeChanged()]).toEqual([{ kind: 'connected', relay: 'b' }, true]);
    expect([link.client === world.client, link.connection]).toEqual([true, world.last.id]);
    expect(link.connectedSince).toBe(world.calls[1]?.at);
  });

  test('says who calls, and gives its client out once the relay has answered', () => {
    world.manners.set('a', 'mute').set('b', 'up');
    world.start();
    const { link } = world;
    expect([link.client, link.connection, link.connectedSince]).toEqual([undefined, undefined, undefined]);
    world.pass(DEFAULT_LIMITS.setupTimeout + 500);
    expect(world.last.peer.last('ready').peerImplementation).toBe('conclave');
    expect(link.client).toBe(world.client);
  });

  test('takes answers to its newest call only', () => {
    world.manners.set('a', 'slow').set('b', 'slow');
    world.start();
    const [first] = world.calls;
    if (first === undefined) throw new Error('nobody was called');
    world.link.failed((Number(first.id) + 7) as ConnectionId);
    expect(world.link.view).toEqual({ kind: 'connecting', relay: 'a', attempt: 1, refused: false });
    world.link.failed(first.id);
    world.pass(500);
    const second = world.calls[1];
    if (second === undefined) throw new Error('only one was called');
    expect(second.id).not.toBe(first.id);
    world.link.established(first.id, ESTABLISHED);
    world.settle();
    expect(world.strays).toEqual([{ kind: 'close', code: SessionCode.NO_ERROR, reason: 'done' }]);
    expect(world.link.view).toEqual({ kind: 'connecting', relay: 'b', attempt: 2, refused: false });
    world.accept(second.id, 'b');
    world.settle();
    expect(world.link.view).toEqual({ kind: 'connected', relay: 'b' });
    world.link.failed(second.id);
    world.settle();
    expect(world.link.view).toEqual({ kind: 'connected', relay: 'b' });
  });

  test('does not call before its time', () => {
    world.start();
    const deadline = world.link.deadline() ?? millis(0);
    world.link.expire(millis(deadline - 1));
    expect(world.calls).toHaveLength(1);
    world.link.expire(deadline);
    expect(world.core.poll()).toMatchObject({ kind: 'connect', relay: 'b' });
  });

  test('carries requests and answers', () => {
    world.manners.set('a', 'up');
    world.start();
    const outcome = world.client?.publishNamespace(namespace('room'));
    world.settle();
    const { peer } = world.last;
    peer.session.acceptRequest(peer.request('publish-namespace').id);
    world.settle();
    expect(outcome?.settled?.value.kind).toBe('published');
  });

  test('tells who accepts an offer that the relay has taken back', () => {
    world.manners.set('a', 'up');
    world.start();
    const offers: PublishOffer[] = [];
    world.client?.subscribeTracks(namespace('room'), { forward: false }, (offer) => offers.push(offer));
    world.settle();
    const { peer } = world.last;
    peer.session.acceptRequest(peer.request('subscribe-tracks').id);
    const id = peer.session.publish(track('room', 'media'), { forward: true, description: {} });
    world.settle();
    peer.session.cancel(id);
    world.settle();
    const told: string[] = [];
    offers[0]?.accept({}, { object: () => told.push('object'), done: () => told.push('done') });
    world.settle();
    expect(told).toEqual(['done']);
  });

  test('comes back soon to a relay whose session held', () => {
    world.manners.set('a', 'up');
    world.start();
    world.pass(10_000);
    world.lose('restart');
    expect(world.link.client).toBeUndefined();
    world.pass(250);
    expect(world.log).toEqual(['call a', 'connected a', 'lost', 'call a', 'connected a']);
  });

  test('does not call a relay in a loop that takes sessions and drops them', () => {
    world.manners.set('a', 'up').set('b', 'up');
    world.start();
    for (let tenth = 0; tenth < 300; tenth += 1) {
      world.pass(100);
      world.lose('refused');
    }
    expect(world.calls.length).toBeLessThan(10);
    expect(new Set(world.calls.map(({ relay }) => relay)).size).toBe(2);
  });

  test('comes back to the first relay when that can be reached again, and loses nothing before', () => {
    world.manners.set('b', 'up');
    world.start();
    world.pass(40_000);
    expect(world.log).toEqual(['call a', 'call b', 'connected b', 'call a']);
    world.manners.set('a', 'up');
    world.pass(30_000);
    expect(world.log.slice(4)).toEqual(['call a', 'lost', 'connected a']);
    expect(world.connections[0]?.peer.last('closed')).toMatchObject({ reason: 'back to the first relay' });
    world.pass(200_000);
    expect(world.calls.length).toBe(4);
    // It has held: should it go, it is looked for as soon as at first.
    world.manners.delete('a');
    world.lose('gone');
    world.pass(17_000);
    expect(world.log.slice(-3)).toEqual(['call b', 'connected b', 'call a']);
  });

  test.each<'foreign' | 'mute'>(['foreign', 'mute'])(
    'looks ever less often for a first relay that is of no use: %s',
    (manner) => {
      world.manners.set('a', manner).set('b', 'up');
      world.start();
      world.pass(1_200_000);
      const looks = world.calls.filter(({ relay }) => relay === 'a').map(({ at }) => at);
      const gaps = looks.slice(1).map((at, index) => at - (looks[index] ?? 0));
      expect(gaps.length).toBeLessThan(8);
      expect(gaps.slice(1)).toEqual([...gaps.slice(1)].sort((x, y) => x - y));
      expect(gaps.at(-1)).toBeGreaterThan(200_000);
    },
  );

  test('goes to the next relay when one is going away', () => {
    world.manners.set('a', 'up').set('b', 'up');
    world.start();
    world.pass(10_000);
    const first = world.last.peer;
    first.session.goaway('', millis(0));
    world.settle();
    expect(first.last('closed')).toMatchObject({ by: 'peer', code: 0, reason: 'going away' });
    world.pass(250);
    expect(world.log).toEqual(['call a', 'connected a', 'lost', 'call b', 'connected b']);
  });

  test('goes to the next relay when one does not let us in, and says so until one does', () => {
    world.manners.set('a', 'up').set('b', 'up');
    world.start();
    world.pass(10_000);
    world.link.answered(false);
    world.settle();
    expect(world.link.view).toEqual({ kind: 'connecting', relay: 'b', attempt: 2, refused: true });
    world.pass(500);
    expect(world.log).toEqual(['call a', 'connected a', 'lost', 'call b', 'connected b']);
    world.link.answered(true);
    world.pass(10_000);
    world.lose('gone');
    expect(world.link.view).toEqual({ kind: 'connecting', relay: 'b', attempt: 1, refused: false });
  });

  test('takes a relay that closes the session as unauthorized for one that does not let us in', () => {
    world.manners.set('a', 'up').set('b', 'up');
    world.start();
    world.pass(10_000);
    world.last.peer.session.close(SessionCode.UNAUTHORIZED, 'who are you');
    world.settle();
    expect(world.link.view).toEqual({ kind: 'connecting', relay: 'b', attempt: 2, refused: true });
  });

  test.each(['relay', 'address'] as const)('says that a relay has no room: %s', (crowded) => {
    world.manners.set('a', 'up').set('b', 'up');
    world.start();
    world.last.peer.session.close(SessionCode.INTERNAL_ERROR, CROWDED_REASONS[crowded]);
    world.settle();
    expect(world.link.view).toMatchObject({ kind: 'connecting', relay: 'b', refused: false, crowded });
    world.pass(500);
    expect(world.link.view).toEqual({ kind: 'connected', relay: 'b' });
    world.last.peer.session.close(SessionCode.INTERNAL_ERROR, 'something else');
    world.settle();
    expect(world.link.view).toMatchObject({ kind: 'connecting', crowded: undefined });
  });

  test('goes to the next relay when one says nothing or speaks another protocol', () => {
    world.manners.set('a', 'mute').set('b', 'foreign');
    world.start();
    expect(world.link.view).toEqual({ kind: 'connecting', relay: 'a', attempt: 1, refused: false });
    world.pass(DEFAULT_LIMITS.setupTimeout + 500);
    expect(world.log).toEqual(['call a', 'call b']);
    expect(world.strays).toEqual([
      { kind: 'close', code: SessionCode.VERSION_NEGOTIATION_FAILED, reason: 'no common protocol' },
    ]);
    expect(world.link.view).toEqual({ kind: 'connecting', relay: 'a', attempt: 3, refused: false });
  });

  test('begins anew at once, whatever it is doing, once this machine was asleep', () => {
    // Nothing to renew before it starts.
    world.link.renew();
    expect(world.calls).toEqual([]);
    world.manners.set('a', 'up');
    world.start();
    world.pass(10_000);
    world.link.renew();
    world.settle();
    expect(world.connections[0]?.peer.last('closed')).toMatchObject({ by: 'peer', reason: 'begins anew' });
    expect(world.log).toEqual(['call a', 'connected a', 'lost', 'call a', 'connected a']);
    // While it waits for its next try.
    world.manners.clear();
    world.pass(10_000);
    world.lose('restart');
    world.pass(5_000);
    const { length } = world.calls;
    world.manners.set('a', 'slow').set('b', 'slow');
    world.link.renew();
    world.settle();
    expect(world.calls.length).toBe(length + 1);
    expect(world.link.view).toMatchObject({ attempt: 1 });
    // While a call is under way: what comes of it is not taken.
    const asked = world.calls.at(-1)!;
    world.link.renew();
    world.settle();
    world.accept(asked.id, asked.relay);
    world.settle();
    expect(world.last.peer.last('closed')).toMatchObject({ by: 'peer', reason: 'done' });
    expect(world.link.client).toBeUndefined();
    world.link.stop();
    world.link.renew();
    expect(world.calls.length).toBe(length + 2);
  });

  test('hears nothing of a connection that is over', () => {
    world.manners.set('a', 'up');
    world.start();
    world.pass(10_000);
    const over = world.last.id;
    world.lose('restart');
    world.pass(250);
    world.link.transport(over, { kind: 'closed', code: 0, reason: 'late', by: 'transport' });
    world.link.failed(over);
    world.settle();
    expect(world.link.view).toEqual({ kind: 'connected', relay: 'a' });
  });

  test('that was stopped does nothing more, and closes what comes late', () => {
    world.manners.set('a', 'slow');
    world.start();
    world.link.stop();
    const [call] = world.calls;
    if (call === undefined) throw new Error('nobody was called');
    world.link.established(call.id, ESTABLISHED);
    world.settle();
    world.pass(60_000);
    expect(world.log).toEqual(['call a']);
    expect(world.strays).toEqual([{ kind: 'close', code: 0, reason: 'done' }]);
  });

  test('that was stopped closes its session, and comes back to none', () => {
    world.manners.set('a', 'up');
    world.start();
    world.link.stop();
    world.settle();
    world.pass(60_000);
    expect(world.last.peer.last('closed')).toMatchObject({ by: 'peer', code: 0, reason: 'done' });
    expect([world.calls.length, world.link.client, world.link.deadline()]).toEqual([1, undefined, undefined]);
  });
});
