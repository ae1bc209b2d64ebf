/** The signature keys that we know were kicked from the room, in whichever of its generations. */
import { encodeHex } from '../../bytes/hex.ts';
import { newest } from '../kicked-memory.ts';
import type { MeetingParameters } from '../meeting-parameters.ts';

/** What is remembered of a room while a coordinator lives. */
export class KickedKeys {
  #keys: readonly Uint8Array[] = [];
  #names: ReadonlySet<string> = new Set();

  constructor(keys: readonly Uint8Array[]) {
    this.add(keys);
  }

  /** Oldest first. */
  get all(): readonly Uint8Array[] {
    return this.#keys;
  }

  has(signatureKey: Uint8Array): boolean {
    return this.#names.has(encodeHex(signatureKey));
  }

  add(keys: readonly Uint8Array[]): void {
    if (keys.length === 0) return;
    this.#keys = newest([...this.#keys, ...keys]);
    this.#names = new Set(this.#keys.map((key) => encodeHex(key)));
  }

  /**
   * With what a group of the room is made: these keys are kicked from the start, besides those that it is to be made with anyway.
   * Where there are others than those, its door is closed, as each kick leaves it: whoever was kicked has the link.
   */
  foundingOf(parameters: MeetingParameters): MeetingParameters {
    const { kickedKeys, admission } = parameters;
    const named = new Set(kickedKeys.map((key) => encodeHex(key)));
    const others = this.#keys.filter((key) => !named.has(encodeHex(key)));
    return {
      ...parameters,
      kickedKeys: newest([...kickedKeys, ...others]),
      admission: others.length > 0 ? 'ask' : admission,
    };
  }
}
