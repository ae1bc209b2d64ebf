/** Moves by members that are no organisers, about each of which a person is asked. @see docs/protocol.md#moving */
import type { Member } from '../group/roster.ts';
import type { ParticipantId } from '../media/encoded-media.ts';
import { participantIdOf } from './members.ts';
import type { Room } from './room.ts';
import type { SeenMove } from './seen-move.ts';

/** One that waits for its answer. */
export interface MoveQuestion {
  readonly from: Room;
  readonly move: SeenMove;
}

/** The part of the machine of all rooms. */
export class MoveQuestions {
  /** The newest of each mover, so that none takes the place of another's. */
  readonly #asked = new Map<ParticipantId, MoveQuestion>();
  readonly #declined = new Set<string>();

  /** By whom the move is that a person is asked about now. */
  get by(): Member | undefined {
    const [first] = this.#asked.values();
    return first?.move.mover;
  }

  ask(question: MoveQuestion): void {
    const { mover, commitment } = question.move;
    if (!this.#declined.has(commitment)) this.#asked.set(participantIdOf(mover), question);
  }

  /** A person has answered. @returns what is to be followed. */
  answer(follows: boolean): MoveQuestion | undefined {
    const [first] = this.#asked;
    if (first === undefined) return undefined;
    const [by, question] = first;
    this.#asked.delete(by);
    if (follows) return question;
    this.#declined.add(question.move.commitment);
    return undefined;
  }

  /** The meeting has moved, or we leave it: nobody waits for an answer any more. */
  clear(): void {
    this.#asked.clear();
  }
}
