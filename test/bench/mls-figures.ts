/**
 * Commit, process and join in groups of several sizes and of both suites: what the app does, next to ts-mls as it is published,
 * and to mls-rs, all in one run.
 */
import { existsSync } from 'node:fs';
import type { MlsSuite } from '../../src/protocol/group/mls.ts';
import { MAX_MEMBERS } from '../../src/protocol/group/coordination/commit-size.ts';
import type { TsMls } from '../harness/group/stock-ts-mls.ts';
import { MlsPeers } from '../interop/mls-peers.ts';
import { rounded, type Figure, type Say } from './figure.ts';
import { measureMlsRs } from './mls-rs.ts';
import { measureStock } from './mls-stock.ts';
import { BuiltGroup, measureOurs, type MlsTimes, type OwnMlsTimes } from './mls.ts';

const SUITES: readonly (readonly [MlsSuite, string])[] = [
  [0x0001, ''],
  [0x0053, ', X-Wing'],
];
const KB = 1_024;

type Operation = keyof Omit<MlsTimes, 'members'>;

const operations: readonly (readonly [Operation, string])[] = [
  ['commit', 'commit that adds one'],
  ['process', 'process it'],
  ['join', 'join by its Welcome'],
  ['remove', 'commit that removes one'],
  ['processRemove', 'process the removal'],
];

/** Most milliseconds of suite 0x0001, by members; the largest group has one place left before the operation. */
const GOALS: Readonly<Record<number, Readonly<Partial<Record<Operation, number>>>>> = {
  200: { process: 10, remove: 60, processRemove: 60, join: 40 },
  999: { join: 300 },
};
/** Most bytes of a Commit in the largest group. */
const LARGEST_COMMIT = 400 * KB;

/** How much is measured. */
export interface MlsExtent {
  /** Members before the operation, as far as the suite has room for one more. */
  readonly sizes: readonly number[];
  readonly runs: number;
  /** The largest group that stock ts-mls is measured in: it takes minutes where ours takes seconds. */
  readonly stockUpTo: number;
}

const WHOLE: MlsExtent = { sizes: [2, 10, 50, 200, 999], runs: 5, stockUpTo: 200 };

/**
 * Measures; takes some minutes.
 * @param peers - `mls-peers`, built with optimisation; without it mls-rs is left out.
 */
export async function mlsFigures(
  say: Say,
  stock: TsMls,
  peers: string | undefined = process.env.MLS_PEERS,
  { sizes, runs, stockUpTo }: MlsExtent = WHOLE,
): Promise<Figure[]> {
  const figures: Figure[] = [];
  const program = peers !== undefined && existsSync(peers) ? new MlsPeers(peers) : undefined;
  for (const [suite, name] of SUITES) {
    const most = MAX_MEMBERS[suite] - 1;
    for (const members of new Set(sizes.map((size) => Math.min(size, most)))) {
      say(`MLS with ${String(members)} members${name}`);
      const built = await BuiltGroup.build(suite, members);
      const ours = await measureOurs(built, runs);
      const others: Others = {
        stock:
          members <= stockUpTo ? await measureStock(stock, suite, members, few(runs, members)) : undefined,
        mlsRs:
          program && suite === 0x0001 ? await measureMlsRs(program, built, few(runs, members)) : undefined,
      };
      for (const [operation, what] of operations) {
        if (Number.isNaN(ours[operation])) continue;
        const goal = suite === 0x0001 ? GOALS[members]?.[operation] : undefined;
        figures.push(figureOf(`${what}, ${String(members)} members${name}`, operation, ours, others, goal));
      }
      if (members >= most) figures.push(sizeOf(ours, name));
    }
  }
  await program?.stop();
  return figures;
}

interface Others {
  readonly stock: MlsTimes | undefined;
  readonly mlsRs: MlsTimes | undefined;
}

function few(runs: number, members: number): number {
  return members > 100 ? Math.min(runs, 3) : runs;
}

function figureOf(
  name: string,
  operation: Operation,
  ours: OwnMlsTimes,
  { stock, mlsRs }: Others,
  most: number | undefined,
): Figure {
  const value = rounded(ours[operation]);
  const beside = Object.entries({ 'stock ts-mls': stock, 'mls-rs': mlsRs }).flatMap(([library, times]) =>
    times === undefined ? [] : [`${library} ${String(rounded(times[operation]))} ms`],
  );
  return {
    name,
    value,
    unit: 'ms',
    against: beside.join(', ') || 'nothing',
    goal: most === undefined ? 'no more than stock' : `≤ ${String(most)}`,
    met: most === undefined ? stock === undefined || value <= stock[operation] : value <= most,
  };
}

function sizeOf({ members, removeBytes }: OwnMlsTimes, name: string): Figure {
  return {
    name: `bytes of a commit that removes one, ${String(members)} members${name}`,
    value: removeBytes,
    unit: 'B',
    against: 'the counter’s limit, 524288',
    goal: `≤ ${String(LARGEST_COMMIT)}`,
    met: removeBytes <= LARGEST_COMMIT,
  };
}
