/** Catching up with the others, by FETCH and by `/history`, and bringing the counter up when it is behind us. */
import { COUNTER_LIMITS } from '../../counter/client.ts';
import type { HistoryEntry } from '../../counter/client.ts';
import { epoch, millis } from '../../units.ts';
import type { Epoch, Millis } from '../../units.ts';
import { joinAgain } from './applying.ts';
import { ask } from './asks.ts';
import type { Job } from './asks.ts';
import { isFailure, reportFailure } from './counter-calls.ts';
import type { Phase } from './context.ts';
import type { MemberState } from './member-state.ts';

/** Before epoch 0. */
const NOTHING_YET = epoch(-1n);

/** Feeds what the commits track still has. */
export function* fetchCommits(state: MemberState): Job<undefined> {
  const objects = yield* ask('fetch-commits', { group: state.group, from: state.nextEpoch });
  for (const object of objects) {
    const news = state.inbox.object(object, state.view.epoch, state.context.now);
    if (news === 'equivocation') state.distrust(object.epoch);
  }
  return undefined;
}

/** Asks the counter what is missing; its log is the truth. */
export function* askHistory(state: MemberState): Job<Phase | undefined> {
  const { context, group, view } = state;
  const outcome = yield* ask('history', { group, from: state.nextEpoch });
  if (isFailure(outcome)) {
    state.historyAt = millis(context.now + reportFailure(context, outcome, state.counterBackoff));
    return undefined;
  }
  state.counterBackoff.reset();
  state.answer = { reached: outcome.current ?? NOTHING_YET };
  for (const entry of outcome.entries) takeEntry(state, entry);
  state.historyAt = millis(context.now + untilNextCheck(state));
  if (state.distrusted) return undefined;
  if (outcome.current === undefined || outcome.current < view.epoch) {
    return yield* giveBack(state, outcome.current);
  }
  if (outcome.current === view.epoch) {
    state.away = false;
    return undefined;
  }
  // More pages, once these are applied.
  if (outcome.nextFrom !== undefined) state.historyAt = context.now;
  const next = state.inbox.next(state.nextEpoch);
  const usable = next?.receipt !== undefined && (next.commit !== undefined || state.isOurs(next.receipt));
  return usable ? undefined : yield* joinAgain(state);
}

/** Small groups ask often, since relays lose things; large ones together no more often than a few times a second. */
function untilNextCheck({ view, context }: MemberState): Millis {
  const { history, historyPerMember, historyLeast } = context.options.timing;
  return millis(Math.min(history, Math.max(historyLeast, view.roster.length * historyPerMember)));
}

function takeEntry(state: MemberState, { epoch: of, receipt, commit }: HistoryEntry): void {
  const { now } = state.context;
  const news = state.inbox.receipt(receipt, state.view.epoch, now);
  if (news === 'equivocation') state.distrust(of);
  if (commit !== undefined) state.inbox.commit(of, commit, state.view.epoch, now);
}

/** The counter is behind us, restored from a backup: it gets its own receipts back and goes forward. */
function* giveBack(state: MemberState, current: Epoch | undefined): Job<undefined> {
  const { context, group } = state;
  const missing = state.log.filter((entry) => current === undefined || entry.epoch > current);
  const entries = missing
    .slice(0, COUNTER_LIMITS.uploadEntries)
    .map(({ receipt, commit }) => ({ receipt, commit }));
  const outcome = yield* ask('upload', { group, entries });
  if (outcome.kind === 'fork') state.distrust(outcome.epoch);
  if (outcome.kind === 'ok') state.historyAt = millis(context.now + context.options.timing.backoff);
  return undefined;
}

/**
 * The same without a log: in plain mode there are only the track and the counter's value.
 * @param behindSince - when the counter was first seen ahead of us.
 */
export function* askPlainCounter(
  state: MemberState,
  behindSince: Millis | undefined,
): Job<{ phase: Phase | undefined; behindSince: Millis | undefined }> {
  const { context, group } = state;
  const { timing } = context.options;
  const outcome = yield* ask('probe', { group });
  if (isFailure(outcome)) {
    state.historyAt = millis(context.now + reportFailure(context, outcome, state.counterBackoff));
    return { phase: undefined, behindSince };
  }
  state.counterBackoff.reset();
  state.historyAt = millis(context.now + timing.history);
  const current = outcome.current ?? NOTHING_YET;
  state.answer = { reached: current };
  if (current > state.view.epoch) {
    const since = behindSince ?? context.now;
    if (context.now - since >= timing.grace) {
      return { phase: yield* joinAgain(state), behindSince: undefined };
    }
    state.historyAt = millis(context.now + timing.resend);
    return { phase: undefined, behindSince: since };
  }
  // Our epoch has reached the expected value: the counter is moved on without a Commit.
  if (current < state.view.epoch) {
    const lock = yield* ask('lock', { group, request: { mode: 'plain', val: epoch(current + 1n) } });
    if (lock.kind === 'granted') yield* ask('increment', { group, request: { mode: 'plain' } });
    state.historyAt = millis(context.now + timing.backoff);
  }
  state.away = false;
  return { phase: undefined, behindSince: undefined };
}
