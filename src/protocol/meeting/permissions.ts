/** Whether a decision can be carried out, by what is shown of the meeting: the window and the machine ask the same. */
import { MAX_ORGANISERS } from '../group/meeting-parameters.ts';
import type { ParticipantId } from '../media/encoded-media.ts';
import type { Decision, Refusal } from './decisions.ts';
import type { RoomsView } from './rooms-api.ts';
import type { GroupView, MeetingView, ParticipantView } from './view.ts';

/** Why a decision cannot be carried out; undefined when it can. */
export function refusalOf(
  decision: Decision,
  { group, door, attention }: Pick<MeetingView, 'group' | 'door' | 'attention'>,
): Refusal | undefined {
  if (group === undefined) return 'not-in-meeting';
  if (attention.has('equivocation')) return 'split';
  if (group.role !== 'organiser') return 'not-organiser';
  switch (decision.kind) {
    case 'admission':
      return undefined;
    case 'admit':
    case 'decline':
      return door.some(({ id }) => id === decision.participant) ? undefined : 'not-there';
    case 'kick':
      return aboutMember(group, decision.participant, ({ self }) => (self ? 'oneself' : undefined));
    case 'organiser':
      return aboutMember(group, decision.participant, ({ role }) =>
        roleRefusal(group, role, decision.isOrganiser),
      );
  }
}

/** Why the meeting cannot be moved without these; undefined when it can. */
export function moveRefusalOf(
  { group, isMoving }: Pick<RoomsView, 'group' | 'isMoving'>,
  leaveBehind: readonly ParticipantId[],
): Refusal | undefined {
  if (group === undefined) return 'not-in-meeting';
  if (group.role !== 'organiser') return 'not-organiser';
  if (isMoving) return 'moving';
  const own = group.participants.find(({ self }) => self);
  return own !== undefined && leaveBehind.includes(own.id) ? 'oneself' : undefined;
}

function aboutMember(
  { participants }: GroupView,
  id: ParticipantId,
  judge: (participant: ParticipantView) => Refusal | undefined,
): Refusal | undefined {
  const participant = participants.find((each) => each.id === id);
  return participant === undefined ? 'not-there' : judge(participant);
}

function roleRefusal(
  { participants }: GroupView,
  role: ParticipantView['role'],
  isToBeOrganiser: boolean,
): Refusal | undefined {
  const organisers = participants.filter((each) => each.role === 'organiser').length;
  if (!isToBeOrganiser) return role === 'organiser' && organisers === 1 ? 'last-organiser' : undefined;
  // Those who are gone make room.
  return role !== 'organiser' && organisers >= MAX_ORGANISERS ? 'too-many-organisers' : undefined;
}
