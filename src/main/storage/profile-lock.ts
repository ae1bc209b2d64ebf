/**
 * A lock that one process at a time holds on a profile, and that the system takes back when the process dies:
 * a local socket that listens. On Windows it is a named pipe, elsewhere a socket file in the profile's directory.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, realpath, rename, rm, symlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A lock that is held, until `release`. */
export interface ProfileLock {
  release(): Promise<void>;
}

/** A lock, or the news that a living process has it. */
export type LockOutcome =
  { readonly kind: 'locked'; readonly lock: ProfileLock } | { readonly kind: 'in-use' };

/** Longest path of a socket file that every system takes. */
const MAX_SOCKET_PATH = 100;
const ATTEMPTS = 5;

/**
 * Takes the lock of a directory that exists.
 * @throws {Error} of the file system, for example where it has no sockets.
 */
export async function lockProfile(directory: string): Promise<LockOutcome> {
  const real = await realpath(directory);
  if (process.platform === 'win32') {
    const name = createHash('sha256').update(real.toLowerCase()).digest('hex');
    return asOutcome(await listen(`\\\\.\\pipe\\conclave-${name}`));
  }
  const own = join(real, 'lock');
  if (Buffer.byteLength(own) <= MAX_SOCKET_PATH) return lockBySocket(own);
  // The socket is in the directory all the same; only the way to it is short.
  const short = await mkdtemp(join(tmpdir(), 'conclave-'));
  try {
    await symlink(real, join(short, 'p'));
    const outcome = await lockBySocket(join(short, 'p', 'lock'));
    if (outcome.kind === 'in-use') return outcome;
    // Closing removes the socket by the short way, which is gone by then.
    const release = async () => {
      await rm(own, { force: true });
      await outcome.lock.release();
    };
    return { kind: 'locked', lock: { release } };
  } finally {
    await rm(short, { recursive: true, force: true });
  }
}

async function lockBySocket(path: string): Promise<LockOutcome> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const server = await listen(path);
    if (server !== undefined) return asOutcome(server);
    if (await answers(path)) return { kind: 'in-use' };
    // Nobody listens: left by a process that died. It is moved away and asked once more, since another process
    // may have put its own there in between.
    const moved = `${path}.${randomBytes(4).toString('hex')}`;
    if (!(await renamed(path, moved))) continue;
    if (await answers(moved)) {
      await renamed(moved, path);
      return { kind: 'in-use' };
    }
    await rm(moved, { force: true });
  }
  return { kind: 'in-use' };
}

/** A server that listens at `path`, or `undefined` when something is there already. */
function listen(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.destroy();
    });
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(path, () => {
      // The lock alone keeps no process alive.
      server.unref();
      resolve(server);
    });
  });
}

function answers(path: string): Promise<boolean> {
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

async function renamed(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch {
    return false;
  }
}

function asOutcome(server: Server | undefined): LockOutcome {
  if (server === undefined) return { kind: 'in-use' };
  const release = () =>
    new Promise<void>((resolve) => {
      server.close(() => {
        resolve();
      });
    });
  return { kind: 'locked', lock: { release } };
}
