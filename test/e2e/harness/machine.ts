/** One participant's computer: a home, a keychain, a camera and a microphone of its own, and the app on it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { _electron, chromium, type ElectronApplication, type Page } from '@playwright/test';
import { machineSwitches, recordedMedia } from '../../../scripts/app.mjs';
import { findElectron } from '../../../scripts/electron-runtime.mjs';
import { openKeychain, type Keychain } from './keychain.ts';
import type { Person } from './recordings.ts';
import { tapSound } from './sound-tap.ts';

const root = join(import.meta.dirname, '../../..');

/** Ends what hangs; a busy machine takes more than half a minute to start a packaged app. */
const PRINTED_WITHIN_S = 150;

/** The app as it runs on a machine. */
export interface RunningApp {
  readonly page: Page;
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
   */
  async start(args: readonly string[]): Promise<RunningApp & { electron: ElectronApplication }> {
    const electron = await _electron.launch({
      executablePath: (await findElectron(() => undefined)).executable,
      args: [root, ...this.#switches(), ...args],
      env: this.#env(),
    });
    const page = await electron.firstWindow();
    // Several windows are painted without a graphics card: small ones leave the processor to sound and pictures.
    await electron.evaluate(({ BrowserWindow }) => {
      for (const window of BrowserWindow.getAllWindows()) window.setSize(760, 520);
    });
    await tapSound(page);
    return { electron, ...running(page, electron.process(), () => quit(electron, page)) };
  }

  /**
   * Starts a packaged app. Its fuses refuse the inspector that Playwright's Electron support needs, so it is driven
   * through the debugging port of Chromium alone.
   */
  async startPackaged(executable: string, args: readonly string[]): Promise<RunningApp> {
    const child = spawn(executable, [...this.#switches(), '--remote-debugging-port=0', ...args], {
      env: this.#env(),
    });
    const output = new Output(child);
    const address = await output.match(/^DevTools listening on (ws:.*)$/);
    const browser = await chromium.connectOverCDP(address, { noDefaults: true });
    const [context] = browser.contexts();
    if (!context) throw new Error('the packaged app has no window');
    const page = context.pages()[0] ?? (await context.waitForEvent('page'));
    await tapSound(page);
    return running(page, child, async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await ended;
    });
  }

  #switches(): string[] {
    return [
      ...machineSwitches(),
      ...recordedMedia(this.person),
      // Windows of a test lie on top of each other; none of them may be slowed down for that.
      '--disable-renderer-backgrounding',
      '--disable-backgrounding-occluded-windows',
      '--disable-background-timer-throttling',
      '--profile',
      this.profile,
    ];
  }

  #env(): Record<string, string> {
    const home = join(this.#folder, 'home');
    const inherited = Object.entries(process.env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    );
    return {
      ...Object.fromEntries(inherited),
      HOME: home,
      XDG_CONFIG_HOME: join(home, '.config'),
      XDG_DATA_HOME: join(home, '.local/share'),
      // Without a keychain there must be no way to the one of whoever runs the tests.
      ...(this.#keychain?.env ?? { DBUS_SESSION_BUS_ADDRESS: 'disabled:' }),
    };
  }

  /** Takes the computer away; the app must have ended. */
  async tearDown(): Promise<void> {
    await this.#keychain?.close();
  }
}

/** Closes the app, and says so again where it asks since others are in the meeting. */
async function quit(electron: ElectronApplication, page: Page): Promise<void> {
  const closed = electron.close();
  const leave = page.getByRole('button', { name: 'Leave and close' }).click();
  // Where nothing is asked, the page ends under the click.
  await Promise.race([closed, leave.catch(() => undefined)]);
  await closed;
}

function running(page: Page, child: ChildProcess, quit: () => Promise<void>): RunningApp {
  const kill = async (): Promise<void> => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  };
  return {
    page,
    quit,
    kill,
  };
}

/** What a process prints, line by line. */
class Output {
  readonly lines: string[] = [];
  readonly #listeners = new Set<() => void>();

  constructor(child: ChildProcess) {
    for (const stream of [child.stdout, child.stderr]) {
      if (!stream) continue;
      createInterface(stream).on('line', (line) => {
        this.lines.push(line);
        for (const listener of this.#listeners) listener();
      });
    }
  }

  /** Waits for a line on which the expression matches; gives its first group, or the whole match. */
  async match(expression: RegExp): Promise<string> {
    return await new Promise((resolve, reject) => {
      const look = (): void => {
        const match = this.lines.map((line) => expression.exec(line)).find((found) => found !== null);
        if (!match) return;
        this.#listeners.delete(look);
        clearTimeout(timer);
        resolve(match[1] ?? match[0]);
      };
      const timer = setTimeout(() => {
        this.#listeners.delete(look);
        const said = this.lines.slice(-30).join('\n');
        reject(new Error(`not printed within ${PRINTED_WITHIN_S} s: ${expression.source}\n${said}`));
      }, PRINTED_WITHIN_S * 1000);
      this.#listeners.add(look);
      look();
    });
  }
}
