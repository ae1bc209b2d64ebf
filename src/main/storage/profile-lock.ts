/**
 * A lock that one process at a time holds on a profile, and that the system takes back when the process dies:
 * a local socket that listens. On Windows it is a named pipe, which only one process can make.
 *
 * Elsewhere a socket's file outlives its process, and taking over a dead one's name cannot be done in one step. So
 * each candidate listens under a name of its own, above all names that are there, and looks only then: it has the
 * lock when it sees no higher name and nobody answers at a lower one. Of two candidates the one that began to
 * listen later sees the other: both cannot have it. Names of the dead are removed by who has the lock.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, realpath, rm, symlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** A lock that is held, until `release`. */
export interface ProfileLock {
  release(): Promise<void>;
}

/** A lock, or the news that a living process has it. */
export type LockOutcome =
  { readonly kind: 'locked'; readonly lock: ProfileLock } | { readonly kind: 'in-use' };

const LOCK_NAME = /^lock-(\d{9})-[0-9a-f]{8}$/;
/** Longest path of a socket file that every system takes, and what a lock's name takes of it. */
const MAX_SOCKET_PATH = 100;
const LOCK_NAME_LENGTH = 23;
/** How often, and in milliseconds, a lower candidate is given time to give way. */
const LOOKS = 8;
const LOOK_INTERVAL = 25;

/**
 * Takes the lock of a directory that exists.
 * @throws {Error} of the file system, for example where it has no sockets.
 */
export async function lockProfile(directory: string): Promise<LockOutcome> {
  const real = await realpath(directory);
  if (process.platform === 'win32') {
    const name = createHash('sha256').update(real.toLowerCase()).digest('hex');
    return lockByPipe(`\\\\.\\pipe\\conclave-${name}`);
  }
  if (Buffer.byteLength(real) + 1 + LOCK_NAME_LENGTH <= MAX_SOCKET_PATH) return lockBySocket(real, real);
  // The socket is in the directory all the same; only the way to it is short.
  const short = await mkdtemp(join(tmpdir(), 'conclave-'));
  try {
    await symlink(real, join(short, 'p'));
    return await lockBySocket(real, join(short, 'p'));
  } finally {
    await rm(short, { recursive: true, force: true });
  }
}

async function lockByPipe(path: string): Promise<LockOutcome> {
  try {
    const server = await listen(path);
    return { kind: 'locked', lock: { release: () => closed(server) } };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return { kind: 'in-use' };
    throw error;
  }
}

/** @param way - a path to `directory` that is short enough for sockets. */
async function lockBySocket(directory: string, way: string): Promise<LockOutcome> {
  const mine = nameAbove(await lockNames(directory));
  const server = await listen(join(way, mine));
  const release = async () => {
    // Before closing, so that nobody finds a name without a process.
    await rm(join(directory, mine), { force: true });
    await closed(server);
  };
  try {
    for (let look = 0; look < LOOKS; look += 1) {
      const others = (await lockNames(directory)).filter((name) => name !== mine);
      if (others.some((name) => name > mine)) break;
      const answers = await Promise.all(others.map((name) => answersAt(join(way, name))));
      if (!answers.includes(true)) {
        for (const dead of others) await rm(join(directory, dead), { force: true });
        return { kind: 'locked', lock: { release } };
      }
      await pause(LOOK_INTERVAL);
    }
  } catch (error) {
    await release();
    throw error;
  }
  await release();
  return { kind: 'in-use' };
}

async function lockNames(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((name) => LOCK_NAME.test(name));
}

function nameAbove(names: readonly string[]): string {
  const numbers = names.map((name) => Number(LOCK_NAME.exec(name)?.[1]));
  const next = Math.max(0, ...numbers) + 1;
  return `lock-${String(next).padStart(9, '0')}-${randomBytes(4).toString('hex')}`;
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.destroy();
    });
    server.once('error', reject);
    server.listen(path, () => {
      // The lock alone keeps no process alive.
      server.unref();
      resolve(server);
    });
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}

function answersAt(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}
