/** How far a membership of a group has come, and how it ended. */

/** How far joining has come. */
export type GroupStep =
  /** Asking the counter which group the room has. */
  | 'seeking'
  /** Nobody is there: making the group. */
  | 'creating'
  /** Somebody else is making the group right now. */
  | 'waiting-for-creator'
  /** Our KeyPackage is out; a member has to let us in. */
  | 'waiting-for-member'
  /** A Welcome came and is being checked. */
  | 'welcomed'
  /** The counter cannot be reached; tried again. */
  | 'counter-unreachable'
  /** The counter answers, and refuses what it is asked. */
  | 'counter-refusing'
  /** The counter wants another token. */
  | 'counter-unauthorized'
  | 'member';

/** Why a membership ended for good. */
export type StopReason =
  | 'left'
  /** Others removed us and will not let us in again. */
  | 'kicked'
  /** Somebody is in the meeting, or began it, whose key was kicked from the room, as we remember: we are not there with it. */
  | 'kicked-is-there'
  /** The line of changes was broken again and again, wherever the meeting moved, and nothing tells by whom. */
  | 'line-broken'
  /** Our leaf was replaced by a join that this device did not make: somebody else has our key. */
  | 'replaced'
  /** The group's parameters are not those of the invitation. */
  | 'parameters-differ';
