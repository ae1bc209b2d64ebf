import type { Caller, ParticipantId } from '../../../contract/state.ts';

/** ms between two announcements: whoever has the link can knock as often as they like. */
const PAUSE = 10_000;

/** Tells of those who come to the door: the first at once, those who follow together. */
export class Announcer {
  readonly #announce: (callers: readonly Caller[]) => void;
  #known: ReadonlySet<ParticipantId> = new Set();
  #unannounced: readonly Caller[] = [];
  #pause: ReturnType<typeof setTimeout> | undefined;

  /** @param announce - is given who has come and still waits; never nobody. */
  constructor(announce: (callers: readonly Caller[]) => void) {
    this.#announce = announce;
  }

  /** @param callers - everybody who waits now. */
  follow(callers: readonly Caller[]): void {
    const come = callers.filter(({ id }) => !this.#known.has(id));
    this.#known = new Set(callers.map(({ id }) => id));
    this.#unannounced = [...this.#unannounced.filter(({ id }) => this.#known.has(id)), ...come];
    if (this.#pause === undefined) this.#tell();
  }

  /** Tells nothing more. */
  close(): void {
    clearTimeout(this.#pause);
  }

  #tell(): void {
    this.#pause = undefined;
    if (this.#unannounced.length === 0) return;
    const callers = this.#unannounced;
    this.#unannounced = [];
    this.#pause = setTimeout(() => {
      this.#tell();
    }, PAUSE);
    this.#announce(callers);
  }
}
