/** Who is speaking, from levels. */
import type { ParticipantId } from '../../contract/state.ts';

/** What {@link SpeakingDetector.speakers} returns in silence. */
export const nobody: ReadonlySet<ParticipantId> = new Set();

/** In -dBov: somebody as loud as this counts as speaking, and goes on doing so when a little quieter. */
const STARTS_AT = 45;
const KEEPS_AT = 52;
/** ms that a speaker stays marked after the last loud moment: words have gaps. */
const HOLD = 700;

/** Watches the levels of everybody. Times in ms of one clock. */
export class SpeakingDetector {
  readonly #heardAt = new Map<ParticipantId, number>();

  /** @param level - 0 (loudest) to 127 (silence), in -dBov. */
  hear(participant: ParticipantId, level: number, now: number): void {
    const threshold = this.#isSpeaking(participant, now) ? KEEPS_AT : STARTS_AT;
    if (level <= threshold) this.#heardAt.set(participant, now);
  }

  /** Forgets someone who has muted or left. */
  forget(participant: ParticipantId): void {
    this.#heardAt.delete(participant);
  }

  speakers(now: number): ReadonlySet<ParticipantId> {
    const speaking = new Set<ParticipantId>();
    for (const participant of this.#heardAt.keys())
      if (this.#isSpeaking(participant, now)) speaking.add(participant);
    return speaking;
  }

  #isSpeaking(participant: ParticipantId, now: number): boolean {
    const heardAt = this.#heardAt.get(participant);
    return heardAt !== undefined && now - heardAt <= HOLD;
  }
}
