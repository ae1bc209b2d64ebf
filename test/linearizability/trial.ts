/**
 * `npm run counter-trial -- --operations N --seed S`: the real `conclave-counter`, called by many clients over HTTPS while it is killed,
 * stopped, its disk filled, its clock set and its power cut. The history is checked for linearizability by Porcupine.
 *
 * `--fault NAME` breaks the service on purpose (a module of `faults`); `--keep FILE` keeps the history. The last line is JSON. Exit code
 * 0: linearizable; 1: not; 3: undecided.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ensureDevelopmentCertificate } from '../../src/services/tls/development-ca.ts';
import { seeded } from '../harness/group/membership-history.ts';
import { buildProgram, checkHistory } from './checker.ts';
import { SmallDisk } from './disk.ts';
import { DISTURBANCES, Nemesis } from './nemesis.ts';
import type { Disturbance } from './nemesis.ts';
import { Recorder, ServiceClock } from './recorder.ts';
import { RoomClients } from './room-clients.ts';
import { CounterProcess, hasFakeClock } from './service.ts';

const ROOMS_AT_ONCE = 6;
const CLIENTS_OF_A_ROOM = 3;
const OPERATIONS_OF_A_ROOM = 400;
/** In ms; as all times, longer by `--slow` where the machine is. */
const [LOCK, LEASE, REVIVAL, PATIENCE] = [400, 1_000, 3_000, 2_500] as const;
const DISK_MIB = 256;
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
/** Says that this process has mounts of its own. */
const INSIDE = 'CONCLAVE_TRIAL_INSIDE';

const { values } = parseArgs({
  options: {
    operations: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    /** Ends it sooner, with what was done by then. */
    minutes: { type: 'string', default: '60' },
    /** Between two disturbances, at most, in ms. */
    every: { type: 'string', default: '2000' },
    slow: { type: 'string', default: '1' },
    fault: { type: 'string' },
    only: { type: 'string', multiple: true },
    keep: { type: 'string' },
    /** Says on standard error what happens. */
    verbose: { type: 'boolean', default: false },
    limit: { type: 'string', default: '2m' },
  },
});

if (process.platform === 'linux' && process.env[INSIDE] === undefined)
  process.exitCode = await runWithOwnMounts();
else process.exitCode = await runTrial();

