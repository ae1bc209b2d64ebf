import type { Participant, Role } from '../../../contract/state.ts';
import type { PersonAction } from './person-actions.ts';

/** What a person is asked before something is done about somebody. */
export interface PersonQuestion {
  readonly title: string;
  readonly means: string;
  readonly yes: string;
  readonly danger: boolean;
}

const roles: Record<Role, string | undefined> = {
  organiser: 'Organiser',
  member: undefined,
};

/** What the People panel says. */
export const words = {
  title: (count: number): string => (count === 1 ? '1 person' : `${String(count)} people`),
  truth: 'Everyone who holds the keys right now.',
  search: 'Search',
  leaving: 'Has left; holds keys until the next change',
  removing: 'Is being removed; holds keys until the next change',
  since: (epoch: string): string =>
    epoch === '0' ? 'Started the meeting' : `Holds keys since change ${epoch}`,
  muted: 'Muted',
  cameraOff: 'Camera off',
  roles,
  roleMeans: {
    organiser: 'Can let people in, remove them, lock the meeting and make others organisers.',
    member: undefined,
  } satisfies Record<Role, string | undefined>,
  more: (name: string): string => `More about ${name}`,
  fingerprint: 'Fingerprint',
  lastOrganiser: 'You are the only organiser. To give this up, make somebody else an organiser first.',
  action: (action: PersonAction, { self }: Participant): string => {
    switch (action) {
      case 'make-organiser':
        return 'Make organiser';
      case 'end-organiser':
        return self ? 'Stop being organiser' : 'Take organiser role away';
      case 'remove':
        return 'Remove';
    }
  },
  /** @returns a button's label that says whom it is about. */
  about: (label: string, name: string): string => `${label}: ${name}`,
  question,
  cancel: 'Cancel',
  notices: 'What happened',
  allNotices: (count: number): string => `Show all ${String(count)}`,
} as const;

function question(action: PersonAction, { self }: Participant, name: string): PersonQuestion {
  switch (action) {
    case 'make-organiser':
      return {
        title: `Make ${name} an organiser?`,
        means:
          'They can then let people in, remove them, lock the meeting and make others organisers. They can also take the role away from others, including you.',
        yes: 'Make organiser',
        danger: false,
      };
    case 'end-organiser':
      if (self)
        return {
          title: 'Stop being an organiser?',
          means:
            'You can then no longer let people in, remove them or lock the meeting. Only another organiser can make you one again.',
          yes: 'Stop being organiser',
          danger: false,
        };
      return {
        title: `Take the organiser role away from ${name}?`,
        means: 'They stay in the meeting, but can no longer let people in, remove them or lock it.',
        yes: 'Take role away',
        danger: false,
      };
    case 'remove':
      return {
        title: `Remove ${name}?`,
        means:
          'The keys change, so this person can no longer hear or see what follows, and their key is not let in again. The meeting is also locked: whoever has the link, this person included, then waits until an organiser lets them in.',
        yes: 'Remove',
        danger: true,
      };
  }
}
