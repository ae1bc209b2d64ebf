/** What the meeting machine wants done. */
import type { Ask } from '../group/coordination/asks.ts';
import type { MembershipRecord } from '../group/coordination/asks.ts';
import type { RestoredMembership } from '../group/coordination/context.ts';
import type { GroupHandle, MovePlan } from '../group/mls.ts';
import type { DownlinkItem } from '../media/encoded-media.ts';
import type { TransportCommand } from '../moqt/transport.ts';
import type { Brand } from '../units.ts';
import type { SeenMove } from './seen-move.ts';
import type { MeetingView } from './view.ts';

/** Names one connection to a relay; never used again. */
export type ConnectionId = Brand<number, 'ConnectionId'>;
/** Names one question to the world; never used again. */
export type AskId = Brand<number, 'AskId'>;

/** Asks of the counter service: each is one call. */
export type CounterAsk = Ask<'room' | 'lock' | 'increment' | 'alive' | 'close' | 'history' | 'upload'>;

/** Asks of MLS: each is one call. */
export type MlsAsk =
  | Ask<
      | 'create-group'
      | 'make-key-package'
      | 'forget-key-packages'
      | 'inspect-key-package'
      | 'stage'
      | 'process'
      | 'apply'
      | 'join'
      | 'forget-group'
    >
  | MoveAsk;

/** Asks of MLS about moves of the meeting: they may overlap with the others. */
export type MoveAsk =
  /** Answer: {@link SealMoveOutcome}. */
  | { readonly kind: 'seal-move'; readonly input: { readonly handle: GroupHandle; readonly plan: MovePlan } }
  /** Answer: {@link OpenMoveOutcome}. */
  | {
      readonly kind: 'open-move';
      readonly input: { readonly handle: GroupHandle; readonly move: Uint8Array };
    };

/** Asks of the store, which seals what it writes. */
export type StoreAsk =
  /** Reads the membership that rests there. Answer: {@link LoadAnswer}. */
  | { readonly kind: 'load' }
  /** Writes MLS state and record so that they survive a crash. Answer: {@link WriteAnswer}. */
  | { readonly kind: 'save'; readonly handle: GroupHandle; readonly record: MembershipRecord }
  /** Remembers keys as kicked from the room, whatever becomes of the membership. Answer: {@link WriteAnswer}. */
  | { readonly kind: 'remember-kicked'; readonly keys: readonly Uint8Array[] }
  /** Forgets what was saved. Answer: {@link WriteAnswer}. */
  | { readonly kind: 'erase' };

/** What was read back. */
export interface LoadAnswer {
  /** Its group is restored in MLS; undefined: nothing, or nothing that can be used. */
  readonly restored: RestoredMembership | undefined;
  /** The signature keys that are remembered as kicked from the room. */
  readonly kickedKeys: readonly Uint8Array[];
}

/** What came of a write. */
export type WriteAnswer = 'written' | 'failed';

/** One effect; to be performed in order. Bytes are read, not changed. */
export type MeetingEffect =
  /** Opens a transport session to a relay, answered by `connected` or `connect-failed`; then `transport` events follow. */
  | { readonly kind: 'connect'; readonly connection: ConnectionId; readonly relay: string }
  | { readonly kind: 'transport'; readonly connection: ConnectionId; readonly command: TransportCommand }
  /** Waits until the transport has sent what is queued, answered by `flushed`. */
  | { readonly kind: 'flush'; readonly connection: ConnectionId }
  | { readonly kind: 'counter'; readonly id: AskId; readonly ask: CounterAsk }
  | { readonly kind: 'mls'; readonly id: AskId; readonly ask: MlsAsk }
  | { readonly kind: 'store'; readonly id: AskId; readonly ask: StoreAsk }
  /** Opened media and wishes to the encoder. */
  | { readonly kind: 'downlink'; readonly item: DownlinkItem }
  /** Somebody moves the meeting to another room, and it is the move that counts. */
  | { readonly kind: 'moved'; readonly move: SeenMove }
  /** What the window shows has changed. */
  | { readonly kind: 'show'; readonly view: MeetingView }
  /** The meeting is over for us and all is done: what it was made of can go. */
  | { readonly kind: 'ended' };
