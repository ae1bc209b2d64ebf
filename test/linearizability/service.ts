/** `conclave-counter` as a process with a clock that can be set, and that can be killed, stopped and started again. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';

/** What the process is started with. */
export interface ServiceSetup {
  /** Its files that are not data. */
  readonly directory: string;
  readonly dataDirectory: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly lockMs: number;
  readonly leaseMs: number;
  readonly revivalMs: number;
  /** A module that breaks it on purpose. */
  readonly fault?: string | undefined;
}

const MAIN = path.join(import.meta.dirname, '../../src/services/counter/main.ts');
const LIBRARY = findLibrary();

/** Whether its clock can be set. */
export const hasFakeClock = LIBRARY !== undefined;

/** The running service. */
export class CounterProcess {
  readonly #setup: ServiceSetup;
  readonly #clockFile: string;
  #port = 0;
  #child: ChildProcess | undefined;
  #receiptKey: Uint8Array = new Uint8Array();
  #isUp: Promise<void> = Promise.resolve();
  /** Lines on its standard error. */
  readonly faults: string[] = [];

  constructor(setup: ServiceSetup) {
    this.#setup = setup;
    this.#clockFile = path.join(setup.directory, 'clock');
    this.setClock(0);
  }

  get url(): string {
    return `https://127.0.0.1:${String(this.#port)}`;
  }

  /** That verifies its receipts; the same after every start. */
  get receiptKey(): Uint8Array {
    return this.#receiptKey;
  }

  /** Done when it takes calls; at once while it runs, stopped or not. */
  get isUp(): Promise<void> {
    return this.#isUp;
  }

  /** Starts it. @returns once it takes calls. */
  start(): Promise<void> {
    this.#isUp = this.#start();
    return this.#isUp;
  }

  /** Sets its clock so many seconds ahead of ours, for all that it asks from now on. */
  setClock(seconds: number): void {
    const text = `${seconds < 0 ? '-' : '+'}${String(Math.abs(seconds))}\n`;
    writeFileSync(`${this.#clockFile}.new`, text);
    renameSync(`${this.#clockFile}.new`, this.#clockFile);
  }

  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Ends it without a chance to do anything. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  async #start(): Promise<void> {
    const { dataDirectory, certFile, keyFile, lockMs, leaseMs, revivalMs, fault } = this.#setup;
    const seconds = (ms: number): string => String(ms / 1000);
    const options = {
      data: dataDirectory,
      'tls-cert': certFile,
      'tls-key': keyFile,
      listen: `127.0.0.1:${String(this.#port)}`,
      'lock-ttl': seconds(lockMs),
      lease: seconds(leaseMs),
      revival: seconds(revivalMs),
      rate: '1000000',
      burst: '1000000',
      'new-meetings': '1000000',
      stored: '1000000',
    };
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    const preload = fault === undefined ? [] : ['--import', fault];
    const child = spawn(process.execPath, ['--import', 'tsx', ...preload, MAIN, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...this.#clock() },
    });
    this.#child = child;
    createInterface({ input: child.stderr }).on('line', (line) => this.faults.push(line));
    const line = await new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stdout }).once('line', resolve);
      child.once('exit', (code) => {
        reject(new Error(`the service ended with ${String(code)}: ${this.faults.slice(-3).join('\n')}`));
      });
    });
    const ready = JSON.parse(line) as { port: number; receiptKey: string };
    this.#port = ready.port;
    this.#receiptKey = new Uint8Array(Buffer.from(ready.receiptKey, 'base64url'));
  }

  #clock(): NodeJS.ProcessEnv {
    if (LIBRARY === undefined) return {};
    return {
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: this.#clockFile,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      NO_FAKE_STAT: '1',
    };
  }
}

/** libfaketime for programs with threads. */
function findLibrary(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  return ['/usr/lib', ...readdirSync('/usr/lib').map((name) => `/usr/lib/${name}`)]
    .map((folder) => `${folder}/faketime/libfaketimeMT.so.1`)
    .find((file) => existsSync(file));
}
