import type { Caller, MeetingState, Participant } from '../../../contract/state.ts';

/** Of a meeting, what decides who comes in. */
export type Door = Pick<
  MeetingState & { readonly kind: 'in-meeting' },
  'door' | 'role' | 'admission' | 'participants'
>;

/** Names that are listed before the rest is a number. */
const FEW = 3;

/** What is said of the door. */
export const words = {
  waiting: (count: number): string =>
    count === 1 ? 'Somebody is waiting to be let in' : `${String(count)} people are waiting to be let in`,
  callsThemselves: 'Calls themselves',
  nameless: 'Somebody whose name cannot be read',
  fingerprint: 'Fingerprint',
  /** Somebody in the meeting has the name that a caller claims. */
  sameName: 'Somebody of that name is already in the meeting. Compare the fingerprint.',
  admit: 'Let in',
  decline: 'Don’t let in',
  admitting: 'Being let in…',
  /** @returns a button's label that says whom it is about. */
  about: (label: string, caller: Caller): string =>
    `${label}: ${caller.displayName ?? caller.fingerprint.join(' ')}`,
  more: (count: number): string => `Show ${String(count)} more`,
  hide: 'Hide',
  /** What one should know before one answers. */
  explain: (door: Door): string => {
    const sentences = [
      'A name is only what people call themselves. If you are not sure, have them read their fingerprint to you, for example over the phone.',
    ];
    if (decides(door)) sentences.push('Whoever you don’t let in is not told.');
    if (decides(door) && organisersOf(door).length > 1)
      sentences.push('Other organisers decide for themselves.');
    return sentences.join(' ');
  },
  /** Said aloud. */
  announce: (callers: readonly Caller[], door: Door): string =>
    `${whoWaits(callers)} ${decides(door) ? 'Press P to answer.' : whoDecides(door)}`,
  whoDecides,
  open: 'Anyone who has the link comes in at once.',
  ask: 'People are let in by an organiser.',
  lock: 'Lock meeting',
  unlock: 'Unlock meeting',
  lockMeans: 'Once it is locked, whoever has the link waits until an organiser lets them in.',
  unlockMeans: 'Once it is unlocked, anyone who has the link comes in without being asked.',
  unlockQuestion: 'Unlock the meeting?',
  unlockLets: (count: number): string =>
    `${count === 1 ? 'The person who is waiting comes' : `The ${String(count)} people who are waiting come`} in at once, as does anyone else who has the link.`,
  cancel: 'Cancel',
  locked: 'The meeting is locked. People are now let in by an organiser.',
  unlocked: 'The meeting is unlocked. Anyone who has the link now comes in at once.',
  /** Who can lock and unlock, for those who cannot. */
  whoLocks: (door: Door): string => {
    const names = organisersOf(door).map(({ displayName }) => displayName);
    return `Only an organiser can change this.${names.length === 0 ? '' : ` Ask ${list(names)}.`}`;
  },
} as const;

/** Whether one decides who comes in. */
export function decides({ role }: Pick<Door, 'role'>): boolean {
  return role === 'organiser';
}

/** Whether somebody in the meeting goes by the name that a caller claims. */
export function isNameTaken({ displayName }: Caller, participants: readonly Participant[]): boolean {
  if (displayName === undefined) return false;
  const plain = plainName(displayName);
  return participants.some(
    ({ displayName: name, leaving }) => name !== undefined && !leaving && plainName(name) === plain,
  );
}

/** Letters that look alike to people in a hurry are the same: case, width, spaces and invisible characters do not count. */
function plainName(name: string): string {
  return name
    .normalize('NFKC')
    .replaceAll(/[\s\p{Cf}]+/gu, '')
    .toLocaleLowerCase('en');
}

function organisersOf({ participants }: Pick<Door, 'participants'>): readonly Participant[] {
  return participants.filter(({ role, leaving }) => role === 'organiser' && !leaving);
}

function whoDecides(door: Door): string {
  const names = organisersOf(door).map(({ displayName }) => displayName);
  return names.length === 0 ? 'An organiser can let them in.' : `${list(names)} can let them in.`;
}

function whoWaits(callers: readonly Caller[]): string {
  const [first] = callers;
  if (callers.length === 1 && first?.displayName !== undefined)
    return `Somebody who calls themselves ${first.displayName} is waiting to be let in.`;
  return `${words.waiting(callers.length)}.`;
}

/** `Ana, Bo, or 2 others`. */
function list(names: readonly (string | undefined)[]): string {
  const shown = names.length > FEW + 1 ? names.slice(0, FEW) : names;
  const rest = names.length - shown.length;
  const parts = shown.map((name) => name ?? 'somebody whose name is still coming');
  if (rest > 0) parts.push(`${String(rest)} others`);
  return new Intl.ListFormat('en', { type: 'disjunction' }).format(parts);
}
