/** One participant's computer: a home, a keychain, a camera and a microphone of its own, and the app on it. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { _electron, type ElectronApplication, type Page } from '@playwright/test';
import { machineSwitches, recordedMedia } from '../../../scripts/app.mjs';
import { findElectron } from '../../../scripts/electron-runtime.mjs';
import { openKeychain, type Keychain } from './keychain.ts';
import type { Person } from './recordings.ts';
import { tapSound } from './sound-tap.ts';

const root = join(import.meta.dirname, '../../..');

/** The app as it runs on a machine. */
export interface RunningApp {
  readonly electron: ElectronApplication;
  readonly page: Page;
  /** Whole lines that the app printed so far, standard output and error. */
  readonly printed: readonly string[];
  /** Waits for a line on which the expression matches; gives its first group, or the whole match. */
  printedMatch(expression: RegExp, seconds?: number): Promise<string>;
  /** Closes the app as a person would. */
  quit(): Promise<void>;
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>;
}

/** A computer that outlives the app's starts. */
export class Machine {
  readonly person: Person;
  readonly #folder: string;
  readonly #keychain: Keychain | undefined;

  private constructor(person: Person, folder: string, keychain: Keychain | undefined) {
    this.person = person;
    this.#folder = folder;
    this.#keychain = keychain;
  }

  /**
   * Sets up a computer in a folder of its own.
   * @param options.keychain - false: one that has none, as the app must also bear.
   */
  static async setUp(person: Person, folder: string, options: { keychain?: boolean } = {}): Promise<Machine> {
    await mkdir(join(folder, 'home'), { recursive: true });
    return new Machine(person, folder, options.keychain === false ? undefined : await openKeychain(folder));
  }

  /** Where the app keeps its state. */
  get profile(): string {
    return join(this.#folder, 'profile');
  }

  /**
   * Starts the app, its camera and microphone playing the person's recording.
   * @param args - the app's own arguments.
   * @param options.executable - a packaged app instead of the built one in `out`.
   */
  async start(args: readonly string[], options: { executable?: string } = {}): Promise<RunningApp> {
    const home = join(this.#folder, 'home');
    const env: Record<string, string> = {};
    for (const [name, value] of Object.entries(process.env)) if (value !== undefined) env[name] = value;
    Object.assign(env, {
      HOME: home,
      XDG_CONFIG_HOME: join(home, '.config'),
      XDG_DATA_HOME: join(home, '.local/share'),
    });
    // Without a keychain there must be no way to the one of whoever runs the tests.
    Object.assign(env, this.#keychain?.env ?? { DBUS_SESSION_BUS_ADDRESS: 'disabled:' });

    const electron = await _electron.launch({
      executablePath: options.executable ?? (await findElectron(() => undefined)).executable,
      args: [
        ...(options.executable === undefined ? [root] : []),
        ...machineSwitches(),
        ...recordedMedia(this.person),
        // Windows of a test lie on top of each other; none of them may be slowed down for that.
        '--disable-renderer-backgrounding',
        '--disable-backgrounding-occluded-windows',
        '--disable-background-timer-throttling',
        '--profile',
        this.profile,
        ...args,
      ],
      env,
    });
    const printed: string[] = [];
    const listeners = new Set<() => void>();
    for (const stream of [electron.process().stdout, electron.process().stderr]) {
      let rest = '';
      stream?.setEncoding('utf8').on('data', (text: string) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        printed.push(...lines);
        for (const listener of listeners) listener();
      });
    }
    const page = await electron.firstWindow();
    await tapSound(page);
    return {
      electron,
      page,
      printed,
      printedMatch: (expression, seconds = 30) => waitForLine(expression, seconds, printed, listeners),
      quit: () => electron.close(),
      kill: async () => {
        const child = electron.process();
        const ended = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGKILL');
        await ended;
      },
    };
  }

  /** Takes the computer away; the app must have ended. */
  async tearDown(): Promise<void> {
    await this.#keychain?.close();
  }
}

async function waitForLine(
  expression: RegExp,
  seconds: number,
  printed: readonly string[],
  listeners: Set<() => void>,
): Promise<string> {
  return await new Promise((resolve, reject) => {
    const look = (): void => {
      for (const line of printed) {
        const match = expression.exec(line);
        if (!match) continue;
        listeners.delete(look);
        clearTimeout(timer);
        resolve(match[1] ?? match[0]);
        return;
      }
    };
    const timer = setTimeout(() => {
      listeners.delete(look);
      reject(
        new Error(`not printed within ${seconds} s: ${expression.source}\n${printed.slice(-30).join('\n')}`),
      );
    }, seconds * 1000);
    listeners.add(look);
    look();
  });
}
