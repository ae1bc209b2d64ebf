/**
 * Bootstrap: finds the room's group, or makes it.
 * @see draft-jennings-moq-e2ee-mls #creating-joining-a-mls-group
 */
import { equal } from '../../bytes/equal.ts';
import { verifyReceipt } from '../../counter/receipt.ts';
import type { LockRequest, LockToken } from '../../counter/client.ts';
import { epoch } from '../../units.ts';
import { senderIdOf } from '../names.ts';
import type { GroupName, SenderId } from '../names.ts';
import type { CreatedGroup } from '../mls.ts';
import { ask } from './asks.ts';
import type { Job, MembershipRecord } from './asks.ts';
import { insist, sleep } from './counter-calls.ts';
import type { Context, KnownReceipt, Phase, RestoredMembership } from './context.ts';
import { holding } from './key-custody.ts';
import type { JoinMemory } from './past-joins.ts';
import { Backoff } from './timing.ts';

const GENESIS = epoch(0n);
/** Whoever founds a group has seen everybody who left it. */
const FOUNDED: JoinMemory = { since: GENESIS, past: [], known: [] };
const NO_TRANSCRIPT = new Uint8Array(0);
const LOCK_NONCE_BYTES = 16;

/** Finds or makes the room's group. */
export class Seeking implements Phase {
  readonly #context: Context;
  readonly #from: number;
  #started = false;

  /** @param from - in plain mode: generations before this one are known to be dead. */
  constructor(context: Context, from: number) {
    this.#context = context;
    this.#from = from;
  }

  input(): void {
    // Without a group there is nothing that an input could be about.
  }

