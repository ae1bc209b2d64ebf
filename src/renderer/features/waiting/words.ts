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
  'waiting-for-member':
    'Waiting to be let in. The app of someone who is already in the meeting does this automatically.',
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
} as const;
