/**
 * Making a Commit: stage, lock, publish, increment, publish the receipt, merge.
 * @see draft-jennings-moq-e2ee-mls #commits_welcome
 */
import { ask } from './asks.ts';
import type { Job } from './asks.ts';
import type { LockToken } from '../../counter/client.ts';
import { applyOwnPlain, applyPlainAtHand, applyReceipted, joinElsewhere } from './applying.ts';
import { isFailure } from './counter-calls.ts';
import type { Phase } from './context.ts';
import type { MemberState, OwnStage } from './member-state.ts';

/** HTTP's status of a body that is too large: this counter has a lower limit than we know of. */
const TOO_LARGE = 413;

/** One attempt to begin the next epoch. When it fails, the staged Commit is kept for a later attempt. */
export function* commitOnce(state: MemberState): Job<Phase | undefined> {
  const stage = state.stage ?? (yield* makeStage(state));
  if (stage === undefined) return undefined;
  const { group, nextEpoch, counter } = state;
  const val = nextEpoch;
  const lock = yield* ask(
    'lock',
    state.isFenced
      ? {
          group,
          request: { mode: 'fenced', val, nonce: stage.nonce, generation: state.generation },
          member: state.handle,
        }
      : { group, request: { mode: 'plain', val } },
  );
  if (isFailure(lock)) {
    counter.commitFailed(lock);
    return undefined;
  }
  if (lock.kind === 'gone') return yield* joinElsewhere(state);
  if (lock.kind === 'locked' || lock.kind === 'alive') {
    counter.commitIn(lock.retryLaterMs);
    return undefined;
  }
  if (lock.kind === 'counter-error') {
    counter.isElsewhere();
    return undefined;
  }
  if (!state.isFenced) {
    const phase = yield* applyPlainAtHand(state);
    if (phase !== undefined || state.nextEpoch !== val) return phase;
  }
  if (state.isFenced && state.nextReceipt !== undefined) {
    // A counter that grants the lock all the same was restored from a backup: it is not asked without a pause.
    counter.lockLost();
    return undefined;
  }
  const { token } = lock;
  // In plain mode receivers look at object 0 only, as the draft says.
  const attempt = state.isFenced ? lock.attempt : 0;
  const { commit } = stage.commit;
  const welcomes = state.deliveries(stage);
  yield* ask('publish-commit', { group, epoch: val, attempt, commit, welcomes });
  if (token !== undefined) return yield* incrementFenced(state, stage, token, attempt);
  return yield* incrementPlain(state, stage);
}

/** Stages a Commit with the pending work, and saves it before anything of it is sent. */
function* makeStage(state: MemberState): Job<OwnStage | undefined> {
  const planned = state.plan();
  if (planned === undefined) {
    // The pending work cannot be done, such as the removal of somebody who has already left.
    state.counter.commitIn(state.context.options.timing.step);
    return undefined;
  }
  const outcome = yield* ask('stage', { handle: state.handle, plan: planned.plan });
  if (outcome.kind === 'refused') {
    state.work.refused(planned);
    return undefined;
  }
  const recipients = planned.joins.map(({ ref, senderId }) => ({ ref, recipient: senderId }));
  const stage = state.keepStage(outcome.commit, recipients);
  yield* state.save();
  return stage;
}

function* incrementFenced(
  state: MemberState,
  stage: OwnStage,
  token: LockToken,
  attempt: number,
): Job<Phase | undefined> {
  const { group, counter } = state;
  const { epoch: val, commit, transcript, nextKey } = stage.commit;
  const request = { mode: 'fenced', val, token, commit, transcript, nextKey } as const;
  const outcome = yield* ask('increment', { group, request, member: state.handle });
  if (outcome.kind === 'refused' && outcome.status === TOO_LARGE && stage.recipients.length > 1) {
    state.dropTooLarge(stage);
    return undefined;
  }
  if (isFailure(outcome)) {
    // The Commit may have been logged: the lock of the next attempt will tell.
    counter.commitFailed(outcome);
    return undefined;
  }
  if (outcome.kind === 'gone') return yield* joinElsewhere(state);
  if (outcome.kind === 'not-locked') {
    counter.lockLost();
    return undefined;
  }
  if (outcome.kind === 'ok' && outcome.receipt !== undefined) state.takeReceipt(val, outcome.receipt);
  const known = state.nextReceipt;
  if (state.isDistrusted || known === undefined || !state.isOurs(known)) {
    counter.isElsewhere();
    return undefined;
  }
  // The counter may have logged an earlier attempt; that is where the Commit was published.
  const logged = known.receipt.attempt;
  if (logged === attempt) {
    yield* ask('publish-receipt', { group, epoch: val, attempt, receipt: known.bytes });
  }
  state.rememberWelcomes(stage, logged, known.bytes);
  return yield* applyReceipted(state, { receipt: known, commit });
}

function* incrementPlain(state: MemberState, stage: OwnStage): Job<Phase | undefined> {
  const { group, counter } = state;
  state.rememberWelcomes(stage, 0, undefined);
  // Others apply object 0 at once, so we do too, whatever comes of the increment.
  const phase = yield* applyOwnPlain(state);
  if (phase !== undefined) return phase;
  const outcome = yield* ask('increment', { group, request: { mode: 'plain' } });
  if (outcome.kind !== 'ok') counter.incrementFailed();
  return undefined;
}
