/** What the real counter service answers while it is disturbed is what the rules could have answered one by one. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildProgram, checkHistory, hasGo } from './checker.ts';
import type { Verdict } from './checker.ts';
import { hasFakeClock } from './service.ts';

/** Everybody who runs all tests has Go; the others are told by what is skipped. */
const isWanted = hasGo || process.env.CONCLAVE_INTEROP === '1';
const TIMES = { lock: 100, lease: 1_000, revival: 2_000 };

type Fields = Readonly<Record<string, unknown>>;
interface Operation {
  readonly call: Fields;
  readonly at: number;
  /** Undefined: unknown. */
  readonly answer?: Fields;
  /** The service's clock, where it is not `at`. */
  readonly now?: number;
}

const lock = (val: number, nonce: string, more: Fields = {}): Fields => ({
  kind: 'lock',
  generation: 0,
  val,
  nonce,
  signer: val === 0 ? 'room' : `key ${String(val - 1)}`,
  ...more,
});
const granted = (token: string, attempt = 0, expiresIn = TIMES.lock): Fields => ({
  kind: 'granted',
  token,
  attempt,
  expiresIn,
});
const increment = (val: number, token: string, commit: string, more: Fields = {}): Fields => ({
  kind: 'increment',
  generation: 0,
  val,
  token,
  commit,
  nextKey: `key ${String(val)}`,
  signer: val === 0 ? 'room' : `key ${String(val - 1)}`,
  ...more,
});
const receipt = (epoch: number, commit: string, more: Fields = {}): Fields => ({
  epoch,
  attempt: 0,
  commit,
  nextKey: `key ${String(epoch)}`,
  previous: epoch === 0 ? '' : `receipt ${String(epoch - 1)}`,
  hash: `receipt ${String(epoch)}`,
  time: epoch * 10 + 5,
  ...more,
});
const logged = (epoch: number, commit: string, more: Fields = {}): Fields => ({
  kind: 'ok',
  receipt: receipt(epoch, commit, more),
});
const history = { kind: 'history', generation: 0, val: 0, signer: 'room' };
const page = (current: number, entries: readonly Fields[], lease = TIMES.lease): Fields => ({
  kind: 'ok',
  current,
  entries: entries.map((each) => ({ epoch: each.epoch, attempt: 0, commit: each.commit, receipt: each })),
  meeting: 0,
  lease,
});
/** A generation that has reached epoch 0 at 5 ms. */
const begun: readonly Operation[] = [
  { call: lock(0, 'a'), at: 1, answer: granted('A') },
  { call: increment(0, 'A', 'first'), at: 5, answer: logged(0, 'first') },
];