/** What is mounted here nobody else sees, and it is gone with the last process of the trial. */
async function runWithOwnMounts(): Promise<number> {
  const userNamespace = process.getuid?.() === 0 ? [] : ['--map-root-user'];
  const own = ['--mount', '--propagation', 'private', ...userNamespace];
  const isPossible = spawnSync('unshare', [...own, 'true']).status === 0;
  const self = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const [program = '', ...args] = isPossible ? ['unshare', ...own, ...self] : self;
  const env = { ...process.env, [INSIDE]: isPossible ? 'mounts' : 'none' };
  const child = spawn(program, args, { stdio: 'inherit', env });
  for (const signal of SIGNALS) process.once(signal, () => child.kill(signal));
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

async function runTrial(): Promise<number> {
  const [operations, every, slow] = [values.operations, values.every, values.slow].map(Number) as [
    number,
    number,
    number,
  ];
  const times = { lock: LOCK * slow, lease: LEASE * slow, revival: REVIVAL * slow };
  const patience = PATIENCE * slow;
  const random = seeded(Number(values.seed));
  const base = mkdtempSync(path.join(os.tmpdir(), 'conclave-trial-'));
  const disk = process.env[INSIDE] === 'mounts' ? SmallDisk.mount(base, DISK_MIB) : undefined;
  const cutPower = disk?.kind === 'ext4' ? buildProgram('cutpower') : undefined;
  const possible = DISTURBANCES.filter((each) => isPossible(each, disk));
  const chosen = possible.filter((each) => values.only === undefined || values.only.includes(each));

  const certificate = await ensureDevelopmentCertificate(path.join(base, 'ca'), []);
  const [certFile, keyFile] = [path.join(base, 'chain.pem'), path.join(base, 'key.pem')];
  writeFileSync(certFile, certificate.certPem);
  writeFileSync(keyFile, certificate.keyPem, { mode: 0o600 });
  const dataDirectory = path.join(disk?.directory ?? base, 'data');
  mkdirSync(dataDirectory, { mode: 0o700 });
  const { fault } = values;
  const service = new CounterProcess({
    directory: base,
    dataDirectory,
    certFile,
    keyFile,
    lockMs: times.lock,
    leaseMs: times.lease,
    revivalMs: times.revival,
    fault: fault === undefined ? undefined : path.join(import.meta.dirname, 'faults', `${fault}.ts`),
  });
  const clock = new ServiceClock();
  const history = path.join(base, 'history.jsonl');
  const recorder = new Recorder(history, times, clock);
  const began = performance.now();
  await service.start();

  const done = new Map<Disturbance, number>();
  const nemesis = new Nemesis({
    service,
    died: () => {
      recorder.serviceDied();
    },
    clock,
    disk,
    cutPower,
    random,
    lockMs: times.lock,
    leaseMs: Math.max(times.lease, patience),
    unknown: () => recorder.unknown,
  });
  for (const signal of SIGNALS)
    process.once(signal, () => {
      void nemesis.end().then(() => process.exit(1));
    });
  const end = began + Number(values.minutes) * 60_000;
  const isOver = (): boolean =>
    performance.now() > end || (recorder.operations >= operations && done.size === chosen.length);
  const disturbing = (async () => {
    while (chosen.length > 0 && !isOver()) {
      for (const each of shuffled(chosen, random)) {
        await new Promise((resolve) => setTimeout(resolve, random() * every));
        if (isOver()) break;
        const from = Math.round(performance.now() - began);
        await nemesis.disturb(each);
        if (values.verbose)
          process.stderr.write(
            `${each}: ${String(from)} to ${String(Math.round(performance.now() - began))} ms\n`,
          );
        done.set(each, (done.get(each) ?? 0) + 1);
      }
    }
  })();
  let rooms = 0;
  const calling = Array.from({ length: ROOMS_AT_ONCE }, async () => {
    while (!isOver()) {
      rooms += 1;
      const name = `room ${String(rooms)}`;
      const setup = { name, service, caPem: certificate.caPem, recorder, random, timeoutMs: patience };
      const room = new RoomClients({ ...setup, lockMs: times.lock, leaseMs: times.lease });
      const end = recorder.operations + OPERATIONS_OF_A_ROOM * ROOMS_AT_ONCE;
      const isRoomOver = (): boolean => isOver() || recorder.operations >= end;
      const clients = Array.from({ length: CLIENTS_OF_A_ROOM }, (_, client) => room.run(client, isRoomOver));
      await Promise.all(clients);
      room.close();
    }
  });
  try {
    await Promise.all([...calling, disturbing]);
  } finally {
    await nemesis.end();
    await recorder.close();
  }
  if (values.verbose) process.stderr.write(`${service.faults.join('\n')}\n`);
  const seconds = (performance.now() - began) / 1000;
  if (values.keep !== undefined) copyFileSync(history, values.keep);

  const verdict = checkHistory(history, values.limit);
  const summary = {
    ...verdict,
    seed: Number(values.seed),
    fault,
    trialSeconds: Math.round(seconds),
    disk: disk?.kind ?? 'none of its own',
    disturbances: Object.fromEntries(done),
    kinds: countAnswers(history),
  };
  disk?.unmount();
  rmSync(base, { recursive: true, force: true });
  process.stdout.write(`${JSON.stringify(summary)}\n`);
  return { ok: 0, illegal: 1, undecided: 3 }[verdict.result];
}

function isPossible(how: Disturbance, disk: SmallDisk | undefined): boolean {
  if (how.startsWith('clock')) return hasFakeClock;
  if (how === 'power cut') return disk?.kind === 'ext4';
  return !how.startsWith('full disk') || disk !== undefined;
}

function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  return items
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

/** How often each call was answered what: a trial that was refused everything shows nothing. */
function countAnswers(file: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const line of readFileSync(file, 'utf8').trimEnd().split('\n').slice(1)) {
    const { call, answer } = JSON.parse(line) as { call: { kind: string }; answer: { kind: string } | null };
    const name = `${call.kind}: ${answer?.kind ?? 'unknown'}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
