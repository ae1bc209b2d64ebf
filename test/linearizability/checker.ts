/** Builds and runs `checker`, which searches an order for a history with Porcupine (Go). */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';

const SOURCE = path.join(import.meta.dirname, 'checker');
const PROGRAMS = path.join(import.meta.dirname, '../../.cache/linearizability');

/** What the checker says of a history. */
export interface Verdict {
  readonly result: 'ok' | 'illegal' | 'undecided';
  readonly rooms: number;
  readonly operations: number;
  /** Whose outcome is unknown. */
  readonly unknown: number;
  readonly seconds: number;
  readonly illegal?: readonly string[];
  readonly undecided?: readonly string[];
  /** Of the first illegal room: the end of the longest order, and what had no place in it. */
  readonly explained?: readonly string[];
  readonly stuck?: readonly string[];
}

/** Whether there is a Go to build it with. */
export const hasGo = spawnSync('go', ['version']).status === 0;

const built = new Map<string, string>();

/**
 * Builds a program of the checker's module.
 * @returns its path.
 */
export function buildProgram(name: 'counter-checker' | 'cutpower'): string {
  const known = built.get(name);
  if (known !== undefined) return known;
  mkdirSync(PROGRAMS, { recursive: true });
  const program = path.join(PROGRAMS, name);
  const from = name === 'cutpower' ? './cutpower' : '.';
  const { status, stderr } = spawnSync('go', ['build', '-o', program, from], {
    cwd: SOURCE,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`go build: ${stderr}`);
  built.set(name, program);
  return program;
}

/** Checks the history in a file. @param limit - for each room, as Go writes durations. */
export function checkHistory(file: string, limit = '2m'): Verdict {
  const program = buildProgram('counter-checker');
  const { status, stdout, stderr } = spawnSync(program, ['-limit', limit, file], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status === null || ![0, 1, 3].includes(status)) throw new Error(`counter-checker: ${stderr}`);
  return JSON.parse(stdout) as Verdict;
}
