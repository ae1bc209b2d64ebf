/** What the meeting engine needs of its MLS group, and hears from it. */
import type { MoqtClient, PublishOffer } from '../../io/moqt/client-api.ts';
import type { JoinStep } from '../../contract/state.ts';
import type { SenderId } from '../../protocol/group/names.ts';
import type { EpochView } from '../../protocol/group/mls.ts';
import type { LeafIndex, Member } from '../../protocol/group/roster.ts';
import type { UnixMillis } from '../../protocol/units.ts';

/** How an epoch came about. */
export interface EpochChange {
  readonly added: readonly Member[];
  readonly removed: readonly Member[];
  /** Who committed; undefined when we joined by it or it is not known. */
  readonly by: Member | undefined;
  /** By the counter's receipt, or our own clock in plain mode. */
  readonly time: UnixMillis;
}

/** Why a group came to its end for us. */
export type StopReason =
  | { readonly kind: 'left' }
  | { readonly kind: 'removed' }
  /** Our leaf was replaced by a join that we did not make. */
  | { readonly kind: 'replaced' }
  | { readonly kind: 'failed'; readonly sentence: string };

/** What the group tells the engine. */
export interface MeetingGroupListener {
  step(step: JoinStep, sentence: string | undefined): void;
  /** `view.masterKey` belongs to the listener. */
  epoch(view: EpochView, change: EpochChange, sender: SenderId): void;
  /** A commit is under way: keys are about to change. */
  changing(changing: boolean): void;
  /** A control or media track under the group's namespace. */
  offered(offer: PublishOffer): void;
  /** Something that a person must know and that does not end the meeting. */
  attention(sentence: string): void;
  stopped(reason: StopReason): void;
}

/** What the engine asks of the group. */
export interface MeetingGroup {
  /** A session to a relay is there (again). */
  transportRestored(client: MoqtClient): void;
  transportLost(): void;
  /** The member said good-bye. */
  memberLeft(leaf: LeafIndex): void;
  /** Nothing is heard of the member. */
  memberVanished(leaf: LeafIndex): void;
  memberAlive(leaf: LeafIndex): void;
  /** Removes a member and does not let its key in again. */
  kick(leaf: LeafIndex): void;
  /** A commit without changes is due: keys near their limits. */
  requestUpdate(): void;
  /** Stops taking part; others remove us. Erases our state of the group. */
  leave(): Promise<void>;
  /** Stops here and now; the sealed state stays, to be resumed. */
  suspend(): Promise<void>;
}
