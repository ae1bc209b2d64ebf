/** Moving to the next epoch: only with its receipt in fenced mode, at once in plain mode. */
import { equal } from '../../bytes/equal.ts';
import type { StagedHandle } from '../mls.ts';
import { compareRosters } from '../roster.ts';
import type { LeafIndex } from '../roster.ts';
import { ask } from './asks.ts';
import type { Job } from './asks.ts';
import { INBOX_LIMITS } from './commit-inbox.ts';
import type { KnownReceipt, Phase } from './context.ts';
import { holding } from './key-custody.ts';
import type { Halt, MemberState, ReceiptedCommit } from './member-state.ts';
import { agreesOutside, othersBeside } from './unproven-removal.ts';
import type { Removed } from './unproven-removal.ts';

/** A Commit that is to be merged. */
interface Merge {
  readonly staged: StagedHandle;
  readonly committer: LeafIndex;
  readonly added: readonly Uint8Array[];
  /** The committer's leaf gets a fresh key. */
  readonly renews: boolean;
  readonly commit: Uint8Array;
  readonly receipt: KnownReceipt | undefined;
}

/** Applies the Commit that a receipt names. */
export function* applyReceipted(
  state: MemberState,
  { receipt, commit }: ReceiptedCommit,
): Job<Phase | undefined> {
  if (!state.log.isFollowedBy(receipt, state.context.options.crypto)) {
    state.distrust(receipt.receipt.epoch);
    return undefined;
  }
  const { stage } = state;
  if (stage !== undefined && state.isOurs(receipt)) {
    if (!agrees(receipt, stage.commit)) return yield* breakLine(state, undefined);
    return yield* merge(state, {
      staged: stage.commit.staged,
      committer: state.view.ownLeaf,
      added: stage.commit.welcomes.map(({ ref }) => ref),
      renews: stage.commit.renews,
      commit: stage.commit.commit,
      receipt,
    });
  }
  if (commit === undefined) return undefined;
  const outcome = yield* ask('process', { handle: state.handle, commit });
  switch (outcome.kind) {
    case 'own':
      return yield* joinAgain(state);
    case 'refused':
      return yield* breakLine(state, outcome.author);
    case 'removed':
      return yield* takeRemoval(state, receipt, outcome);
    case 'staged': {
      if (!agrees(receipt, outcome)) return yield* breakLine(state, undefined);
      const { staged, contents, renews } = outcome;
      return yield* merge(state, { ...contents, staged, renews, commit, receipt });
    }
  }
}

/** Whether a receipt is about the epoch to which MLS came: transcript, and the key that is to sign for the epoch after. */
function agrees(
  { receipt }: KnownReceipt,
  epoch: { readonly transcript: Uint8Array; readonly nextKey: Uint8Array },
): boolean {
  return equal(receipt.transcript, epoch.transcript) && equal(receipt.nextKey, epoch.nextKey);
}

/**
 * Applies object 0 of the next epoch, in plain mode. A Commit that cannot be processed is dropped: anybody may have
 * published it.
 */
export function* applyPlain(state: MemberState, commit: Uint8Array): Job<Phase | undefined> {
  const outcome = yield* ask('process', { handle: state.handle, commit });
  switch (outcome.kind) {
    // One of ours that we do not have staged is one that we gave up, or of a state after ours: as if it could not be read.
    case 'own':
    case 'refused':
      state.rejectPlain();
      return undefined;
    case 'removed':
      return yield* beRemoved(state, outcome);
    case 'staged': {
      const { staged, contents, renews } = outcome;
      return yield* merge(state, { ...contents, staged, renews, commit, receipt: undefined });
    }
  }
}

/**
 * Applies another member's Commit that arrived while we asked for the lock, in plain mode. Looks at as many as the inbox
 * holds: what comes later comes after ours, and may be refused for ever.
 */
export function* applyPlainAtHand(state: MemberState): Job<Phase | undefined> {
  const { nextEpoch } = state;
  for (let looked = 0; looked < INBOX_LIMITS.commits; looked += 1) {
    const commit = state.nextPlain;
    if (commit === undefined) return undefined;
    const phase = yield* applyPlain(state, commit);
    if (phase !== undefined || state.nextEpoch !== nextEpoch) return phase;
  }
  return undefined;
}

/** Merges our own staged Commit without a receipt, in plain mode. */
export function* applyOwnPlain(state: MemberState): Job<Phase | undefined> {
  const { stage } = state;
  if (stage === undefined) return undefined;
  return yield* merge(state, {
    staged: stage.commit.staged,
    committer: state.view.ownLeaf,
    added: stage.commit.welcomes.map(({ ref }) => ref),
    renews: stage.commit.renews,
    commit: stage.commit.commit,
    receipt: undefined,
  });
}

