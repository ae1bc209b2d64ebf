/**
 * Plays schedules, in as many processes as there are cores: what `npm run sim` builds and runs. It is one file that needs
 * nothing but Node.
 *
 *   node sim.mjs --schedules 1000 --seed 1    those of the seeds 1 to 1000
 *   node sim.mjs --seed 7                     that of seed 7
 *   node sim.mjs --seed 7 --only 0,3          of that the steps 0 and 3 alone
 *   node sim.mjs --exhaustive                 instead, short meetings with each fault at each point; --seed and --schedules choose some
 *   … --workers 4 --minutes 10 --keep-going   so many processes, for so long; goes on after a failure
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { allFaults, failureOf, failureWithFault, type Failure } from './failures.ts';

/** Seeds, or faults, that a process is to play; of one alone, which steps. */
interface Order {
  readonly isExhaustive: boolean;
  readonly from: number;
  readonly count: number;
  readonly kept?: readonly number[];
}

/** Few enough that none waits long for the others at the end. */
const SEEDS_AT_ONCE = 5;
const SAY_EVERY_MS = 10_000;
const WORKER = 'worker';
/** There are as many processes as cores, so that one that collects beside its own work takes time from another; much is short-lived. */
const WORKER_OPTIONS = ['--single-threaded-gc', '--max-semi-space-size=128', '--min-semi-space-size=128'];

if (process.argv[2] === WORKER) work();
else process.exitCode = (await playAll()) > 0 ? 1 : 0;

/** Answers orders with what failed. */
function work(): void {
  process.on('message', ({ isExhaustive, from, count, kept }: Order) => {
    const failures = Array.from({ length: count }, (_, at) =>
      isExhaustive ? failureWithFault(from + at) : failureOf(from + at, kept),
    );
    process.send?.(failures.filter((failure) => failure !== undefined));
  });
}

/** @returns how many failed. */
async function playAll(): Promise<number> {
  const { values } = parseArgs({
    options: {
      schedules: { type: 'string' },
      seed: { type: 'string' },
      only: { type: 'string' },
      exhaustive: { type: 'boolean' },
      workers: { type: 'string' },
      minutes: { type: 'string' },
      'keep-going': { type: 'boolean' },
    },
  });
  const isExhaustive = values.exhaustive === true;
  const first = Number(values.seed ?? (isExhaustive ? 0 : 1));
  const all = isExhaustive ? allFaults().length - first : values.seed === undefined ? 1_000 : 1;
  const count = Math.min(Number(values.schedules ?? all), isExhaustive ? all : Infinity);
  const kept = values.only?.split(',').filter(Boolean).map(Number);
  const limit = Number(values.minutes ?? Infinity) * 60_000;
  const began = performance.now();
  let given = 0;
  let played = 0;
  let failed = 0;
  let said = 0;
  const next = (): Order | undefined => {
    const isOver = (failed > 0 && values['keep-going'] !== true) || performance.now() - began > limit;
    if (isOver || given >= count) return undefined;
    const order = {
      isExhaustive,
      from: first + given,
      count: Math.min(SEEDS_AT_ONCE, count - given),
      ...(kept && { kept }),
    };
    given += order.count;
    return order;
  };
  const report = (): void => {
    const seconds = (performance.now() - began) / 1000;
    console.log(
      `${String(played)} of ${String(count)} schedules, ${String(failed)} failed, ${(played / seconds).toFixed(1)}/s`,
    );
  };
  const processes = Math.min(
    Math.ceil(count / SEEDS_AT_ONCE),
    Number(values.workers ?? availableParallelism()),
  );
  await Promise.all(
    Array.from({ length: processes }, async () => {
      const child = fork(fileURLToPath(import.meta.url), [WORKER], { execArgv: WORKER_OPTIONS });
      for (let order = next(); order !== undefined; order = next()) {
        const failures = await answer(child, order);
        played += order.count;
        failed += failures.length;
        for (const failure of failures) tell(failure);
        if (performance.now() - said < SAY_EVERY_MS) continue;
        said = performance.now();
        report();
      }
      child.disconnect();
    }),
  );
  report();
  return failed;
}

async function answer(child: ChildProcess, order: Order): Promise<readonly Failure[]> {
  const done = new AbortController();
  const died = once(child, 'exit', { signal: done.signal }).then(([code]) => {
    throw new Error(`a worker ended with ${String(code)}`);
  });
  const answered = once(child, 'message', { signal: done.signal });
  child.send(order);
  try {
    const [failures] = (await Promise.race([answered, died])) as [readonly Failure[]];
    return failures;
  } finally {
    done.abort();
    await Promise.allSettled([answered, died]);
  }
}

function tell({ name, again, broken, text }: Failure): void {
  console.log(`\n${name}:`);
  for (const what of broken) console.log(`  ${what}`);
  for (const line of text) console.log(`    ${line}`);
  console.log(`  again: ${again}\n`);
}
