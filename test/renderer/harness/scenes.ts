/** Made-up states of the app, one for each screen worth looking at. */
import type {
  AppState,
  Caller,
  InvitationSummary,
  MediaState,
  MeetingState,
  Participant,
} from '../../../src/contract/state.ts';

const names = [
  'Ana Lindqvist',
  'Bo Chen',
  'Chidinma Okafor',
  'Dmitri Volkov',
  'Eleonora von Hohenstein-Wittgenstein',
  'Farid Rahimi',
  'Grace O’Neill',
  'Hiroshi Tanaka',
  'Ingrid Bergström',
  'José Álvarez',
];
const invitation: InvitationSummary = {
  title: 'Weekly review',
  relays: ['relay.example.com:4433'],
  counter: 'counter.example.com',
  verification: 'private-ca',
  keyAgreement: 'classical',
  mediaCipher: 'AES-128-GCM',
  mode: 'fenced',
};
const link = 'conclave://join/v1/AbCdEf0123456789';
const minute = 60_000;

export function person(at: number, change: Partial<Participant> = {}): Participant {
  const round = Math.floor(at / names.length);
  const name = names[at % names.length] ?? '';
  return {
    id: at === 0 ? 'self' : `p${String(at)}`,
    leaf: at,
    self: at === 0,
    displayName: round === 0 ? name : `${name} ${String(round + 1)}`,
    fingerprint: ['48213', '90117', '55620', '31874'],
    hue: (at * 67 + 20) % 360,
    joinedEpoch: String(at),
    leaving: false,
    role: at === 0 ? 'organiser' : 'member',
    removing: false,
    audio: 'live',
    video: 'live',
    doubt: 'none',
    ...change,
  };
}

/** Somebody at the door. */
export function caller(at: number, displayName: string | undefined): Caller {
  return {
    id: `c${String(at)}`,
    displayName,
    fingerprint: ['70455', '18263', '90021', String(44_170 + at)],
    hue: (at * 83 + 140) % 360,
    since: Date.now() - (at + 1) * 20_000,
  };
}

const callers: readonly Caller[] = [
  caller(0, 'Farid Rahimi'),
  caller(1, 'Maximiliane-Alexandra Freifrau von und zu Hohenstein-Wittgenstein-Sayn'),
  caller(2, undefined),
  caller(3, 'bo  chen'),
];

export function meetingOf(
  participants: readonly Participant[],
): MeetingState & { readonly kind: 'in-meeting' } {
  const now = Date.now();
  return {
    kind: 'in-meeting',
    invitation,
    link,
    since: now - 12 * minute - 41_000,
    connection: { kind: 'connected', relay: 'relay.example.com:4433' },
    participants,
    role: participants.find(({ self }) => self)?.role ?? 'member',
    admission: 'open',
    door: [],
    notices: [],
    encryption: {
      seal: 'sealed',
      sentence: undefined,
      stillHolding: [],
      epoch: '7',
      securityCode: ['48213', '90117', '55620', '31874', '20955', '71338'],
      keyAgreement: 'classical',
      keyAgreementName: 'X25519, Ed25519, SHA-256 (MLS 0x0001)',
      mediaCipher: 'AES-128-GCM',
      ownKey: { since: now - 20 * minute, renewing: false },
      history: [
        { epoch: '0', time: now - 13 * minute, added: ['Ana Lindqvist'], removed: [], by: undefined },
        {
          epoch: '1',
          time: now - 12 * minute,
          added: ['Bo Chen', 'Chidinma Okafor'],
          removed: [],
          by: 'Ana Lindqvist',
        },
        {
          epoch: '2',
          time: now - 5 * minute,
          added: ['Dmitri Volkov'],
          removed: ['Farid Rahimi'],
          by: 'Bo Chen',
        },
        { epoch: '3', time: now - 20_000, added: [], removed: [], by: 'Ana Lindqvist' },
      ],
      unreadableObjects: 0,
    },
    split: false,
    sending: { microphone: false, camera: false },
    moving: false,
    asked: undefined,
    away: undefined,
    clockOffset: undefined,
  };
}

