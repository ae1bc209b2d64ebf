import type { JoinStep, MeetingState } from '../../../contract/state.ts';

/**
 * The steps that lie on the way into a meeting.
 * @param creating - one opens the meeting oneself, so there is nobody to wait for.
 */
export function pathOf(creating: boolean): readonly JoinStep[] {
  return creating
    ? ['connecting', 'asking-counter', 'creating', 'sealed']
    : ['connecting', 'asking-counter', 'waiting-for-member', 'welcome-received', 'sealed'];
}

/** Whether one has asked to be let in for longer than apps take: somebody decides about it. */
export function isKeptWaiting({
  step,
  sentence,
}: Pick<MeetingState & { readonly kind: 'joining' }, 'step' | 'sentence'>): boolean {
  return step === 'waiting-for-member' && sentence !== undefined;
}
