/** Draws what the window is shown of a group from the tree and what is known of its members. */
import { ownRoleIn, roleOf } from '../group/roles.ts';
import type { EpochBegun } from './group-events.ts';
import { participantIdOf, type Members } from './members.ts';
import type { Sending } from './own-media.ts';
import type { EpochRecord, GroupView, ParticipantView } from './view.ts';

/** Changes of keys that are shown, the newest. */
export const MAX_HISTORY = 500;

/** The group in its newest epoch. Who is in it is read from the tree alone. */
export function showGroup(
  begun: Omit<EpochBegun, 'masterKey'>,
  members: Members,
  sending: Sending,
): GroupView {
  const { group, senderId, epoch, ownLeaf, securityCode, suite, parameters } = begun;
  const participants = begun.roster.map((member): ParticipantView => {
    const id = participantIdOf(member);
    const self = member.leaf === ownLeaf;
    const remote = members.get(id);
    return {
      id,
      member,
      self,
      role: roleOf(parameters, member.fingerprint),
      displayName: remote?.displayName,
      joinedEpoch: members.joinedEpoch(id) ?? epoch,
      leaving: members.isLeaving(id),
      heard: self || members.isHeard(id),
      removing: members.isCut(id),
      audio: self ? onOrOff(sending.microphone) : (remote?.mediaState('audio') ?? 'starting'),
      video: self ? onOrOff(sending.camera) : (remote?.mediaState('video') ?? 'starting'),
      doubt: remote?.doubt ?? 'none',
    };
  });
  const role = ownRoleIn(begun) ?? 'member';
  const { admission } = parameters;
  return { group, senderId, epoch, ownLeaf, securityCode, suite, parameters, role, admission, participants };
}

/** The changes of keys that we have seen, with one more. */
export function historyWith(
  history: readonly EpochRecord[],
  { group, epoch, receipt, change, securityCode }: Omit<EpochBegun, 'masterKey'>,
): readonly EpochRecord[] {
  return [...history, { group, epoch, receipt, change, securityCode }].slice(-MAX_HISTORY);
}

const onOrOff = (on: boolean): 'live' | 'off' => (on ? 'live' : 'off');