const people = (count: number): Participant[] => Array.from({ length: count }, (_, at) => person(at));

/** A meeting in which one is no organiser. @param organisers - leaves of those who are. */
function memberOf(organisers: readonly number[]): MeetingState & { readonly kind: 'in-meeting' } {
  const role = ({ leaf }: Participant) => (organisers.includes(leaf) ? 'organiser' : 'member');
  return meetingOf(people(6).map((each) => ({ ...each, role: role(each) })));
}

const states: readonly MediaState[] = [
  'live',
  'off',
  'waiting-for-keys',
  'starting',
  'unreadable',
  'reconnecting',
  'unsupported',
];

const meetings: Record<string, () => MeetingState> = {
  'meeting-states': () =>
    meetingOf([
      person(0),
      ...states.map((video, at) => person(at + 1, { video, audio: at % 2 === 1 ? 'off' : video })),
      person(8, { displayName: undefined }),
      person(9, { leaving: true }),
    ]),
  'meeting-forged': () => ({
    ...meetingOf([
      ...people(3),
      person(3, { doubt: 'forged' }),
      person(4, { doubt: 'unconfirmed' }),
      person(5, { doubt: 'forged', displayName: undefined }),
    ]),
    notices: [
      {
        id: 1,
        time: Date.now(),
        sentence:
          'Somebody in this meeting sent as Dmitri Volkov. Dmitri Volkov’s sound and picture are stopped until that ends. Only somebody who holds the keys can do this: look at who is here, remove whom you do not know, or move to a new meeting.',
      },
    ],
  }),
  'meeting-lost': () => ({
    ...meetingOf(people(3)),
    connection: { kind: 'reconnecting', relay: 'relay.example.com:4433', attempt: 2, refused: false },
  }),
  'meeting-attention': () => {
    const meeting = meetingOf(people(4));
    return {
      ...meeting,
      encryption: {
        ...meeting.encryption,
        seal: 'attention',
        sentence: 'Someone who was removed asked to be let in again and was refused.',
      },
    };
  },
  'meeting-split': () => {
    const meeting = meetingOf(people(4));
    const sentence =
      'This meeting was split in two. The counter service signed two different versions of it, and some people may be in the other one. Nothing you say or show is sent any more. Save the key history as proof, leave, and tell whoever runs the service.';
    return { ...meeting, split: true, encryption: { ...meeting.encryption, seal: 'attention', sentence } };
  },
  'meeting-changing': () => {
    const meeting = meetingOf(people(4));
    return { ...meeting, encryption: { ...meeting.encryption, seal: 'changing' } };
  },
  'meeting-wrong-clock': () => ({ ...meetingOf(people(3)), clockOffset: 3 * 60 * minute }),
  'waiting-wrong-clock': () => ({
    kind: 'joining',
    invitation,
    step: 'waiting-for-member',
    since: Date.now() - 14_000,
    sentence: undefined,
    again: false,
    clockOffset: -2 * 24 * 60 * minute,
  }),
  'meeting-renewing': () => {
    const meeting = meetingOf(people(4));
    const ownKey = { since: Date.now() - 20 * minute, renewing: true };
    return { ...meeting, encryption: { ...meeting.encryption, ownKey } };
  },
  'door-organiser': () => ({ ...meetingOf(people(4)), admission: 'ask', door: callers.slice(0, 1) }),
  'door-several': () => ({ ...meetingOf(people(4)), admission: 'ask', door: callers }),
  'door-member': () => ({ ...memberOf([1, 3]), admission: 'ask', door: callers.slice(0, 2) }),
  'roles-organisers': () =>
    meetingOf(people(5).map((each) => (each.leaf === 4 ? { ...each, role: 'organiser' } : each))),
  'meeting-notices': () => ({
    ...meetingOf(people(4)),
    admission: 'ask',
    notices: [
      'Chidinma Okafor was removed by Bo Chen, who is no organiser.',
      'This meeting has as many organisers as it can have.',
      'That person is no longer there.',
      'Farid Rahimi was removed by Eleonora von Hohenstein-Wittgenstein, who is no organiser.',
    ].map((sentence, at) => ({ id: at + 1, time: Date.now() - (9 - 2 * at) * minute, sentence })),
  }),
  'waiting-at-door': () => ({
    kind: 'joining',
    invitation,
    step: 'waiting-for-member',
    since: Date.now() - 74_000,
    sentence: 'Waiting for somebody in the meeting to let you in.',
    again: false,
    clockOffset: undefined,
  }),
  waiting: () => ({
    kind: 'joining',
    invitation,
    step: 'waiting-for-member',
    since: Date.now() - 14_000,
    sentence: undefined,
    again: false,
    clockOffset: undefined,
  }),
  creating: () => ({
    kind: 'joining',
    invitation,
    step: 'creating',
    since: Date.now() - 900,
    sentence: undefined,
    again: false,
    clockOffset: undefined,
  }),
  'joining-again': () => ({
    kind: 'joining',
    invitation,
    step: 'waiting-for-member',
    since: Date.now() - 1_400,
    sentence: 'You were away, so the others changed the keys without you. You are joining again.',
    again: true,
    clockOffset: undefined,
  }),
  'meeting-still-holding': () => {
    const meeting = meetingOf(people(4));
    const sentence =
      'Bo Chen still holds the keys: the counter does not answer. This app keeps trying to change them.';
    return {
      ...meeting,
      encryption: { ...meeting.encryption, seal: 'attention', sentence, stillHolding: ['Bo Chen'] },
    };
  },
  'meeting-asked-to-move': () => ({ ...meetingOf(people(4)), asked: { by: 'Bo Berg' } }),
  'meeting-slept': () => ({ ...meetingOf(people(4)), away: { kind: 'slept', at: Date.now() } }),
  'meeting-rejoined': () => ({ ...meetingOf(people(4)), away: { kind: 'rejoined', at: Date.now() } }),
  'ended-left': () => ({
    kind: 'ended',
    invitation,
    reason: 'left',
    sentence: 'Your keys have been erased. The others go on without you.',
    link,
  }),
  'ended-taken': () => ({
    kind: 'ended',
    invitation,
    reason: 'taken',
    sentence:
      'Somebody who was removed for good has opened this room again, or was let in by others. This app does not sit with them. Start a new meeting and send its link to those you trust, or try again when they have gone.',
    link,
  }),
  'ended-removed': () => ({
    kind: 'ended',
    invitation,
    reason: 'removed',
    sentence: 'Bo Chen removed you at 14:02. What is said from now on cannot be opened with your keys.',
    link: undefined,
  }),
};

