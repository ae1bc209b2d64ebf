import { describe, expect, test } from 'vitest';
import { draft18 } from '../../../src/protocol/moqt/draft18/draft18.ts';
import { SessionCode } from '../../../src/protocol/moqt/codes.ts';
import { Session } from '../../../src/protocol/moqt/session.ts';
import type { RelayLimits } from '../../../src/protocol/relay/limits.ts';
import { RelayNode, type Admission, type RelayEffect } from '../../../src/protocol/relay/relay-node.ts';
import { millis } from '../../../src/protocol/units.ts';
import { openAccess } from '../../../src/protocol/relay/policy.ts';
import { meetingTracks } from '../../../src/services/relay/meeting-tracks.ts';
import { Peer } from '../../harness/moqt/session-pair.ts';
import { namespace, object, track } from '../../harness/moqt/names.ts';
import type { RequestId } from '../../../src/protocol/moqt/model.ts';
import { unchunked, Wire } from '../../harness/moqt/wire.ts';

const TOKEN = { type: 7n, value: new Uint8Array([1, 2, 3]) };
const ADMITTED = { kind: 'admitted', expiresIn: millis(60_000) } as const;

/** A relay machine with real client sessions, whose bytes travel when the test says so. */
class Relayed {
  readonly node: RelayNode;
  readonly effects: RelayEffect[] = [];
  readonly #links = new Map<number, { client: Peer; wire: Wire }>();
  /** Connections on which what the client says arrives. */
  readonly #open = new Set<number>();
  #now = 0;

  constructor(limits: Partial<RelayLimits> = {}, asksForAdmission = false) {
    this.node = new RelayNode({ ...meetingTracks, ...openAccess }, limits, { asksForAdmission });
  }

