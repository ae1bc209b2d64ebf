/** Catching up with the others, by FETCH and by `/history`, and updating a counter that is behind us. */
import { epoch, millis } from '../../units.ts';
import type { Epoch, Millis } from '../../units.ts';
import { joinAgain } from './applying.ts';
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
  let phase: Phase | undefined;
  if (state.isDistrusted) {
    // Nothing that it says counts any more.
  } else if (current === undefined || current < view.epoch) yield* giveBack(state, current);
  else if (current === view.epoch) counter.inStep();
  else {
    // More pages, once these are applied.
    if (nextFrom !== undefined) counter.checkIn(AT_ONCE);
    if (state.nextReceipted === undefined) phase = yield* joinAgain(state);
  }
  return { kind: 'answered', reached: current ?? NOTHING_YET, phase };
}

/** Members of small groups ask often, since relays lose objects; those of large ones ask a few times a second in total. */
function untilNextCheck({ view, context }: MemberState): Millis {
  const { history, historyPerMember, historyLeast } = context.options.timing;
  return millis(Math.min(history, Math.max(historyLeast, view.roster.length * historyPerMember)));
}

/** Gives a counter that was restored from a backup its own receipts back, so that it moves forward to our epoch. */
function* giveBack(state: MemberState, current: Epoch | undefined): Job<undefined> {
  const { context, group, counter } = state;
  const outcome = yield* ask('upload', { group, entries: state.log.after(current) });
  if (outcome.kind === 'fork') state.distrust(outcome.epoch);
  if (outcome.kind === 'ok') counter.restoredFrom(current, context.options.timing.backoff);
  return undefined;
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
