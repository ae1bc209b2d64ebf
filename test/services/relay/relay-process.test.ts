import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AsyncClient } from '../../harness/moqt/async-client.ts';
import type { Publication } from '../../../src/protocol/moqt/client/client-api.ts';
import { systemClock } from '../../../src/io/clock.ts';
import { DrivenSession } from '../../harness/moqt/driven-session.ts';
import { quic } from '../../../src/io/quic/addon.ts';
import { connectMoqt } from '../../harness/moqt/async-client.ts';
import { draft18 } from '../../../src/protocol/moqt/draft18/draft18.ts';
import type { FullTrackName, MoqtObject } from '../../../src/protocol/moqt/model.ts';
import type { SessionEvent } from '../../../src/protocol/moqt/session-api.ts';
import { Session } from '../../../src/protocol/moqt/session.ts';
import type { TransportSession } from '../../../src/protocol/moqt/transport.ts';
import { millis } from '../../../src/protocol/units.ts';
import { at, namespace, object, track } from '../../harness/moqt/names.ts';
import { nodeGroupCrypto } from '../../../src/main/mls/node-group-crypto.ts';
import { groupNameOf, groupNamespace } from '../../../src/protocol/group/names.ts';
import { makeRelayPass, RELAY_PASS_TYPE } from '../../../src/protocol/group/relay-pass.ts';
import type { RoomKey } from '../../../src/protocol/group/room-keys.ts';
import { RequestErrorCode } from '../../../src/protocol/moqt/codes.ts';
import type { AuthorizationToken } from '../../../src/protocol/moqt/session-api.ts';
import { runRelayCommand, startRelayProcess, until } from '../../harness/relay/relay-process.ts';
import type { RelayProcess } from '../../harness/relay/relay-process.ts';

const MIB = 1 << 20;

async function publish(client: AsyncClient, name: FullTrackName): Promise<Publication> {
  const outcome = await client.publish(name, { forward: true, description: {} }, { ended: () => undefined });
  if (outcome.kind !== 'published') throw new Error(outcome.kind);
  return outcome.publication;
}

async function subscribe(client: AsyncClient, name: FullTrackName): Promise<MoqtObject[]> {
  const objects: MoqtObject[] = [];
  const outcome = await client.subscribe(
    name,
    {},
    {
      object: (received) => objects.push(received),
      done: () => undefined,
    },
  );
  if (outcome.kind !== 'subscribed') throw new Error(outcome.kind);
  return objects;
}