  /** Whoever decides has decided. */
  decide(connection: number, admission: Admission): void {
    this.node.handle({ kind: 'admission', connection, admission }, millis(this.#now));
    this.run();
  }

  /** The transport session is accepted; nothing of the client's SETUP has arrived. */
  accept(connection: number, queuedBytes = () => 0): Peer {
    const now = millis(this.#now);
    const client = new Peer(
      new Session({
        role: 'client',
        draft: draft18,
        transport: 'quic',
        path: '/',
        authority: 'r.test',
        tokens: [TOKEN],
        now,
      }),
    );
    const wire = new Wire((to, event) => {
      if (to === 'a') client.session.handle(event, millis(this.#now));
      else this.node.handle({ kind: 'transport', connection, event }, millis(this.#now));
    }, unchunked);
    this.#links.set(connection, { client, wire });
    this.node.handle(
      { kind: 'accepted', connection, draft: draft18, transport: 'quic', path: '/', queuedBytes },
      now,
    );
    return client;
  }

  /** From now on what a client says reaches the relay. */
  hear(connection: number): void {
    this.#open.add(connection);
    this.#fromClient(connection);
    this.run();
  }

  #fromClient(connection: number): void {
    const link = this.#links.get(connection);
    if (link === undefined) throw new Error('no such connection');
    const { client, wire } = link;
    for (let effect = client.session.poll(); effect !== undefined; effect = client.session.poll()) {
      if (effect.kind === 'event') client.events.push(effect.event);
      else wire.apply('a', effect.command);
    }
  }

  /** Carries out what the relay wants; its clients hear it and answer. */
  run(): void {
    for (let effect = this.node.poll(); effect !== undefined; effect = this.node.poll()) {
      this.effects.push(effect);
      if (effect.kind === 'transport') this.#links.get(effect.connection)?.wire.apply('b', effect.command);
    }
    for (const connection of this.#open) this.#fromClient(connection);
  }

  drain(timeout: number): void {
    this.node.handle({ kind: 'drain', timeout: millis(timeout) }, millis(this.#now));
    this.run();
  }

  pass(duration: number): void {
    this.#now += duration;
    this.node.expire(millis(this.#now));
    this.run();
  }
}

describe('closing', () => {
  test('a session whose SETUP was under way is asked to leave like all others', () => {
    const relayed = new Relayed();
    const [early, late] = [relayed.accept(1), relayed.accept(2)];
    relayed.hear(1);
    relayed.drain(3_000);
    expect(early.last('goaway')).toMatchObject({ uri: '', timeout: 3_000 });
    relayed.pass(1_000);
    relayed.hear(2);
    expect(late.last('goaway')).toMatchObject({ uri: '', timeout: 2_000 });
    relayed.pass(2_000);
    for (const client of [early, late])
      expect(client.last('closed')).toMatchObject({ code: SessionCode.NO_ERROR, by: 'peer' });
  });

  test('nobody new is taken in', () => {
    const relayed = new Relayed();
    expect(relayed.node.full).toBe(false);
    relayed.drain(3_000);
    expect(relayed.node.full).toBe(true);
  });
});

describe('the number of sessions', () => {
  test('counts those that have said no SETUP yet, which else were without bound', () => {
    const relayed = new Relayed({ sessions: 2 });
    relayed.accept(1);
    expect(relayed.node.full).toBe(false);
    relayed.accept(2);
    expect(relayed.node.full).toBe(true);
    relayed.node.handle({ kind: 'gone', connection: 1 }, millis(0));
    expect(relayed.node.full).toBe(false);
  });
});

describe('a relay that is told who may connect', () => {
  function waiting(): { relayed: Relayed; client: Peer; id: RequestId } {
    const relayed = new Relayed({}, true);
    const client = relayed.accept(1);
    const id = client.session.publishNamespace(namespace('room'));
    relayed.hear(1);
    return { relayed, client, id };
  }

  test('asks once, by what SETUP showed, and answers nothing before it is told', () => {
    const { relayed, client } = waiting();
    expect(relayed.effects.filter(({ kind }) => kind === 'admit')).toEqual([
      { kind: 'admit', connection: 1, tokens: [TOKEN] },
    ]);
    expect(client.of('request-ok')).toEqual([]);
    expect(relayed.node.statistics()).toMatchObject({ sessions: 0, requests: 0 });
    relayed.decide(1, ADMITTED);
    expect(client.of('request-ok')).toHaveLength(1);
    expect(relayed.node.statistics()).toMatchObject({ sessions: 1, requests: 1 });
    relayed.decide(1, { kind: 'refused', code: SessionCode.UNAUTHORIZED, reason: 'too late' });
    expect(client.of('closed')).toEqual([]);
  });

  test('closes a session that is refused, with the code that it is told', () => {
    const { relayed, client } = waiting();
    relayed.decide(1, { kind: 'refused', code: SessionCode.UNAUTHORIZED, reason: 'not you' });
    expect(client.last('closed')).toMatchObject({
      by: 'peer',
      code: SessionCode.UNAUTHORIZED,
      reason: 'not you',
    });
    expect(relayed.node.statistics()).toMatchObject({ sessions: 0, requests: 0 });
  });

  test('closes a session when its admission has expired, and does nothing more about it', () => {
    const { relayed, client } = waiting();
    relayed.decide(1, ADMITTED);
    relayed.pass(59_999);
    expect(client.of('closed')).toEqual([]);
    relayed.pass(1);
    expect(client.last('closed')).toMatchObject({ code: SessionCode.EXPIRED_AUTH_TOKEN });
    expect(relayed.node.deadline() ?? Infinity).toBeGreaterThan(60_000);
    expect(relayed.node.statistics().sessions).toBe(0);
  });

  test('takes nobody in who has gone meanwhile', () => {
    const { relayed, client } = waiting();
    client.session.close(SessionCode.NO_ERROR, 'bye');
    relayed.run();
    relayed.decide(1, ADMITTED);
    relayed.node.handle({ kind: 'gone', connection: 1 }, millis(0));
    relayed.decide(1, ADMITTED);
    expect(relayed.node.statistics().sessions).toBe(0);
  });
});

test('a fault in what is sent to one session keeps nothing from the others', () => {
  const relayed = new Relayed();
  let fails = false;
  const broken = (): number => {
    if (fails) throw new Error('its transport is broken');
    return 0;
  };
  const [alice, bob, carol] = [relayed.accept(1), relayed.accept(2, broken), relayed.accept(3)];
  for (const connection of [1, 2, 3]) relayed.hear(connection);
  const published = alice.session.publish(track('room/x', 'a'), { forward: true, description: {} });
  relayed.hear(1);
  const subscriptions = [bob, carol].map(({ session }) => session.subscribe(track('room/x', 'a'), {}));
  for (const connection of [2, 3]) relayed.hear(connection);
  fails = true;
  alice.session.sendSingleObject(published, object(0, 0, 'a'), false);
  relayed.hear(1);
  expect(carol.of('object').map(({ id }) => id)).toEqual([subscriptions[1]]);
  expect(relayed.effects.flatMap((effect) => (effect.kind === 'fault' ? [effect.connection] : []))).toEqual([
    2,
  ]);
  expect(relayed.node.statistics().sessions).toBe(2);
});