function* merge(state: MemberState, merged: Merge): Job<Phase | undefined> {
  const { staged, committer, added, renews, commit, receipt } = merged;
  const before = state.view;
  const byUs = staged === state.stage?.commit.staged;
  // Merging discards everything else that is staged, our own Commit included.
  const { view, masterKey } = yield* ask('apply', { handle: state.handle, staged });
  const change = compareRosters(before.roster, view.roster);
  if (change.added.some(({ signatureKey }) => state.context.kicked.has(signatureKey))) {
    // Others, who do not remember it, have let somebody in whom we know as kicked: we are in no epoch with it.
    masterKey.fill(0);
    yield* ask('forget-group', { handle: state.handle });
    return state.context.phases.stopped('kicked-is-there');
  }
  yield* rememberKicks(state, before.parameters.kickedKeys.length, view.parameters.kickedKeys);
  state.enter(view, { receipt, commit });
  state.pastJoins.epochBegan(view.epoch, change.removed);
  yield* holding(masterKey, state.save());
  state.settle({ change, committer, renews, byUs, addedRefs: added });
  const { group, senderId, handle } = state;
  const madeOwnKey = renews && committer === view.ownLeaf;
  const begun = { group, senderId, handle, view, masterKey, change, by: committer, madeOwnKey, receipt };
  state.context.emit({ kind: 'epoch', ...begun, past: [] });
  return undefined;
}

/** Remembers whom a Commit has kicked: before the membership is saved, so that no crash lets us know the epoch and not the kick. */
function* rememberKicks(
  { context }: MemberState,
  before: number,
  kickedKeys: readonly Uint8Array[],
): Job<undefined> {
  // The list grows at its end, by real kicks alone.
  const keys = kickedKeys.slice(before);
  if (keys.length === 0) return undefined;
  context.kicked.add(keys);
  return yield* ask('remember-kicked', { keys });
}

/** A Commit with its receipt removes us. */
function* takeRemoval(state: MemberState, receipt: KnownReceipt, outcome: Removed): Job<Phase | undefined> {
  const { contents, isReplaced, kicked } = outcome;
  const { committer } = contents;
  if (!agreesOutside(receipt, outcome)) return yield* breakLine(state, undefined, committer);
  const others = othersBeside(state.view, contents);
  // Whoever kicks us could do so in a Commit that all can follow, and whoever has our key could be us in one.
  if (kicked || isReplaced || others.length === 0) return yield* beRemoved(state, outcome);
  state.doubtRemoval(outcome);
  state.context.emit({ kind: 'removal-doubted', committer, others });
  return undefined;
}

/** The others move away from the line in which we are said to be removed: it is broken for us, too. */
export function moveFromRemoval(state: MemberState): void {
  const { halt, context } = state;
  if (halt?.kind !== 'removed') return;
  state.lineBroke();
  context.emit({ kind: 'line-broken', author: undefined, suspect: halt.outcome.contents.committer });
}

function* beRemoved(state: MemberState, { isReplaced, kicked }: Removed): Job<Phase> {
  const { phases } = state.context;
  if (kicked) return phases.stopped('kicked');
  // Our own joins are over while we are a member: this one is of somebody else who has our key.
  if (isReplaced) return phases.stopped('replaced');
  // Nobody barred our key: the others heard nothing of us for a while, as of a machine that slept.
  state.context.emit({ kind: 'removed-as-absent' });
  return yield* joinAgain(state);
}

/** Erases our state, which cannot catch up, and asks to be let in again. */
export function* joinAgain(state: MemberState): Job<Phase> {
  yield* drop(state);
  state.context.emit({ kind: 'generation', generation: state.generation });
  return state.context.phases.joining(state.generation);
}

/**
 * The counter has logged what we cannot follow. We stay in our epoch for a while, so that the meeting can move.
 * @param author - who has signed a Commit that breaks a rule; whoever logged one that is in order beside a wrong transcript or key, or
 * bytes that are none, is anybody.
 * @param suspect - whose Commit it is that removes us.
 */
function* breakLine(state: MemberState, author: LeafIndex | undefined, suspect?: LeafIndex): Job<undefined> {
  const { context, view } = state;
  const member = view.roster.find(({ leaf }) => leaf === author);
  state.lineBroke();
  context.emit({ kind: 'line-broken', author: member, suspect });
  if (member === undefined) return undefined;
  // Whatever comes of the move: we are in no other epoch with it.
  const keys = [member.signatureKey];
  context.kicked.add(keys);
  return yield* ask('remember-kicked', { keys });
}

/** Gives up our place in a line that is broken, or where we are removed. */
export function* endHalt(state: MemberState, halt: Halt): Job<Phase> {
  if (halt.kind === 'removed') return yield* beRemoved(state, halt.outcome);
  if (halt.rejoins) return yield* leaveGeneration(state);
  yield* ask('forget-group', { handle: state.handle });
  return state.context.phases.stopped('line-broken');
}

/** Erases our state and seeks the meeting: in plain mode in the next generation, in fenced mode where the counter says that it is. */
export function* leaveGeneration(state: MemberState): Job<Phase> {
  yield* drop(state);
  state.context.emit({ kind: 'generation', generation: state.generation + 1 });
  return state.context.phases.seeking(state.generation + 1);
}

/**
 * Joins the meeting as a newcomer, since it is in another generation than ours: in a lower one that is alive, or in a later
 * one after we were silent for too long.
 */
export function* joinElsewhere(state: MemberState): Job<Phase> {
  const phase = yield* leaveGeneration(state);
  state.context.emit({ kind: 'moved' });
  return phase;
}

function* drop(state: MemberState): Job<undefined> {
  yield* ask('forget-group', { handle: state.handle });
  return yield* ask('erase', {});
}