describe('conclave-relay', () => {
  let relay: RelayProcess;
  beforeAll(async () => {
    relay = await startRelayProcess('--open');
  });
  afterAll(async () => {
    await relay.stop();
  });

  test('joins clients on WebTransport and on QUIC, each publishing to all others', async () => {
    const clients = await Promise.all(
      (['https', 'moqt', 'https', 'moqt'] as const).map((scheme) => relay.connect(scheme)),
    );
    const names = clients.map((_, index) => track(`room1/media/member${String(index)}`, 'o'));
    const publications = await Promise.all(
      clients.map((client, index) => publish(client, names[index] ?? track('none', 'o'))),
    );
    const received = await Promise.all(
      clients
        .flatMap((client, index) =>
          names.flatMap((name, from) => (from === index ? [] : [{ from, objects: subscribe(client, name) }])),
        )
        .map(async ({ from, objects }) => ({ from, objects: await objects })),
    );
    const properties = Uint8Array.of(0x0b, 3, 0x02, 0x80, 0x07);
    for (let group = 0; group < 20; group += 1) {
      publications.forEach((publication, index) => {
        publication.sendSingleObject(
          object(group, 0, `from ${String(index)}`, { properties, priority: 20 }),
          true,
        );
      });
    }
    await until('all objects are there', () => received.every(({ objects }) => objects.length === 20));
    for (const { from, objects } of received) {
      const sorted = [...objects].sort((a, b) => Number(a.location.group - b.location.group));
      expect(sorted).toEqual(
        Array.from({ length: 20 }, (_, group) =>
          object(group, 0, `from ${String(from)}`, { properties, priority: 20 }),
        ),
      );
    }
    for (const client of clients) client.close(0, 'done');
  });

  test('hands a late joiner what an MLS track held, though its publisher has left', async () => {
    const alice = await relay.connect('https');
    const name = track('room2/keypackages', 'alice');
    const publication = await publish(alice, name);
    publication.sendSingleObject(object(0, 0, 'key package'), false);
    const watcher = await relay.connect('moqt');
    await until('the relay has it', async () => (await relay.metric('kept_bytes')) > 0);
    alice.close(0, 'bye');
    await alice.closed;
    const offered: FullTrackName[] = [];
    await watcher.subscribeTracks(namespace('room2'), { forward: false }, (offer) => {
      offered.push(offer.track);
      offer.reject({ code: 0x20, reason: 'seen' });
    });
    const fetched = await watcher.fetch(name, at(0, 0), at(0, 0), { timeoutMs: 5_000, maxBytes: MIB });
    expect(fetched).toMatchObject({ kind: 'complete', objects: [object(0, 0, 'key package')] });
    await until('it is offered', () => offered.length > 0);
    expect(offered).toEqual([name]);
    watcher.close(0, 'done');
  });

  test('lets one publisher of commits keep nothing of another from anybody', async () => {
    const [alice, mallory, bob] = [
      await relay.connect('moqt'),
      await relay.connect('https'),
      await relay.connect('moqt'),
    ];
    const name = track('room8', 'commits');
    const [honest, hostile] = [await publish(alice, name), await publish(mallory, name)];
    const received = await subscribe(bob, name);
    const junk = object(0, 0, 'junk', { subgroup: 1, priority: 9 });
    hostile.sendSingleObject(junk, true);
    hostile.sendSingleObject(
      { ...object(0, 9, '', { subgroup: 9 }), content: { kind: 'status', status: 'end-of-track' } },
      false,
    );
    await until('the relay has handed it on', () => received.length > 0);
    await until(
      'the relay has ignored the rest',
      async () => (await relay.metric('objects_ignored_total')) > 0,
    );
    const commits = [object(0, 1, 'Commit', { subgroup: 1 }), object(1, 0, 'Commit')];
    for (const commit of commits) honest.sendSingleObject(commit, false);
    await until('both are there', () => received.length === 3);
    expect(received.slice(1).sort((a, b) => Number(a.location.group - b.location.group))).toEqual(commits);
    const late = await relay.connect('https');
    const fetched = await late.fetch(name, at(0, 0), at(1, 0), { timeoutMs: 5_000, maxBytes: MIB });
    expect(fetched).toMatchObject({ kind: 'complete', objects: [junk, ...commits] });
    for (const client of [alice, mallory, bob, late]) client.close(0, 'done');
  });

  test('serves health and Prometheus metrics, and logs no names and no payload', async () => {
    const base = new URL(relay.metricsUrl);
    const health = await fetch(new URL('/healthz', base));
    expect([health.status, await health.text()]).toEqual([200, 'ok\n']);
    const page = await (await fetch(base)).text();
    expect(page).toMatch(/^# TYPE conclave_relay_sessions gauge\nconclave_relay_sessions \d+$/m);
    expect(page).not.toContain('NaN');
    expect((await fetch(new URL('/other', base))).status).toBe(404);
    expect((await fetch(base, { method: 'POST' })).status).toBe(405);
    for (const line of relay.log) {
      expect(() => JSON.parse(line) as unknown).not.toThrow();
      expect(line).not.toMatch(/room\d|key package|726f6f6d/);
    }
    expect(await relay.metric('faults_total')).toBe(0);
  });

  test('reads its certificate again on SIGHUP without touching sessions', async () => {
    const client = await relay.connect('moqt');
    relay.process.kill('SIGHUP');
    await until('it says so', () => relay.log.some((line) => line.includes('certificate-reloaded')));
    await publish(client, track('room3/media/a', 'o'));
    const next = await relay.connect('https');
    client.close(0, 'done');
    next.close(0, 'done');
  });
});

test('an address has so many sessions, whatever it does; others come in and go on', async () => {
  const relay = await startRelayProcess('--open', '--listen', '[::]:0', '--sessions-per-address', '2');
  try {
    const trust = { kind: 'ca', pem: relay.caPem } as const;
    const from = async (host: string, scheme = 'https'): Promise<AsyncClient | undefined> => {
      const outcome = await connectMoqt({ url: `${scheme}://${host}:${String(relay.port)}/`, trust });
      return outcome.kind === 'failed' ? undefined : outcome.client;
    };
    const alice = await from('[::1]');
    if (alice === undefined) throw new Error('no session');
    const first = await from('127.0.0.1', 'moqt');
    const second = await from('127.0.0.1');
    expect([first, second]).not.toContain(undefined);
    const refused = await relay.metric('sessions_refused_total');
    for (const scheme of ['https', 'moqt']) expect(await from('127.0.0.1', scheme)).toBeUndefined();
    expect(await relay.metric('sessions_refused_total')).toBe(refused + 2);
    // Another address has its own.
    const name = track('room/media/a', 'o');
    const publication = await publish(alice, name);
    const bob = await from('[::1]');
    if (bob === undefined) throw new Error('no session');
    const objects = await subscribe(bob, name);
    publication.sendSingleObject(object(0, 0, 'hello'), true);
    await until('the object is there', () => objects.length === 1);
    // Whoever leaves makes room.
    first?.close(0, 'left');
    await until('there is room', async () => (await from('127.0.0.1')) !== undefined);
  } finally {
    await relay.stop();
  }
});

test('SIGTERM asks sessions to leave, takes nobody in, and ends when they have left', async () => {
  const relay = await startRelayProcess('--open', '--drain-timeout', '20');
  try {
    const client = await relay.connect('https');
    const asked = new Promise<string>((resolve) => {
      client.onGoaway(resolve);
    });
    relay.process.kill('SIGTERM');
    expect(await asked).toBe('');
    const health = await fetch(new URL('/healthz', relay.metricsUrl));
    expect(health.status).toBe(503);
    client.close(0, 'left');
    expect(await relay.ended).toBe(0);
  } finally {
    await relay.stop();
  }
});

test('a publisher that floods and a subscriber that never reads do not fill the memory', async () => {
  const relay = await startRelayProcess('--open');
  try {
    const stalled = await stalledSubscriber(relay, track('room/media/flood', 'o'));
    const alice = await relay.connect('moqt');
    const bob = await relay.connect('https');
    const publication = await publish(alice, track('room/media/flood', 'o'));
    await stalled.subscribed;
    const objects = await subscribe(bob, track('room/media/flood', 'o'));
    await stalled.stall();
    const before = residentBytes(relay);
    const payload = new Uint8Array(20_000);
    for (let group = 0; group < 6_000; group += 1) {
      publication.sendSingleObject(object(group, 0, payload), true);
      // Lets the client hand it to the transport, and waits while that has enough.
      do await new Promise((resolve) => setImmediate(resolve));
      while (alice.queuedBytes() > MIB);
    }
    await until('it has all', async () => (await relay.metric('objects_received_total')) === 6_000);
    expect(await relay.metric('backlog_bytes')).toBeLessThanOrEqual(2 * MIB);
    expect(await relay.metric('groups_dropped_total')).toBeGreaterThan(1_000);
    expect(residentBytes(relay) - before).toBeLessThan(160 * MIB);
    await until('the newest is there', () => objects.some(({ location }) => location.group === 5_999n));
    for (const client of [alice, bob]) client.close(0, 'done');
    stalled.close();
  } finally {
    await relay.stop();
  }
});

test('a relay lets those in who have a pass of the meeting for it, and nobody else', async () => {
  const relay = await startRelayProcess();
  try {
    const signer = nodeGroupCrypto.ed25519Signer(new Uint8Array(32).fill(5));
    const [group] = groupNamespace(groupNameOf(signer.publicKey as RoomKey, 0, nodeGroupCrypto));
    if (group === undefined) throw new Error('a group has a name');
    const pass = (authority: string): AuthorizationToken => ({
      type: RELAY_PASS_TYPE,
      value: makeRelayPass(signer, 0, authority, nodeGroupCrypto),
    });
    for (const scheme of ['moqt', 'https'] as const) {
      const refused = { kind: 'refused', refusal: { code: RequestErrorCode.UNAUTHORIZED } };
      const own = [...namespace(scheme)];
      // The certificate names both: which of them the client uses is its own affair.
      for (const host of ['localhost', '127.0.0.1']) {
        const member = await relay.connect(scheme, undefined, [pass(`${host}:${String(relay.port)}`)]);
        expect(await member.publishNamespace([group, ...own])).toMatchObject({ kind: 'published' });
        expect(await member.publishNamespace(own)).toMatchObject(refused);
        member.close(0, 'done');
      }
      for (const shown of [[], [pass(`localhost:${String(relay.port + 1)}`)], [pass('relay.example:443')]]) {
        const outsider = await relay.connect(scheme, undefined, shown);
        expect(await outsider.publishNamespace([group, ...own])).toMatchObject(refused);
        outsider.close(0, 'done');
      }
    }
  } finally {
    await relay.stop();
  }
});

describe('the command line', () => {
  test('--help explains every option', async () => {
    const { code, output } = await runRelayCommand('--help');
    expect(code).toBe(0);
    for (const option of [
      '--listen',
      '--tls-cert',
      '--dev-ca',
      '--metrics',
      '--mls-keep',
      '--drain-timeout',
      '--authority',
      '--open',
      '--token-jwks',
    ]) {
      expect(output).toContain(option);
    }
  });

  test.each([
    [[], '--dev-ca'],
    [['--dev-ca', 'x', '--tls-cert', 'y'], 'exclude'],
    [['--dev-ca', 'x', '--listen', 'nonsense'], '--listen'],
    [['--dev-ca', 'x', '--cache', '-1'], '--cache'],
    [['--wrong'], '--wrong'],
  ])('%j is refused with a reason', async (args, reason) => {
    const { code, output } = await runRelayCommand(...args);
    expect(code).toBe(2);
    expect(output).toContain(reason);
  });
});

/** A subscriber whose transport is not read any more once it is told so. */
async function stalledSubscriber(
  relay: RelayProcess,
  name: FullTrackName,
): Promise<{ subscribed: Promise<void>; stall: () => Promise<void>; close: () => void }> {
  const transport = await quic().connect({
    url: `moqt://localhost:${String(relay.port)}/`,
    trust: { kind: 'ca', pem: relay.caPem },
    protocols: ['moqt-18'],
    limits: { idleTimeoutMs: 120_000 },
  });
  let isStalled = false;
  const reading = new Proxy<TransportSession>(transport, {
    get: (target, key) => {
      if (key === 'next')
        return (max: number) => (isStalled ? new Promise(() => undefined) : target.next(max));
      const member: unknown = Reflect.get(target, key, target);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
  const session = new Session({
    role: 'client',
    draft: draft18,
    transport: 'quic',
    path: '/',
    authority: 'localhost',
    now: systemClock.now(),
  });
  let told: () => void = () => undefined;
  const subscribed = new Promise<void>((resolve) => (told = resolve));
  const owner = {
    event: ({ kind }: SessionEvent) => {
      if (kind === 'subscribe-ok') told();
    },
    fault: (error: unknown) => {
      throw error;
    },
  };
  session.subscribe(name, { rendezvousTimeout: millis(20_000) });
  new DrivenSession(reading, session, owner, systemClock);
  return {
    subscribed,
    stall: () => {
      isStalled = true;
      return Promise.resolve();
    },
    close: () => {
      transport.close(0, 'done');
    },
  };
}

/** Memory of the process that the operating system holds for it. */
function residentBytes(relay: RelayProcess): number {
  if (process.platform !== 'linux') return 0;
  const [, kib] =
    /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${String(relay.process.pid)}/status`, 'utf8')) ?? [];
  return Number(kib) * 1024;
}
