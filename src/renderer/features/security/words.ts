import type { KeyChange } from '../../../contract/state.ts';

/** What the Security panel says. */
export const words = {
  title: 'Security',
  holders: (count: number): string =>
    count === 1
      ? 'Only you hold the keys. Nobody else can hear or see this meeting.'
      : `${String(count)} people hold the keys. Nobody else can hear or see this meeting.`,
  unreadable: (count: number): string =>
    count === 1
      ? '1 piece of audio or video could not be decrypted and was discarded.'
      : `${String(count)} pieces of audio or video could not be decrypted and were discarded.`,
  code: 'Security code',
  compare:
    'To compare, read these six groups aloud. If they are the same on every screen, everyone is in the same meeting with the same people.',
  changes: 'Key changes',
  last: (when: string): string => `Last change ${when}`,
  all: (count: number): string => `Show all ${String(count)} changes`,
  change: (epoch: string): string => `Change ${epoch}`,
  export: 'Save key history…',
  exportWhy:
    'Who came and went, signed by the counter and the members. Anyone can check the file later with conclave-verify, even offline. It holds names, and no key.',
  renewal: 'Your own keys',
  renew: 'Renew keys',
  renewing: 'Renewing keys…',
  renewWhy:
    'Gives this device a new key, and the meeting new keys with it. Whoever may have copied your keys before can no longer listen in. This app does so every hour by itself.',
  renewWaits: 'People take turns, so this can take half a minute or more.',
  keySince: (when: string): string => `New keys since ${when}.`,
  keyOfBefore: 'Your keys are from before this app was started.',
  servers: 'Servers and what they can see',
  relay: 'Relay',
  relaySees:
    'Sees who sends how much and when, by fingerprint and network address, but no audio, video or names.',
  counter: 'Counter',
  counterSees: 'Sees when keys change, and the network addresses that ask, but no audio, video or names.',
  how: 'How it is encrypted',
  agreements: {
    classical: 'Classical key agreement, safe against today’s computers.',
    'post-quantum':
      'Post-quantum key agreement: what is recorded today stays safe from later quantum computers.',
  },
  limits:
    'Everyone in the meeting can hear and see all of it, and could pass it on. Relay and counter together could split a meeting in two; comparing security codes reveals that.',
  fingerprints: 'Fingerprints',
  fingerprintsWhy: 'Each person has their own. It stays the same in every meeting, except for guests.',
  details: 'Details',
  modes: { fenced: 'Fenced, with signed receipts', plain: 'Plain: forks can be detected, not prevented' },
} as const;

/** One change of the keys as a sentence. */
export function describeChange({ epoch, added, removed, by }: KeyChange): string {
  if (epoch === '0' && added.length > 0) return `${list(added)} started the meeting.`;
  const parts: string[] = [];
  if (added.length > 0) parts.push(`${list(added)} joined`);
  if (removed.length > 0)
    parts.push(`${list(removed)} no longer ${removed.length === 1 ? 'holds' : 'hold'} keys`);
  if (parts.length === 0) parts.push('The keys were renewed');
  const change = parts.join(', ');
  return by === undefined ? `${change}.` : `${change}. Made by ${by}.`;
}

function list(names: readonly string[]): string {
  if (names.length <= 1) return names[0] ?? '';
  return `${names.slice(0, -1).join(', ')} and ${names[names.length - 1] ?? ''}`;
}
