import type { KeyChange } from '../../../contract/state.ts';

/** What the Security panel says. */
export const words = {
  title: 'Security',
  holders: (count: number): string =>
    count === 1
      ? 'Only you hold the keys. Nobody else can hear or see this meeting.'
      : `${String(count)} people hold the keys. Nobody else can hear or see this meeting.`,
  unreadable: (count: number): string =>
    `${String(count)} pieces of sound or picture could not be opened and were thrown away.`,
  code: 'Security code',
  compare:
    'Compare now: read these six groups aloud. When they are the same on every screen, everybody is in the same meeting with the same people.',
  changes: 'Changes of the keys',
  last: (when: string): string => `Last change ${when}`,
  all: (count: number): string => `Show all ${String(count)} changes`,
  change: (epoch: string): string => `Change ${epoch}`,
  export: 'Save key history',
  exportWhy: 'Signed by the counter; anyone can check it later without a network.',
  servers: 'Servers and what they can see',
  relay: 'Relay',
  relaySees: 'Sees who sends how much and when, by fingerprint. No sound, pictures or names.',
  counter: 'Counter',
  counterSees: 'Sees when keys change. No people, sound or pictures.',
  how: 'How it is sealed',
  agreements: {
    classical: 'The keys are agreed in the classical way, safe against today’s computers.',
    'post-quantum':
      'The keys are agreed in the post-quantum way: what is recorded today stays sealed to a later quantum computer.',
  },
  limits:
    'Each person in the meeting can hear and see all of it, and could pass it on. Relay and counter together could split a meeting in two; comparing the code shows that.',
  fingerprints: 'Fingerprints',
  fingerprintsWhy: 'Each person’s own, the same in every meeting.',
  details: 'Details',
  modes: { fenced: 'Fenced, with signed receipts', plain: 'Plain, forks are detected only' },
} as const;

/** One change of the keys as a sentence. */
export function describeChange({ epoch, added, removed, by }: KeyChange): string {
  if (epoch === '0' && added.length > 0) return `${list(added)} opened the meeting.`;
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
