/** The signature keys that we know were kicked from the room, in whichever of its generations. */
import { encodeHex } from '../../bytes/hex.ts';
import type { GroupCrypto } from '../crypto-port.ts';
import { newest } from '../kicked-memory.ts';
import { decodeMeetingParameters, MEETING_PARAMETERS_EXTENSION } from '../meeting-parameters.ts';
import type { MeetingParameters } from '../meeting-parameters.ts';
import type { EpochView } from '../mls.ts';
import { readContext, readExtensions } from '../mls-bytes.ts';
import { fingerprintOf } from '../names.ts';
import type { Fingerprint } from '../names.ts';

/** What is remembered of a room while a coordinator lives. */
export class KickedKeys {
  readonly #crypto: GroupCrypto;
  #keys: readonly Uint8Array[] = [];
  #names: ReadonlySet<string> = new Set();
  /** Those of the keys, in hexadecimal. */
  #fingerprints: ReadonlySet<string> = new Set();

  constructor(keys: readonly Uint8Array[], crypto: GroupCrypto) {
    this.#crypto = crypto;
    this.add(keys);
  }

  /** Whether there is any. */
  get isEmpty(): boolean {
    return this.#keys.length === 0;
  }

  has(signatureKey: Uint8Array): boolean {
    return this.#names.has(encodeHex(signatureKey));
  }

  add(keys: readonly Uint8Array[]): void {
    if (keys.length === 0) return;
    this.#keys = newest([...this.#keys, ...keys]);
    this.#names = new Set(this.#keys.map((key) => encodeHex(key)));
    this.#fingerprints = new Set(this.#keys.map((key) => encodeHex(fingerprintOf(key, this.#crypto))));
  }

  /** Whether one of these keys is that of a member, or of an organiser, who is one as soon as it is back. */
  areIn({ roster, parameters }: EpochView): boolean {
    return roster.some(({ signatureKey }) => this.has(signatureKey)) || this.#decide(parameters.organisers);
  }

  /**
   * Whether one of these keys has begun a group, by its own word: whoever begins one is its first organiser.
   * @param groupContext - what the counter has logged for epoch 0; what is none tells nothing.
   */
  haveBegun(groupContext: Uint8Array): boolean {
    const context = readContext(groupContext);
    const extensions = context && readExtensions(context.extensions);
    const extension = extensions?.find(({ type }) => type === MEETING_PARAMETERS_EXTENSION);
    const parameters = extension && decodeMeetingParameters(extension.data);
    return parameters !== undefined && this.#decide(parameters.organisers);
  }

  #decide(organisers: readonly Fingerprint[]): boolean {
    return organisers.some((each) => this.#fingerprints.has(encodeHex(each)));
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
