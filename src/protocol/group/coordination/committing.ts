/**
 * Making a Commit: stage, lock, publish, increment, publish the receipt, merge.
 * @see draft-jennings-moq-e2ee-mls #commits_welcome
 */
import { ask } from './asks.ts';
import type { Job } from './asks.ts';
import type { LockToken } from '../../counter/client.ts';
import { millis } from '../../units.ts';
import { applyOwnPlain, applyReceipted } from './applying.ts';
import { isFailure, reportFailure } from './counter-calls.ts';
import type { Phase } from './context.ts';
import type { MemberState, OwnStage } from './member-state.ts';

/** One attempt at the next epoch. What fails leaves the stage as it is, for a later attempt. */
export function* commitOnce(state: MemberState): Job<Phase | undefined> {
  const stage = state.stage ?? (yield* makeStage(state));
  if (stage === undefined) return undefined;
  const { context, group, nextEpoch } = state;
  const val = nextEpoch;
  const lock = yield* ask('lock', {
    group,
    request: state.fenced ? { mode: 'fenced', val, nonce: stage.nonce } : { mode: 'plain', val },
  });
  if (isFailure(lock)) {
    state.commitNotBefore = millis(context.now + reportFailure(context, lock, state.counterBackoff));
    return undefined;
  }
  if (lock.kind === 'locked') {
    state.commitNotBefore = millis(context.now + lock.retryLaterMs);
    return undefined;
  }
  if (lock.kind === 'counter-error') {
    askCounter(state);
    return undefined;
  }
  // Somebody's Commit arrived while we asked.
  if (state.fenced ? state.inbox.next(val)?.receipt : state.inbox.plain(val)) return undefined;
  const { token } = lock;
  // In plain mode everybody takes object 0 and nothing else, as drafted.
  const attempt = state.fenced ? lock.attempt : 0;
  const { commit } = stage.commit;
  const welcomes = state.deliveries();
  yield* ask('publish-commit', { group, epoch: val, attempt, commit, welcomes });
  if (token !== undefined) return yield* incrementFenced(state, stage, token, attempt);
  return yield* incrementPlain(state, stage);
}

/** Stages what is to be done; it rests on disk before anybody hears of it. */
function* makeStage(state: MemberState): Job<OwnStage | undefined> {
  const { view, work, context } = state;
  const planned = work.plan(view.roster, view.ownLeaf, context.now, view.parameters.kickedKeys);
  if (planned === undefined) {
    // What waits cannot be done, such as the removal of somebody who is not there.
    state.commitNotBefore = millis(context.now + context.options.timing.step);
    return undefined;
  }
  const outcome = yield* ask('stage', { handle: state.handle, plan: planned.plan });
  if (outcome.kind === 'refused') {
    work.refused(planned);
    return undefined;
  }
  const recipients = planned.joins.map(({ ref, sender }) => ({ ref, recipient: sender }));
  state.stage = state.stageOf(outcome.commit, recipients);
  yield* state.save();
  return state.stage;
}

function* incrementFenced(
  state: MemberState,
  stage: OwnStage,
  token: LockToken,
  attempt: number,
): Job<Phase | undefined> {
  const { context, group } = state;
  const { epoch: val, commit, transcript } = stage.commit;
  const request = { mode: 'fenced', val, token, commit, transcript } as const;
  const outcome = yield* ask('increment', { group, request });
  if (isFailure(outcome)) {
    // It may have been logged: the lock of the next attempt tells.
    state.commitNotBefore = millis(context.now + reportFailure(context, outcome, state.counterBackoff));
    return undefined;
  }
  if (outcome.kind === 'not-locked') {
    state.commitNotBefore = millis(context.now + state.commitBackoff.next());
    return undefined;
  }
  if (outcome.kind === 'counter-error' || outcome.receipt === undefined) {
    askCounter(state);
    return undefined;
  }
  const news = state.inbox.receipt(outcome.receipt, state.view.epoch, context.now);
  if (news === 'equivocation') state.distrust(val);
  const known = state.inbox.next(val)?.receipt;
  if (state.distrusted || known === undefined || !state.isOurs(known)) {
    askCounter(state);
    return undefined;
  }
  // The attempt that the counter logged is where the Commit lies, should it differ from this one.
  const logged = known.receipt.attempt;
  if (logged === attempt) {
    yield* ask('publish-receipt', { group, epoch: val, attempt, receipt: known.bytes });
  }
  state.rememberWelcomes(stage, logged, known.bytes);
  return yield* applyReceipted(state, known, commit);
}

function* incrementPlain(state: MemberState, stage: OwnStage): Job<undefined> {
  const { context, group } = state;
  state.rememberWelcomes(stage, 0, undefined);
  // Others apply object 0 at once, so do we, whatever becomes of the increment.
  yield* applyOwnPlain(state);
  const outcome = yield* ask('increment', { group, request: { mode: 'plain' } });
  if (outcome.kind !== 'ok') state.historyAt = millis(context.now + state.counterBackoff.next());
  return undefined;
}

/** The counter is elsewhere than we thought. */
function askCounter(state: MemberState): void {
  const { now } = state.context;
  state.historyAt = now;
  state.commitNotBefore = millis(now + state.commitBackoff.next());
}
