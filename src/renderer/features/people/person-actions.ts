import type { Participant, Role } from '../../../contract/state.ts';

/** What an organiser can do about somebody. */
export type PersonAction = 'remove' | 'make-organiser' | 'end-organiser';

/** What one can do about a person, as the meeting's keys allow it. */
export interface PersonActions {
  readonly actions: readonly PersonAction[];
  /** Oneself is the only organiser, and a meeting needs one. */
  readonly isLastOrganiser: boolean;
}

const none: PersonActions = { actions: [], isLastOrganiser: false };

/**
 * @param own - the role of the person here.
 * @param participants - everybody who holds the keys.
 */
export function actionsFor(
  person: Participant,
  own: Role,
  participants: readonly Participant[],
): PersonActions {
  if (own !== 'organiser' || person.leaving) return none;
  const organisers = participants.filter(({ role }) => role === 'organiser').length;
  const isLastOrganiser = person.role === 'organiser' && organisers === 1;
  const actions: PersonAction[] = [];
  if (person.role !== 'organiser') actions.push('make-organiser');
  else if (!isLastOrganiser) actions.push('end-organiser');
  if (!person.self) actions.push('remove');
  return { actions, isLastOrganiser };
}