  next(): Job<Phase> | undefined {
    if (this.#started) return undefined;
    this.#started = true;
    return this.#context.options.parameters.mode === 'fenced'
      ? seekMeeting(this.#context)
      : seek(this.#context, this.#from);
  }

  deadline(): undefined {
    return undefined;
  }
}

/** Joins the meeting that the counter says there is, or begins the next generation when it says that there is none. */
function* seekMeeting(context: Context): Job<Phase> {
  const { backoff: first, backoffMost } = context.options.timing;
  const backoff = new Backoff(first, backoffMost);
  const nonce = context.options.random(LOCK_NONCE_BYTES);
  context.emit({ kind: 'status', step: 'seeking' });
  for (;;) {
    const { meeting, next } = yield* insist(context, 'room', {});
    if (meeting !== undefined) return context.phases.joining(meeting);
    const group = context.groupName(next);
    const lock = yield* insist(context, 'lock', { group, request: lockRequest(context, next, nonce) });
    if (lock.kind === 'granted') return yield* create(context, next, lock.token, nonce);
    if (lock.kind === 'locked') {
      context.emit({ kind: 'status', step: 'waiting-for-creator' });
      yield* sleep(context, lock.retryLaterMs);
    } else {
      // Somebody was faster, and the room says so.
      yield* sleep(context, backoff.next());
    }
  }
}

/** In plain mode, in which the counters of all generations are asked. */
function* seek(context: Context, from: number): Job<Phase> {
  context.emit({ kind: 'status', step: 'seeking' });
  const nonce = context.options.random(LOCK_NONCE_BYTES);
  const group = context.groupName(from);
  for (;;) {
    const lock = yield* insist(context, 'lock', { group, request: { mode: 'plain', val: GENESIS } });
    switch (lock.kind) {
      case 'granted':
        return yield* create(context, from, lock.token, nonce);
      case 'locked':
        context.emit({ kind: 'status', step: 'waiting-for-creator' });
        yield* sleep(context, lock.retryLaterMs);
        break;
      default:
        return yield* joinHighest(context, from);
    }
  }
}

/** Joins the highest generation that exists. @param from - one that does. */
function* joinHighest(context: Context, from: number): Job<Phase> {
  let generation = from;
  for (;;) {
    const next = yield* insist(context, 'probe', { group: context.groupName(generation + 1) });
    if (next.current === undefined) return context.phases.joining(generation);
    generation += 1;
  }
}

function* create(
  context: Context,
  generation: number,
  token: LockToken | undefined,
  nonce: Uint8Array,
): Job<Phase> {
  context.emit({ kind: 'status', step: 'creating' });
  const group = context.groupName(generation);
  const { fingerprint } = context.options;
  const joinId = context.options.joinId();
  const senderId = senderIdOf(fingerprint, joinId);
  const parameters = context.kicked.foundingOf(context.options.parameters);
  const created = yield* ask('create-group', { group, parameters, joinId });
  const record: MembershipRecord = {
    generation,
    senderId,
    creating: true,
    log: [],
    joins: FOUNDED,
    recipients: [],
  };
  const creation = { generation, group, senderId, created };
  yield* holding(created.masterKey, ask('save', { handle: created.group, record }));
  return yield* holding(created.masterKey, finish(context, creation, nonce, { kind: 'held', token }));
}

interface Creation {
  readonly generation: number;
  readonly group: GroupName;
  readonly senderId: SenderId;
  readonly created: CreatedGroup;
}

/** Completes a creation that a crash interrupted. */
export function* resumeCreation(context: Context, restored: RestoredMembership): Job<Phase> {
  const { record, handle, view, masterKey, groupContext } = restored;
  const created = { group: handle, view, masterKey, groupContext };
  const group = context.groupName(record.generation);
  const nonce = context.options.random(LOCK_NONCE_BYTES);
  const creation = { generation: record.generation, group, senderId: record.senderId, created };
  return yield* finish(context, creation, nonce, { kind: 'none' });
}

/** The right to begin epoch 0. */
type GenesisLock =
  | { readonly kind: 'none' }
  /** The token is undefined in plain mode. */
  | { readonly kind: 'held'; readonly token: LockToken | undefined };

/**
 * Increments to epoch 0, until it is known who made the group.
 * @param nonce - the same nonce gets the same lock again.
 */
function* finish(context: Context, creation: Creation, nonce: Uint8Array, held: GenesisLock): Job<Phase> {
  const { group, created } = creation;
  const { mode } = context.options.parameters;
  let lock = held;
  for (;;) {
    if (lock.kind === 'none') {
      const request = lockRequest(context, creation.generation, nonce);
      const outcome = yield* insist(context, 'lock', { group, request });
      if (outcome.kind === 'locked') {
        yield* sleep(context, outcome.retryLaterMs);
        continue;
      }
      if (outcome.kind !== 'granted') return yield* whoMadeIt(context, creation);
      lock = { kind: 'held', token: outcome.token };
    }
    const { token } = lock;
    // An increment ends the lock, whatever comes of it.
    lock = { kind: 'none' };
    if (mode === 'fenced' && token === undefined) return yield* abandon(context, creation);
    const request =
      token === undefined
        ? ({ mode: 'plain' } as const)
        : ({
            mode: 'fenced',
            val: GENESIS,
            token,
            commit: created.groupContext,
            transcript: NO_TRANSCRIPT,
            nextKey: created.view.epochKey,
          } as const);
    const outcome = yield* insist(context, 'increment', { group, request });
    if (outcome.kind === 'ok') return yield* settle(context, creation, outcome.receipt);
    if (outcome.kind !== 'not-locked') return yield* whoMadeIt(context, creation);
  }
}

/** Epoch 0 exists already: made by somebody else, or by us when the answer was lost. */
function* whoMadeIt(context: Context, creation: Creation): Job<Phase> {
  if (context.options.parameters.mode === 'plain') return yield* abandon(context, creation);
  const history = yield* insist(context, 'history', { group: creation.group, from: GENESIS });
  const genesis = history.entries.find((entry) => entry.epoch === GENESIS);
  return yield* settle(context, creation, genesis?.receipt);
}

function* settle(context: Context, creation: Creation, receipt: Uint8Array | undefined): Job<Phase> {
  const { generation, group, senderId, created } = creation;
  const { mode } = context.options.parameters;
  const known = receipt && genesisReceipt(context, creation, receipt);
  if (mode === 'fenced' && known === undefined) return yield* abandon(context, creation);
  return yield* context.phases.membership({
    generation,
    group,
    senderId,
    handle: created.group,
    view: created.view,
    masterKey: created.masterKey,
    receipt: known,
    log: known === undefined ? [] : [{ epoch: GENESIS, receipt: known.bytes, commit: undefined }],
    joins: FOUNDED,
    staged: undefined,
    recipients: [],
    isResumed: false,
  });
}

/** The receipt of epoch 0, if it names the group that we made. */
function genesisReceipt(
  context: Context,
  { group, created }: Creation,
  bytes: Uint8Array,
): KnownReceipt | undefined {
  const { parameters, crypto } = context.options;
  if (parameters.receiptKey === undefined) return undefined;
  const verdict = verifyReceipt(bytes, parameters.receiptKey, crypto);
  if (verdict.kind !== 'valid') return undefined;
  const { receipt } = verdict;
  const ours =
    receipt.epoch === GENESIS &&
    equal(receipt.group, group) &&
    equal(receipt.commitHash, crypto.sha256(created.groupContext)) &&
    equal(receipt.nextKey, created.view.epochKey);
  return ours ? { receipt, bytes } : undefined;
}

/** Drops our group, since somebody else's was first, and starts over. */
function* abandon(context: Context, { generation, created }: Creation): Job<Phase> {
  created.masterKey.fill(0);
  yield* ask('forget-group', { handle: created.group });
  yield* ask('erase', {});
  return context.phases.seeking(generation);
}

function lockRequest(context: Context, generation: number, nonce: Uint8Array): LockRequest {
  return context.options.parameters.mode === 'fenced'
    ? { mode: 'fenced', val: GENESIS, nonce, generation }
    : { mode: 'plain', val: GENESIS };
}
