/** A move of the meeting that somebody made, and what it is for us. @see docs/protocol.md#moving */
import type { Member } from '../group/roster.ts';

/** The move. */
export interface SeenMove {
  readonly mover: Member;
  /** `follow`: we go by ourselves; `ask`: a person decides; `left-behind`: it is not for us. */
  readonly kind: 'follow' | 'ask' | 'left-behind';
  /** Names the new room, in hexadecimal. */
  readonly commitment: string;
  /** Its link in UTF-8: secret; undefined when the move is not for us. */
  readonly invitation: Uint8Array | undefined;
  /** Who comes along, the mover among them. */
  readonly coming: readonly Member[];
  /** Whom the mover names. Whoever is in neither came when it had been decided. */
  readonly leftBehind: readonly Member[];
}
