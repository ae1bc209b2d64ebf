/**
 * `npm run bench [-- NAME…]`: runs the benchmarks one after the other, prints a table and writes
 * `bench/results/<date>.json`. Every comparison is made within one run, since machines differ and are noisy.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Figure, Say } from './figure.ts';
import { meetingFigures } from './meeting.ts';
import { mlsFigures } from './mls-figures.ts';
import { quicFigures } from './quic.ts';
import { relayFigures } from './relay.ts';
import { secureObjectsFigures } from './secure-objects.ts';

const root = join(import.meta.dirname, '../..');
const benchmarks: Readonly<Record<string, (say: Say) => Figure[] | Promise<Figure[]>>> = {
  'secure-objects': secureObjectsFigures,
  quic: quicFigures,
  relay: relayFigures,
  mls: mlsFigures,
  meeting: meetingFigures,
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in benchmarks));
if (unknown.length > 0) {
  process.stderr.write(
    `No such benchmark: ${unknown.join(', ')}. There are ${Object.keys(benchmarks).join(', ')}.\n`,
  );
  process.exit(2);
}

const figures: Figure[] = [];
for (const [name, measure] of Object.entries(benchmarks)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  figures.push(...(await measure(say)));
}
say('');
print(figures);
write(figures);
// Worker threads and sessions of benchmarks that failed half-way are of no interest any more.
process.exit(0);

function say(line: string): void {
  process.stderr.write(process.stderr.isTTY ? `\r\u001b[2K${line}` : `${line}\n`);
}

function print(all: readonly Figure[]): void {
  const rows = [
    ['figure', 'value', 'unit', 'against', 'goal', ''],
    ...all.map(({ name, value, unit, against, goal, met }) => [
      name,
      String(value),
      unit,
      against,
      goal,
      met ? 'met' : 'MISSED',
    ]),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  for (const row of rows)
    process.stdout.write(
      `${row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd()}\n`,
    );
}

function write(all: readonly Figure[]): void {
  const folder = join(root, 'bench/results');
  mkdirSync(folder, { recursive: true });
  const [cpu] = cpus();
  const date = new Date().toISOString();
  const result = {
    machine: `${String(cpus().length)} × ${cpu?.model.trim() ?? 'unknown'}, ${String(Math.round(totalmem() / 2 ** 30))} GiB, ${process.platform}, Node ${process.version}`,
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim(),
    date,
    figures: all,
  };
  const file = join(folder, `${date.slice(0, 16).replaceAll(':', '')}.json`);
  writeFileSync(file, `${JSON.stringify(result, undefined, 2)}\n`);
  process.stdout.write(`\nWritten to ${file.slice(root.length + 1)}\n`);
}
