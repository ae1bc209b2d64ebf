import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeUtf8 } from '../../protocol/bytes/utf8.ts';
import { writeDurably } from './durable-file.ts';
import { lockProfile, type ProfileLock } from './profile-lock.ts';
import { settingsOf, type Settings } from './settings.ts';

/** A profile that this process alone uses, or why it cannot. */
export type ProfileOutcome =
  | { readonly kind: 'open'; readonly profile: Profile }
  /** Another running copy of the app uses it. */
  | { readonly kind: 'in-use' }
  /** The directory cannot be made, read or locked; `detail` is the system's word. */
  | { readonly kind: 'unusable'; readonly detail: string };

/** The file's content; the ID names the profile's entries in the keychain. */
interface ProfileFile {
  readonly id: string;
  readonly settings: Settings;
}

const PROFILE_ID = /^[A-Za-z0-9_-]{22}$/;

/**
 * Opens a profile: makes its directory on first use, locks it, and reads its settings.
 * @param directory - of this profile alone.
 */
export async function openProfile(directory: string): Promise<ProfileOutcome> {
  let lock: ProfileLock | undefined;
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const locked = await lockProfile(directory);
    if (locked.kind === 'in-use') return locked;
    lock = locked.lock;
    const path = join(directory, 'profile.json');
    const known = await readProfileFile(path);
    const file = known ?? { id: randomBytes(16).toString('base64url'), settings: settingsOf(undefined) };
    if (known === undefined) await writeProfileFile(path, file);
    return { kind: 'open', profile: new Profile(directory, file, lock) };
  } catch (error) {
    await lock?.release();
    return { kind: 'unusable', detail: error instanceof Error ? error.message : String(error) };
  }
}

/** A profile that is open in this process; made by {@link openProfile}. */
export class Profile {
  /** Names the profile's entries in the keychain; stays with the directory when it moves. */
  readonly id: string;
  readonly #directory: string;
  readonly #lock: ProfileLock;
  #settings: Settings;
  #writing: Promise<void> = Promise.resolve();

  constructor(directory: string, file: ProfileFile, lock: ProfileLock) {
    this.#directory = directory;
    this.id = file.id;
    this.#settings = file.settings;
    this.#lock = lock;
  }

  /** Directory of the sealed meeting states. */
  get stateDirectory(): string {
    return join(this.#directory, 'state');
  }

  /** Settings as they are now. */
  get settings(): Settings {
    return this.#settings;
  }

  /**
   * Changes some settings.
   * @returns settled when they are on the disk.
   * @throws {Error} of the file system; they hold for this run all the same.
   */
  async changeSettings(changes: Partial<Settings>): Promise<void> {
    this.#settings = settingsOf({ ...this.#settings, ...changes });
    const file = { id: this.id, settings: this.#settings };
    const write = () => writeProfileFile(join(this.#directory, 'profile.json'), file);
    this.#writing = this.#writing.then(write, write);
    await this.#writing;
  }

  /** Lets other processes have the profile. */
  async close(): Promise<void> {
    await this.#writing.catch(() => undefined);
    await this.#lock.release();
  }
}

/** @returns `undefined` when there is none yet. @throws {SyntaxError} when it is not one. */
async function readProfileFile(path: string): Promise<ProfileFile | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const content: unknown = JSON.parse(text);
  const { id, settings } = (typeof content === 'object' && content !== null ? content : {}) as Record<
    string,
    unknown
  >;
  // A profile without its ID would get a second identity unseen: it is for the user to decide, not for us.
  if (typeof id !== 'string' || !PROFILE_ID.test(id))
    throw new SyntaxError(`${path} is not a profile of Conclave`);
  return { id, settings: settingsOf(settings) };
}

async function writeProfileFile(path: string, file: ProfileFile): Promise<void> {
  await writeDurably(path, encodeUtf8(`${JSON.stringify(file, undefined, 2)}\n`));
}
