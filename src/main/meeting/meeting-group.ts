/** What the meeting engine asks of its MLS group; what it hears are the events of `group-events.ts`. */
import type { MoqtClient, PublishOffer } from '../../io/moqt/client-api.ts';
import type { FullTrackName, MoqtObject } from '../../protocol/moqt/model.ts';
import type { LeafIndex } from '../../protocol/group/roster.ts';
import type { Epoch } from '../../protocol/units.ts';
import type { GroupEvent } from '../group/group-events.ts';

/** What the group tells the engine. */
export interface MeetingGroupListener {
  event(event: GroupEvent): void;
  /** A control or media track under the group's namespace. */
  offered(offer: PublishOffer): void;
  /** A fault of our own: the group does nothing more. */
  fault(error: Error): void;
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
  /** Something sealed in a later epoch arrived: what is missing is to be looked for. */
  epochSeen(epoch: Epoch): void;
  /** Objects of the group's own MLS tracks; undefined: not one of them. */
  ownObjects(track: FullTrackName): readonly MoqtObject[] | undefined;
  /** Stops taking part; others remove us. Erases our state of the group. */
  leave(): Promise<void>;
  /** Stops here and now; the sealed state stays, to be resumed. */
  suspend(): Promise<void>;
}