describe.runIf(isWanted)('the checker', () => {
  let directory: string;
  beforeAll(() => {
    buildProgram('counter-checker');
    directory = mkdtempSync(path.join(os.tmpdir(), 'conclave-history-'));
  });
  afterAll(() => {
    rmSync(directory, { recursive: true });
  });

  /** Each a call at its time, by one client after the other, but for those whose outcome is unknown. */
  function check(operations: readonly Operation[]): Verdict['result'] {
    const file = path.join(directory, 'history.jsonl');
    const lines = operations.map(({ call, at, answer, now = at }, client) =>
      JSON.stringify({
        client,
        room: 'room',
        call,
        from: at * 1000,
        to: answer === undefined ? null : at * 1000 + 1,
        now: answer === undefined ? [now, now + 10_000] : [now, now],
        answer: answer ?? null,
      }),
    );
    writeFileSync(file, [JSON.stringify(TIMES), ...lines].join('\n'));
    return checkHistory(file).result;
  }

  test.each<[string, readonly Operation[]]>([
    [
      'a lock, an increment, the log',
      [...begun, { call: history, at: 5, answer: page(0, [receipt(0, 'first')]) }],
    ],
    [
      'a lock that ran out, and the next attempt',
      [
        { call: lock(0, 'a'), at: 1, answer: granted('A') },
        { call: lock(0, 'b'), at: 50, answer: { kind: 'locked', retryLater: 51 } },
        { call: lock(0, 'b'), at: 101, answer: granted('B', 1) },
        { call: increment(0, 'A', 'late'), at: 102, answer: { kind: 'not-locked' } },
      ],
    ],
    [
      'a lock that ended early as the clock was set',
      [
        { call: lock(0, 'a'), at: 1, answer: granted('A') },
        { call: lock(0, 'b'), at: 2, now: 5_000, answer: granted('B', 1) },
      ],
    ],
    [
      'somebody whose lock nobody heard of, and who comes back for it',
      [
        { call: lock(0, 'a'), at: 1 },
        { call: lock(0, 'b'), at: 2, answer: { kind: 'locked', retryLater: 99 } },
        { call: lock(0, 'a'), at: 3, answer: granted('A', 0, 98) },
      ],
    ],
    [
      'an increment without an answer that was logged',
      [
        { call: lock(0, 'a'), at: 1, answer: granted('A') },
        { call: increment(0, 'A', 'first'), at: 5 },
        { call: history, at: 6, answer: page(0, [receipt(0, 'first')], TIMES.lease - 1) },
      ].map((each) => each),
    ],
  ])('finds an order for %s', (_, operations) => {
    expect(check(operations)).toBe('ok');
  });

  test.each<[string, readonly Operation[]]>([
    [
      'two holders at once',
      [
        { call: lock(0, 'a'), at: 1, answer: granted('A') },
        { call: lock(0, 'b'), at: 50, answer: granted('B', 1) },
      ],
    ],
    [
      'an attempt that comes twice',
      [
        { call: lock(0, 'a'), at: 1, answer: granted('A') },
        { call: lock(0, 'b'), at: 101, answer: granted('B', 0) },
      ],
    ],
    [
      'an old token that still works',
      [
        { call: lock(0, 'a'), at: 1, answer: granted('A') },
        { call: lock(0, 'b'), at: 101, answer: granted('B', 1) },
        { call: increment(0, 'A', 'late'), at: 102, answer: logged(0, 'late', { attempt: 1, time: 102 }) },
      ],
    ],
    [
      'a lock that is forgotten',
      [
        { call: lock(0, 'a'), at: 1, answer: granted('A') },
        { call: increment(0, 'A', 'first'), at: 5, answer: { kind: 'not-locked' } },
      ],
    ],
    ['a lock that nobody has', [{ call: lock(0, 'a'), at: 1, answer: { kind: 'locked', retryLater: 50 } }]],
    ['an epoch that is lost', [...begun, { call: lock(0, 'b'), at: 20, answer: granted('B') }]],
    ['a log without what was logged', [...begun, { call: history, at: 5, answer: page(0, []) }]],
    [
      'a Commit that nobody made',
      [...begun, { call: history, at: 5, answer: page(0, [receipt(0, 'another')]) }],
    ],
    [
      'a second receipt for one epoch',
      [...begun, { call: history, at: 5, answer: page(0, [receipt(0, 'first', { hash: 'another' })]) }],
    ],
    [
      'a receipt over another past',
      [
        ...begun,
        { call: lock(1, 'b'), at: 10, answer: granted('B') },
        { call: increment(1, 'B', 'second'), at: 15, answer: logged(1, 'second', { previous: 'another' }) },
      ],
    ],
    [
      'whoever has no key',
      [...begun, { call: lock(1, 'b', { signer: 'key 7' }), at: 10, answer: granted('B') }],
    ],
    [
      'a generation beside one that is alive',
      [...begun, { call: lock(0, 'b', { generation: 1 }), at: 500, answer: granted('B') }],
    ],
    [
      'a meeting that nobody heard of for long',
      [
        ...begun,
        { call: { kind: 'room', signer: 'room' }, at: 2_000, answer: { kind: 'ok', meeting: 0, next: 1 } },
      ],
    ],
    [
      'an answer before its cause',
      [{ call: history, at: 0, answer: page(0, [receipt(0, 'first')]) }, ...begun],
    ],
  ])('finds none for %s', (_, operations) => {
    expect(check(operations)).toBe('illegal');
  });
});

interface Summary extends Verdict {
  readonly disk: string;
  readonly disturbances: Readonly<Record<string, number>>;
  readonly kinds: Readonly<Record<string, number>>;
}

function runTrial(...args: string[]): Promise<Summary> {
  const trial = path.join(import.meta.dirname, 'trial.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', trial, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on('close', (code) => {
      const line = said.trimEnd().split('\n').at(-1) ?? '';
      if (line === '') reject(new Error(`the trial ended with ${String(code)}`));
      else resolve(JSON.parse(line) as Summary);
    });
  });
}

describe.runIf(isWanted && process.platform === 'linux')('conclave-counter', () => {
  test('answers as its rules say, killed, stopped, on a full disk, with its clock set and without power', async () => {
    const summary = await runTrial('--operations', '300', '--every', '300', '--seed', '1');
    expect(summary).toMatchObject({ result: 'ok' });
    const done = Object.keys(summary.disturbances);
    expect(done).toEqual(expect.arrayContaining(['kill', 'stop past the lock', 'stop past the lease']));
    if (summary.disk !== 'none of its own') expect(done).toEqual(expect.arrayContaining(['full disk']));
    if (summary.disk === 'ext4') expect(done).toContain('power cut');
    if (hasFakeClock) expect(done).toEqual(expect.arrayContaining(['clock ahead', 'clock back']));
    expect(summary.kinds['increment: ok']).toBeGreaterThan(0);
    expect(summary.unknown).toBeGreaterThan(0);
  });

  test('is found out when it answers before it has written', async () => {
    const summary = await runTrial(
      ...['--operations', '400', '--every', '400', '--only', 'kill', '--fault', 'answers-before-writing'],
    );
    expect(summary.result).toBe('illegal');
  });
});
