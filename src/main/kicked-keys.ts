/** Keys that were kicked from rooms, at rest: one sealed list, which outlives all memberships. */
import { KickedMemory } from '../protocol/group/kicked-memory.ts';
import type { RoomKey } from '../protocol/group/room-keys.ts';
import type { StateStore } from './storage/state-store.ts';

const STORE_NAME = 'kicked-keys';

/** What this person's app remembers. A guest's is in a store that forgets with the process. */
export class KickedKeysStore {
  readonly #store: StateStore;
  /** The end of the queue that keeps reads and writes in their order. */
  #turn: Promise<unknown> = Promise.resolve();
  #memory: KickedMemory | undefined;

  constructor(store: StateStore) {
    this.#store = store;
  }

  /**
   * The signature keys that are remembered as kicked from a room, oldest first: a group that begins there has them in its
   * parameters from the start, and none is joined that has one as a member.
   * @throws {Error} of the file system.
   */
  of(room: RoomKey): Promise<readonly Uint8Array[]> {
    return this.#inTurn(async () => (await this.#read()).of(room));
  }

  /**
   * Remembers keys as kicked from a room: of a kick that was seen, or, before a room is joined to which a meeting moves, of
   * those whom it leaves behind.
   * @returns when that would survive a crash.
   * @throws {Error} of the file system; then it is as before.
   */
  remember(room: RoomKey, keys: readonly Uint8Array[]): Promise<void> {
    return this.#inTurn(async () => {
      const memory = (await this.#read()).with(room, keys);
      await this.#store.save(STORE_NAME, memory.encode());
      this.#memory = memory;
    });
  }

  async #read(): Promise<KickedMemory> {
    if (this.#memory !== undefined) return this.#memory;
    const loaded = await this.#store.load(STORE_NAME);
    // What cannot be read is as good as not there, like a membership.
    this.#memory =
      (loaded.kind === 'loaded' ? KickedMemory.decode(loaded.bytes) : undefined) ?? KickedMemory.empty;
    return this.#memory;
  }

  #inTurn<Value>(act: () => Promise<Value>): Promise<Value> {
    const turn = this.#turn.then(act, act);
    this.#turn = turn;
    return turn;
  }
}