/** @throws {RangeError} for a scene that there is not. */
export function sceneFor(name: string, theme: 'light' | 'dark'): AppState {
  const base: AppState = {
    version: '0.1.0',
    identity: {
      kind: 'kept',
      displayName: 'Ana Lindqvist',
      fingerprint: ['48213', '90117', '55620', '31874'],
      hue: 20,
    },
    devicesAtStart: false,
    canCreate: true,
    pendingLink: undefined,
    theme,
    recent: [
      { title: 'Weekly review', link, time: Date.now() - 3 * 60 * minute },
      { title: 'Board meeting, third quarter', link: `${link}2`, time: Date.now() - 50 * 60 * minute },
    ],
    meeting: { kind: 'none' },
    closing: undefined,
  };
  const meeting = meetings[name];
  if (meeting !== undefined) return { ...base, meeting: meeting() };
  const size = /^meeting-(\d+)$/.exec(name)?.[1];
  if (size !== undefined) return { ...base, meeting: meetingOf(people(Number(size))) };
  switch (name) {
    case 'home':
      return base;
    case 'home-empty':
      return { ...base, canCreate: false, recent: [] };
    case 'first-start':
      return { ...base, identity: { kind: 'none' } };
    case 'no-keychain':
      return {
        ...base,
        identity: { kind: 'no-keychain', detail: 'Cannot create an item in a locked collection' },
      };
    case 'preview':
      return { ...base, pendingLink: link };
    case 'preview-bad':
      return { ...base, pendingLink: 'conclave://damaged' };
    default:
      throw new RangeError(`no scene ${name}`);
  }
}

export { invitation };
