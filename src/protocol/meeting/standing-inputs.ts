/** What a room is told when it is entered: what we send, how it is encoded, and whom we watch. */
import type { UplinkItem } from '../media/encoded-media.ts';
import type { MeetingInput } from './inputs.ts';
import type { Sending } from './own-media.ts';

const OFF: Sending = { microphone: false, camera: false };
/** Nothing is sent from now on. */
export const SILENCE = { kind: 'sending', sending: OFF } as const;

/** The newest of each. */
export class StandingInputs {
  #sending: Sending = OFF;
  readonly #configs = new Map<string, UplinkItem>();
  #watched: MeetingInput | undefined;

  /** Takes what a room that is there is told. */
  take(input: MeetingInput): void {
    if (input.kind === 'sending') this.#sending = input.sending;
    if (input.kind === 'sleeping') this.#sending = OFF;
    if (input.kind === 'watch') this.#watched = input;
    if (input.kind !== 'uplink') return;
    if (input.item.kind === 'uplink-config') this.#configs.set(input.item.config.kind, input.item);
    if (input.item.kind === 'uplink-off') this.#configs.delete(input.item.media);
  }

  /** What a room is told first. On if it was on, and never else. */
  get all(): readonly MeetingInput[] {
    const configs = [...this.#configs.values()].map((item) => ({ kind: 'uplink', item }) as const);
    const watched = this.#watched === undefined ? [] : [this.#watched];
    return [{ kind: 'sending', sending: this.#sending }, ...configs, ...watched];
  }
}
