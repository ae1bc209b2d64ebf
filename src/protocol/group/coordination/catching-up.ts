/** Catching up with the others, by FETCH and by `/history`, and updating a counter that is behind us. */
import { epoch, millis } from '../../units.ts';
import type { Epoch, Millis } from '../../units.ts';
import type { MeetingNow } from '../../counter/client.ts';
import { joinAgain, joinElsewhere } from './applying.ts';
import { ask } from './asks.ts';
import type { Job } from './asks.ts';
import { isFailure } from './counter-calls.ts';
import type { Phase } from './context.ts';
import type { MemberState } from './member-state.ts';

/** Before epoch 0. */
const NOTHING_YET = epoch(-1n);
const AT_ONCE = millis(0);

/** Outcome of asking the counter what is missing. */
export type CheckOutcome =
  | { readonly kind: 'failed' }
  | {
      readonly kind: 'answered';
      /** The epoch that the counter has reached, -1 before 0. */
      readonly reached: Epoch;
      /** The next phase, if this one ends. */
      readonly phase: Phase | undefined;
    };

/** Takes what the relay still has of the commits track. */
export function* fetchCommits(state: MemberState): Job<undefined> {
  const objects = yield* ask('fetch-commits', { group: state.group, from: state.nextEpoch });
  for (const object of objects) state.takeObject(object);
  return undefined;
}

/** Asks the counter what is missing; its log is the truth. */
export function* askHistory(state: MemberState): Job<CheckOutcome> {
  const { group, view, counter } = state;
  const outcome = yield* ask('history', { group, from: state.nextEpoch });
  if (isFailure(outcome)) {
    counter.checkFailed(outcome);
    return { kind: 'failed' };
  }
  const { current, entries, nextFrom } = outcome;
  for (const entry of entries) state.takeEntry(entry);
  counter.answered(untilNextCheck(state));
  if (outcome.meeting !== undefined) counter.leaseSeen(outcome.meeting.lease);
  let phase: Phase | undefined;
  if (state.isDistrusted) {
    // Nothing that it says counts any more.
  } else if (isElsewhere(state, outcome.meeting)) phase = yield* joinElsewhere(state);
  else if (current === undefined || current < view.epoch) phase = yield* giveBack(state, current);
  else if (current === view.epoch) counter.inStep();
  else {
    // More pages, once these are applied.
    if (nextFrom !== undefined) counter.checkIn(AT_ONCE);
    if (state.nextReceipted === undefined) phase = yield* joinAgain(state);
  }
  return { kind: 'answered', reached: current ?? NOTHING_YET, phase };
}

/** Whether the meeting is in a lower generation than ours. */
function isElsewhere({ generation }: MemberState, meeting: MeetingNow | undefined): boolean {
  return meeting?.generation !== undefined && meeting.generation < generation;
}

/** Says to the counter that our generation is alive; the answer says whether we are behind, or elsewhere than the meeting. */
export function* renewLease(state: MemberState): Job<Phase | undefined> {
  const { group, view, handle, counter, context } = state;
  const outcome = yield* ask('alive', { group, val: view.epoch, member: handle });
  if (isFailure(outcome)) {
    counter.renewalFailed(outcome);
    return undefined;
  }
  switch (outcome.kind) {
    case 'ok':
      counter.leaseSeen(outcome.meeting.lease);
      return isElsewhere(state, outcome.meeting) ? yield* joinElsewhere(state) : undefined;
    case 'counter-error':
      // One of us is behind: catching up tells which, and what is missing.
      counter.checkIn(AT_ONCE);
      counter.renewIn(context.options.timing.backoff);
      return undefined;
    case 'gone':
      return yield* joinElsewhere(state);
  }
}

/** Members of small groups ask often, since relays lose objects; those of large ones ask a few times a second in total. */
function untilNextCheck({ view, context }: MemberState): Millis {
  const { history, historyPerMember, historyLeast } = context.options.timing;
  return millis(Math.min(history, Math.max(historyLeast, view.roster.length * historyPerMember)));
}

/** Gives a counter that was restored from a backup its own receipts back, so that it moves forward to our epoch. */
function* giveBack(state: MemberState, current: Epoch | undefined): Job<Phase | undefined> {
  const { context, group, counter } = state;
  const outcome = yield* ask('upload', {
    group,
    generation: state.generation,
    entries: state.log.after(current),
  });
  if (outcome.kind === 'fork') state.distrust(outcome.epoch);
  if (outcome.kind === 'ok') counter.restoredFrom(current, context.options.timing.backoff);
  // It has forgotten us: nobody of our generation was heard for long.
  return outcome.kind === 'gone' ? yield* joinElsewhere(state) : undefined;
}

/** {@link askHistory} of plain mode, where the counter has a value but no log. */
export function* askPlainCounter(state: MemberState): Job<CheckOutcome> {
  const { context, group, counter } = state;
  const { timing } = context.options;
  const outcome = yield* ask('probe', { group });
  if (isFailure(outcome)) {
    counter.checkFailed(outcome);
    return { kind: 'failed' };
  }
  counter.answered(timing.history);
  const reached = outcome.current ?? NOTHING_YET;
  if (reached > state.view.epoch) {
    const hasGivenUp = context.now - counter.isAhead() >= timing.grace;
    if (hasGivenUp) return { kind: 'answered', reached, phase: yield* joinAgain(state) };
    counter.checkIn(timing.resend);
    return { kind: 'answered', reached, phase: undefined };
  }
  // Our epoch has reached the expected value: the counter is moved on without a Commit.
  if (reached < state.view.epoch) {
    const lock = yield* ask('lock', { group, request: { mode: 'plain', val: epoch(reached + 1n) } });
    if (lock.kind === 'granted') yield* ask('increment', { group, request: { mode: 'plain' } });
    counter.checkIn(timing.backoff);
  }
  counter.inStep();
  return { kind: 'answered', reached, phase: undefined };
}
