/** A keychain of one's own: a D-Bus session with an unlocked, empty gnome-keyring, as a machine without a desktop needs. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';

/** An open keychain. */
export interface Keychain {
  /** What programs that are to use it get into their environment. */
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/**
 * Opens a keychain whose secrets live in `folder`; what an earlier one put there is there again.
 * @throws Error where dbus-daemon or gnome-keyring-daemon are missing.
 */
export async function openKeychain(folder: string): Promise<Keychain> {
  const home = join(folder, 'keychain-home');
  // The sockets in it may have paths of 107 bytes only.
  const runtime = await mkdtemp(join(tmpdir(), 'keyring-'));
  await mkdir(join(home, '.local/share'), { recursive: true });
  const bus = spawn('dbus-daemon', ['--session', '--nofork', '--nopidfile', '--print-address=1'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const address = await firstLine(bus, 'dbus-daemon');
  const env = { DBUS_SESSION_BUS_ADDRESS: address };
  const keyring = spawn('gnome-keyring-daemon', ['--foreground', '--unlock', '--components=secrets'], {
    env: {
      ...process.env,
      ...env,
      HOME: home,
      XDG_DATA_HOME: join(home, '.local/share'),
      XDG_RUNTIME_DIR: runtime,
    },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // The password of the new keyring, then its end.
  keyring.stdin.end('\n');
  await served(keyring, { ...process.env, ...env }).catch(async (cause: unknown) => {
    await end(bus);
    throw cause;
  });
  return {
    env,
    close: async () => {
      await end(keyring);
      await end(bus);
      await rm(runtime, { recursive: true, force: true });
    },
  };
}

async function firstLine(child: ChildProcess, name: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    child.once('error', (cause) => {
      reject(new Error(`${name}: ${cause.message}; 'node scripts/system-packages.mjs --test' installs it`));
    });
    child.once('exit', (code) => {
      reject(new Error(`${name} ended (${String(code)})`));
    });
    if (child.stdout) createInterface(child.stdout).once('line', resolve);
  });
}

/** Waits until the keyring answers on the bus; in the foreground it says nothing itself. */
async function served(keyring: ChildProcess, env: NodeJS.ProcessEnv): Promise<void> {
  const question = ['--session', '--print-reply', '--dest=org.freedesktop.DBus', '/org/freedesktop/DBus'];
  const name = ['org.freedesktop.DBus.NameHasOwner', 'string:org.freedesktop.secrets'];
  const ended = new Promise<never>((_, reject) => {
    const fail = (cause: unknown): void => {
      reject(
        new Error(
          `gnome-keyring-daemon ended: ${String(cause)}; see 'node scripts/system-packages.mjs --test'`,
        ),
      );
    };
    keyring.once('error', fail);
    keyring.once('exit', fail);
  });
  const answer = async (): Promise<void> => {
    for (let attempt = 0; attempt < 100; attempt++) {
      const { stdout } = await promisify(execFile)('dbus-send', [...question, ...name], { env });
      if (stdout.includes('boolean true')) return;
      await setTimeout(50);
    }
    throw new Error('gnome-keyring-daemon does not serve secrets');
  };
  await Promise.race([answer(), ended]);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill();
  await ended;
}
