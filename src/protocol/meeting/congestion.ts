/** Video is encoded with fewer bits for a while after a queue grew too long. */
import type { Millis } from '../units.ts';
import type { MeetingCore } from './core.ts';

const LASTS_MS = 5_000;
const BITS_PER_SECOND = 250_000;

/** Tells the encoder when there are to be fewer bits, and when no more. */
export class Congestion {
  readonly #core: MeetingCore;
  #until: Millis | undefined;

  constructor(core: MeetingCore) {
    this.#core = core;
  }

  /** A queue grew too long. */
  begin(): void {
    this.#until = this.#core.tasks.after(LASTS_MS);
    this.#tell(BITS_PER_SECOND);
  }

  /** Looks whether it is over. */
  tick(): void {
    if (this.#until === undefined || this.#core.tasks.now < this.#until) return;
    this.#until = undefined;
    this.#tell(undefined);
  }

  #tell(bitsPerSecond: number | undefined): void {
    this.#core.emit({ kind: 'downlink', item: { kind: 'video-bitrate', bitsPerSecond } });
  }
}
