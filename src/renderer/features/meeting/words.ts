import type {
  Away,
  ConnectionState,
  Doubt,
  MediaState,
  MeetingState,
  Participant,
} from '../../../contract/state.ts';
import { roughly, timeOfDay } from '../../ui/duration.ts';

/** Why there is no picture; undefined when there is one or is about to be. */
const pictureWords: Record<MediaState, string> = {
  live: 'Picture is coming',
  off: 'Camera off',
  'waiting-for-keys': 'No keys yet',
  starting: 'Picture is coming',
  unreadable: 'Cannot be opened with these keys',
  reconnecting: 'Connection lost',
  unsupported: 'Picture format not known here',
};

const soundWords: Record<MediaState, string | undefined> = {
  live: undefined,
  off: 'Muted',
  'waiting-for-keys': 'No keys for the sound yet',
  starting: undefined,
  unreadable: 'The sound cannot be opened',
  reconnecting: 'Connection lost',
  unsupported: 'Sound format not known here',
};

/** Why nothing of somebody is played, though something comes. */
const doubtWords: Record<Exclude<Doubt, 'none'>, (name: string) => string> = {
  forged: (name) => `Somebody else is sending as ${name}. Sound and picture are stopped.`,
  unconfirmed: (name) =>
    `It cannot be confirmed that this comes from ${name}. Sound and picture are stopped.`,
};
const doubtSoundWords: Record<Exclude<Doubt, 'none'>, string> = {
  forged: 'Somebody else is sending as this person',
  unconfirmed: 'The sound cannot be confirmed',
};

type Admission = (MeetingState & { readonly kind: 'in-meeting' })['admission'];

const sealWords = { sealed: 'Sealed', changing: 'Changing keys', attention: 'Attention' } as const;

/** What a meeting says. */
export const words = {
  pictureWords,
  soundWords,
  doubtWords,
  doubtSoundWords,
  sealWords,
  nameOf: ({ displayName, self }: Participant): string =>
    displayName === undefined
      ? self
        ? 'You'
        : 'Name is coming'
      : self
        ? `${displayName} (you)`
        : displayName,
  /** Whose name is not known. */
  somebody: 'this person',
  speaking: 'speaking',
  pictureOf: (name: string): string => `Picture of ${name}`,
  tiles: 'People in the meeting',
  alone: 'You are the only one here',
  aloneNext: (admission: Admission): string =>
    `Copy the invitation and send it to the people you want to meet. ${admission === 'open' ? 'They come in at once.' : 'They wait until you let them in.'}`,
  copyInvitation: 'Copy invitation',
  copied: (admission: Admission): string =>
    `Invitation copied. ${admission === 'open' ? 'Whoever has it comes in at once.' : 'Whoever has it waits until an organiser lets them in.'}`,
  openSecurity: (state: keyof typeof sealWords): string => `${sealWords[state]}. Show who holds the keys`,
  controls: 'Controls',
  mute: 'Mute',
  unmute: 'Unmute',
  talking: 'Talking',
  cameraOff: 'Camera off',
  cameraOn: 'Camera on',
  people: 'People',
  invite: 'Invite',
  leave: 'Leave',
  leaveQuestion: 'Leave the meeting?',
  /** @param others - everybody else who is there, with names that are known. */
  leaveMeans: (others: readonly Participant[], closing: boolean): string =>
    `${closing ? 'Closing the window leaves it. ' : ''}${stillHere(others)} Leaving erases your keys; you can come back with the invitation.`,
  leaveNow: 'Leave',
  leaveAndClose: 'Leave and close',
  stay: 'Stay',
  shortcuts: 'Shortcuts',
  previousPage: 'Previous page',
  nextPage: 'Next page',
  page: (page: number, pages: number): string => `Page ${String(page)} of ${String(pages)}`,
  joined: (name: string): string => `${name} joined.`,
  left: (name: string): string => `${name} left.`,
  removing: (name: string): string => `You are removing ${name}.`,
  gone: (name: string): string => `${name} is no longer in the meeting.`,
  waiting: (count: number): string => `${String(count)} waiting to be let in`,
  isOrganiserNoMore: 'You are no longer an organiser.',
  reconnecting: ({
    attempt,
    refused,
    crowded,
  }: ConnectionState & { readonly kind: 'reconnecting' }): string => {
    if (refused)
      return 'The relay does not let this app into the meeting any more. Trying again. You are not sending anything. Ask whoever runs the relay.';
    if (crowded !== undefined)
      return `The relay ${crowded === 'relay' ? 'is full' : 'takes no more connections from your network'}. Trying again. You are not sending anything. Ask whoever runs the relay.`;
    return `Connection to the relay lost. Reconnecting (${ordinal(attempt)} try). You are not sending anything.`;
  },
  /** One was away. */
  away: ({ kind, at }: Away): string =>
    kind === 'slept'
      ? 'This computer was asleep. Your microphone and camera are off.'
      : `You were away, so the others changed the keys without you. You joined again at ${timeOfDay(at)}. Your microphone and camera are off.`,
  /** @param offset - ms by which the clock is fast; negative: slow. */
  wrongClock: (offset: number): string =>
    `Your computer’s clock is ${roughly(Math.abs(offset))} ${offset > 0 ? 'fast' : 'slow'}. The meeting and its keys do not depend on it, but times shown here may be wrong. Set the clock in the system settings.`,
  /** Somebody still holds the keys who should not. */
  stopSending: 'Stop sending',
  understood: 'Close this message',
  saveProof: 'Save key history',
  split: 'This meeting was split in two. Your microphone and camera stay off.',
  encoderFailed:
    'Your camera’s picture could not be prepared for sending. Switch the camera off and on again.',
  newKey: (since: number): string => `New keys since ${timeOfDay(since)}.`,
  fullScreen: 'Full screen',
  holdToTalk: 'Hold to talk while muted',
  holdToTalkNot: 'Where you have moved to a button with Tab, Space presses it instead.',
  moveSelf: 'Move your picture to another corner',
} as const;

function stillHere(others: readonly Participant[]): string {
  const [first, second] = others;
  if (first === undefined) return 'Nobody else is here any more.';
  const name = first.displayName ?? 'One other person';
  if (second === undefined) return `${name} is still here.`;
  if (others.length === 2 && second.displayName !== undefined)
    return `${name} and ${second.displayName} are still here.`;
  return `${name} and ${String(others.length - 1)} ${others.length === 2 ? 'other' : 'others'} are still here.`;
}

/** `1st`, `2nd`, `3rd`, `4th`, … */
export function ordinal(value: number): string {
  const teen = value % 100 >= 11 && value % 100 <= 13;
  const suffix = teen ? 'th' : (['th', 'st', 'nd', 'rd'][value % 10] ?? 'th');
  return `${String(value)}${suffix}`;
}
