/** A keychain of one's own: a D-Bus session with an unlocked, empty gnome-keyring, as a machine without a desktop needs. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

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
  const runtime = join(folder, 'run');
  await mkdir(join(home, '.local/share'), { recursive: true });
  await mkdir(runtime, { recursive: true, mode: 0o700 });
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
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  // The password of the new keyring, then its end.
  keyring.stdin.end('\n');
  await firstLine(keyring, 'gnome-keyring-daemon').catch(async (cause: unknown) => {
    await end(bus);
    throw cause;
  });
  return {
    env,
    close: async () => {
      await end(keyring);
      await end(bus);
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

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill();
  await ended;
}
