/** Progress, the table of figures, and the file that keeps them. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Figure } from './figure.ts';

/** The checkout. */
export const root = join(import.meta.dirname, '../..');

/** Shows a line of progress. */
export function say(line: string): void {
  process.stderr.write(process.stderr.isTTY ? `\r\u001b[2K${line}` : `${line}\n`);
}

/** Prints figures as a table and writes them to `bench/results/<date>.json`, with the machine that they are of. */
export function report(figures: readonly Figure[]): void {
  say('');
  print(figures);
  write(figures);
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
  const file = join(folder, `${date.slice(0, 19).replaceAll(':', '')}.json`);
  writeFileSync(file, `${JSON.stringify(result, undefined, 2)}\n`);
  process.stdout.write(`\nWritten to ${file.slice(root.length + 1)}\n`);
}
