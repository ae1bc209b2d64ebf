import type { JoinStep } from '../../../contract/state.ts';

const steps: Record<JoinStep, string> = {
  connecting: 'Connecting to the relay',
  'asking-counter': 'Asking whether the meeting has begun',
  creating: 'Opening the meeting',
  'waiting-for-member': 'Waiting for somebody inside',
  'welcome-received': 'Let in, fetching the keys',
  sealed: 'Sealed',
};

const doing: Record<JoinStep, string> = {
  connecting: 'Connecting to the relay.',
  'asking-counter': 'Asking the counter whether the meeting has begun.',
  creating: 'Nobody is here yet, so you open the meeting.',
  'waiting-for-member':
    'Waiting to be let in. An app that is already in the meeting does this automatically.',
  'welcome-received': 'You are let in. Fetching the keys.',
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
