/** Commit, process and join in groups of several sizes, against the stock crypto of ts-mls in the same run. */
import { rounded, type Figure, type Say } from './figure.ts';
import { measureMls, type MlsTimes } from './mls.ts';

const SIZES = [2, 10, 50, 200];
const RUNS = 3;
/** In a large group most time is signatures and hashes, where node:crypto helps most. */
const LARGE = 50;
const LARGE_GOAL = 1.5;

const operations: readonly (readonly [keyof MlsTimes, string])[] = [
  ['commit', 'commit that adds one'],
  ['process', 'process it'],
  ['join', 'join by its Welcome'],
  ['remove', 'commit that removes one'],
  ['processRemove', 'process the removal'],
];

/** Measures; takes a few minutes. */
export async function mlsFigures(say: Say): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const { ours, stock } of await measureMls(SIZES, RUNS, say)) {
    const goal = ours.members >= LARGE ? LARGE_GOAL : 1;
    for (const [operation, name] of operations) {
      if (Number.isNaN(ours[operation])) continue;
      const faster = stock[operation] / ours[operation];
      figures.push({
        name: `${name}, ${String(ours.members)} members`,
        value: rounded(ours[operation]),
        unit: 'ms',
        against: `stock ts-mls ${String(rounded(stock[operation]))} ms, ${String(rounded(faster))} times as long`,
        goal: `stock takes ≥ ${String(goal)} times as long`,
        met: faster >= goal,
      });
    }
  }
  return figures;
}
