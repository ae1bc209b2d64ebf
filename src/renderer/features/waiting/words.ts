import type { JoinStep } from '../../../contract/state.ts';

const steps: Record<JoinStep, string> = {
  connecting: 'Connecting to the relay',
  'asking-counter': 'Checking whether the meeting has started',
  creating: 'Starting the meeting',
  'waiting-for-member': 'Waiting to be let in',
  'welcome-received': 'Let in; fetching the keys',
  sealed: 'Sealed',
};

const doing: Record<JoinStep, string> = {
  connecting: 'Connecting to the relay.',
  'asking-counter': 'Checking with the counter whether the meeting has started.',
  creating: 'Nobody is here yet, so you are starting the meeting.',
  'waiting-for-member': 'Asking to be let in.',
  'welcome-received': 'You have been let in. Fetching the keys.',
  sealed: 'You hold the keys.',
};

/** What the waiting room says. */
export const words = {
  steps,
  doing,
  done: '(done)',
  soFar: (time: string): string => `${time} so far`,
  cancel: 'Cancel',
  whatTheySee: (name: string): string =>
    `An organiser of the meeting decides whether you come in. They see that you call yourself ${name}, and your fingerprint, by which they can tell that it is you.`,
  fingerprint: 'Your fingerprint',
  compare: (identity: 'kept' | 'guest'): string =>
    `If they ask, read it to them, for example over the phone.${identity === 'guest' ? ' As a guest you have a new one each time.' : ''}`,
  noAnswer:
    'You are not told if they decide against it. If nothing happens, ask whoever sent you the invitation.',
} as const;
