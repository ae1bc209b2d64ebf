/** A session with a second relay that does what the test says, in virtual time. */
import { beforeEach, describe, expect, test } from 'vitest';
import { headNamespace, headTrack, type GroupName } from '../../../src/protocol/group/names.ts';
import { SecondRelay } from '../../../src/protocol/meeting/second-relay.ts';
import { RequestErrorCode } from '../../../src/protocol/moqt/codes.ts';
import type { RequestRefusal } from '../../../src/protocol/moqt/session-api.ts';
import { meetingCore } from '../../harness/meeting/core.ts';
import { CalledRelays } from './called-relays.ts';
import { GROUP, person } from './people.ts';

const [FIRST, SECOND] = ['https://a.example/meet', 'https://b.example/meet'] as const;
const FULL: RequestRefusal = { code: RequestErrorCode.INTERNAL_ERROR, reason: 'not now' };
const NO_PASS: RequestRefusal = { code: RequestErrorCode.UNAUTHORIZED, reason: 'no pass' };

/** The second relay's session, and both relays. */
class World extends CalledRelays {
  override readonly link: SecondRelay;

  constructor() {
    super(meetingCore());
    this.manners.set(SECOND, 'up');
    this.link = new SecondRelay(this.core, () => FIRST, {
      attached: (client) => this.log.push(client === undefined ? 'gone' : 'attached'),
      offered: () => this.log.push('offered'),
    });
  }

  enter(group: GroupName = GROUP): void {
    this.link.enter(0, group);
    this.settle();
  }

  /** How often the newest session was asked for heads. */
  get asked(): number {
    return this.last.peer.of('request').filter(({ request }) => request.kind === 'subscribe-tracks').length;
  }

  refuse(refusal: RequestRefusal): void {
    const { peer } = this.last;
    peer.session.reject(peer.request('subscribe-tracks').id, refusal);
    this.settle();
  }

  grant(): void {
    const { peer } = this.last;
    peer.session.acceptRequest(peer.request('subscribe-tracks').id);
    this.settle();
  }
}

let world: World;
beforeEach(() => {
  world = new World();
  world.enter();
});

describe('the heads of a second relay', () => {
  test('are asked for, and those that come are offered', () => {
    const { peer } = world.last;
    expect([world.last.relay, peer.request('subscribe-tracks').prefix]).toEqual([
      SECOND,
      headNamespace(GROUP),
    ]);
    world.grant();
    peer.session.publish(headTrack(GROUP, person(1).senderId, new Uint8Array(22)), {
      forward: false,
      description: {},
    });
    world.settle();
    expect(world.log).toEqual([`call ${SECOND}`, 'attached', 'offered']);
  });

  test('are asked for again a second after they were refused, over the same session', () => {
    world.refuse(FULL);
    world.pass(999);
    expect([world.asked, world.log]).toEqual([1, [`call ${SECOND}`]]);
    world.pass(1);
    world.settle();
    expect(world.asked).toBe(2);
    world.refuse(FULL);
    world.pass(1_000);
    world.settle();
    world.grant();
    expect([world.asked, world.calls.length, world.log.at(-1)]).toEqual([3, 1, 'attached']);
    // Once it has been asked for and granted there is nothing more to ask.
    world.pass(60_000);
    expect(world.asked).toBe(3);
  });

  test('are asked for over another session where we are not let in, and one that lets us in counts as any other', () => {
    world.refuse(NO_PASS);
    world.pass(10_000);
    world.settle();
    expect([world.calls.length, world.asked]).toEqual([2, 1]);
    world.grant();
    // It held: the next call comes as soon as after any session that held.
    world.pass(5_000);
    world.lose('down');
    const lostAt = world.core.tasks.now;
    world.pass(300);
    expect(world.log.slice(-2)).toEqual(['gone', `call ${SECOND}`]);
    expect((world.calls.at(-1)?.at ?? Infinity) - lostAt).toBeLessThanOrEqual(250);
  });

  test('are asked for of the group that one is in, over a new session', () => {
    world.grant();
    const other = new Uint8Array(16).fill(8) as GroupName;
    world.enter(other);
    expect([world.calls.length, world.last.peer.request('subscribe-tracks').prefix]).toEqual([
      2,
      headNamespace(other),
    ]);
  });

  test('are asked for no more when the session is gone', () => {
    world.refuse(FULL);
    const { peer } = world.last;
    world.manners.clear();
    world.lose('down');
    world.pass(10_000);
    expect(peer.of('request').length).toBe(1);
  });
});
