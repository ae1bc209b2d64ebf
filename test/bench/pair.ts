/**
 * `npm run bench:pair -- FOLDER [ROUNDS]`: trials of a meeting here and in another checkout, in turn, so that what else the
 * machine does falls on both. Prints the median of the ratios and writes it to `bench/results`.
 *
 * The other checkout needs its dependencies, its addon and a `test/bench/meeting-trial.ts`: one from before that file gets
 * a copy.
 */
import { execFile, execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { median, rounded, type Figure } from './figure.ts';
import type { MeetingTrial } from './meeting-trial.ts';
import { report, root, say } from './report.ts';

const run = promisify(execFile);
const NAMES: Readonly<Record<keyof MeetingTrial, string>> = {
  membership: 'join click to member',
  join: 'join click to first opened frame',
  leave: 'leave to the last object under the old key',
  cpu: "CPU time of a member's engine per second",
};
/** Noise between two runs of the same code on a shared machine. */
const NO_WORSE = 1.05;

const [folder, rounds = '9'] = process.argv.slice(2);
if (folder === undefined) {
  process.stderr.write('Name the folder of the checkout to compare with.\n');
  process.exit(2);
}
const other = resolve(folder);
const here: MeetingTrial[] = [];
const there: MeetingTrial[] = [];
for (let round = 0; round < Number(rounds); round += 1) {
  say(`pair: round ${String(round + 1)} of ${rounds}`);
  // Each goes first as often as the other.
  for (const place of round % 2 === 0 ? [root, other] : [other, root])
    (place === root ? here : there).push(await trial(place));
}

const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: other, encoding: 'utf8' }).trim();
const figures = (Object.keys(NAMES) as (keyof MeetingTrial)[]).map((key): Figure => {
  const ratio = median(here.map((one, round) => one[key] / there[round]![key]));
  const [now, before] = [here, there].map((all) => rounded(median(all.map((one) => one[key]))));
  return {
    name: NAMES[key],
    value: rounded(ratio),
    unit: 'times',
    against: `${commit}: ${String(now)} ms here, ${String(before)} ms there`,
    goal: `≤ ${String(NO_WORSE)}`,
    met: ratio <= NO_WORSE,
  };
});
report(figures);

async function trial(place: string): Promise<MeetingTrial> {
  const { stdout } = await run(process.execPath, ['--import', 'tsx', 'test/bench/meeting-trial.ts'], {
    cwd: place,
  });
  return JSON.parse(stdout) as MeetingTrial;
}
