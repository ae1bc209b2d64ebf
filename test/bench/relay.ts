/** Speed of the relay: objects per second and latency, from one publisher to many subscribers, over QUIC. */
import { performance } from 'node:perf_hooks';
import type { AsyncClient } from '../harness/moqt/async-client.ts';
import type { FullTrackName } from '../../src/protocol/moqt/model.ts';
import { object, track } from '../harness/moqt/names.ts';
import { startRelayProcess, until } from '../harness/relay/relay-process.ts';
import type { RelayProcess } from '../harness/relay/relay-process.ts';
import { rounded } from './figure.ts';
import type { Figure, Say } from './figure.ts';

/** What one run measured. */
interface FanOut {
  readonly subscribers: number;
  /** Objects that arrived at subscribers, per second, with the publisher as fast as it can. */
  readonly objectsPerSecond: number;
  /** From sending to receiving, at 50 objects a second, in milliseconds. */
  readonly latencyP50Ms: number;
  readonly latencyP99Ms: number;
}

const OBJECT_BYTES = 1_200;
const MIB = 1 << 20;
/** Objects that are sent at full speed, divided by the number of subscribers. */
const OBJECTS = 4_000;
/** Subscribers; relay, publisher and subscribers share this machine. */
const COUNTS = [1, 10, 50];
/** Slowest median that nobody notices in a conversation: a fifth of what a jitter buffer holds. */
const LATENCY_GOAL_MS = 20;

/** Fan-out from one publisher to 1, 10 and 50 subscribers. */
export async function relayFigures(say: Say): Promise<Figure[]> {
  const figures: Figure[] = [];
  let alone: FanOut | undefined;
  for (const subscribers of COUNTS) {
    say(`relay: 1 to ${String(subscribers)}`);
    const relay = await startRelayProcess('--open', '--quiet', '--backlog', '65536');
    try {
      const measured = await measure(relay, subscribers, Math.max(200, Math.floor(OBJECTS / subscribers)));
      alone ??= measured;
      figures.push(...figuresOf(measured, alone));
    } finally {
      await relay.stop();
    }
  }
  return figures;
}

function figuresOf(measured: FanOut, alone: FanOut): Figure[] {
  const { subscribers, objectsPerSecond, latencyP50Ms, latencyP99Ms } = measured;
  const what = `relay, 1 to ${String(subscribers)}`;
  return [
    {
      name: `${what}: objects of 1.2 KB delivered`,
      value: rounded(objectsPerSecond),
      unit: '1/s',
      against: `${String(rounded(alone.objectsPerSecond))} to one subscriber`,
      goal: 'no less than to one',
      met: objectsPerSecond >= alone.objectsPerSecond,
    },
    {
      name: `${what}: latency, median`,
      value: rounded(latencyP50Ms),
      unit: 'ms',
      against: `${String(rounded(alone.latencyP50Ms))} to one subscriber`,
      goal: `≤ ${String(LATENCY_GOAL_MS)}`,
      met: latencyP50Ms <= LATENCY_GOAL_MS,
    },
    {
      name: `${what}: latency, 99 %`,
      value: rounded(latencyP99Ms),
      unit: 'ms',
      against: `${String(rounded(latencyP50Ms))} median`,
      goal: `≤ ${String(5 * LATENCY_GOAL_MS)}`,
      met: latencyP99Ms <= 5 * LATENCY_GOAL_MS,
    },
  ];
}

async function measure(relay: RelayProcess, subscribers: number, objects: number): Promise<FanOut> {
  const name = track('bench/media/publisher', 'o');
  const publisher = await relay.connect('moqt');
  const outcome = await publisher.publish(
    name,
    { forward: true, description: {} },
    { ended: () => undefined },
  );
  if (outcome.kind !== 'published') throw new Error(outcome.kind);
  const { publication } = outcome;
  let received = 0;
  const latencies: number[] = [];
  const clients: AsyncClient[] = [publisher];
  for (let index = 0; index < subscribers; index += 1) {
    const client = await relay.connect('moqt');
    clients.push(client);
    await subscribe(client, name, (payload) => {
      received += 1;
      latencies.push(performance.now() - new DataView(payload.buffer, payload.byteOffset).getFloat64(0));
    });
  }
  let group = 0;
  const send = (): void => {
    const payload = new Uint8Array(OBJECT_BYTES);
    new DataView(payload.buffer).setFloat64(0, performance.now());
    publication.sendSingleObject(object(group, 0, payload), true);
    group += 1;
  };

  const begin = performance.now();
  for (let index = 0; index < objects; index += 1) {
    send();
    while (publisher.queuedBytes() > MIB) await pause(0);
  }
  await until('all objects came', () => received === objects * subscribers, 60_000);
  const objectsPerSecond = (received / (performance.now() - begin)) * 1_000;

  latencies.length = 0;
  for (let index = 0; index < 100; index += 1) {
    send();
    await pause(20);
  }
  await until('all paced objects came', () => latencies.length === 100 * subscribers, 30_000);
  latencies.sort((a, b) => a - b);
  for (const client of clients) client.close(0, 'done');
  return {
    subscribers,
    objectsPerSecond,
    latencyP50Ms: latencies[Math.floor(latencies.length * 0.5)] ?? NaN,
    latencyP99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? NaN,
  };
}

async function subscribe(
  client: AsyncClient,
  name: FullTrackName,
  onPayload: (payload: Uint8Array) => void,
): Promise<void> {
  const outcome = await client.subscribe(
    name,
    {},
    {
      object: ({ content }) => {
        if (content.kind === 'payload') onPayload(content.payload);
      },
      done: () => undefined,
    },
  );
  if (outcome.kind !== 'subscribed') throw new Error(outcome.kind);
}

async function pause(duration: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, duration));
}
