import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { receiptSigner, receiptVerifier } from '../../../src/io/counter/receipt-crypto.ts';
import type {
  AliveOutcome,
  CloseOutcome,
  CounterClient,
  EpochSigner,
  HistoryOutcome,
  IncrementOutcome,
  IncrementRequest,
  LockOutcome,
  LockRequest,
  LockToken,
  ReceiptKeyOutcome,
  RoomOutcome,
  UploadEntry,
  UploadOutcome,
} from '../../../src/protocol/counter/client.ts';
import { EpochCounter } from '../../../src/protocol/counter/epoch-counter.ts';
import type { CounterStore, ReceiptWait } from '../../../src/protocol/counter/epoch-counter.ts';
import type { ReceiptSigner } from '../../../src/protocol/counter/receipt.ts';
import type { CounterTimes } from '../../../src/protocol/counter/room.ts';
import type { CallProof } from '../../../src/protocol/counter/rules.ts';
import type { Ed25519Signer } from '../../../src/protocol/group/crypto-port.ts';
import type { GroupHandle } from '../../../src/protocol/group/mls.ts';
import type { GroupName } from '../../../src/protocol/group/names.ts';
import type { CounterAsk } from '../../../src/protocol/meeting/effects.ts';
import type { Epoch, UnixMillis } from '../../../src/protocol/units.ts';
import { answerCounter } from './answer-counter.ts';

/** A signing key of this run. */
export function freshSigner(): ReceiptSigner {
  return receiptSigner(generateKeyPairSync('ed25519').privateKey);
}

/**
 * The counter's real rules without a network: for tests of those who use a counter. `now` is the test's clock.
 */
export class LocalCounterClient implements CounterClient {
  readonly #counter: EpochCounter;
  readonly #room: Ed25519Signer;
  readonly #now: () => UnixMillis;

  constructor(
    store: CounterStore,
    signer: ReceiptSigner,
    room: Ed25519Signer,
    times: CounterTimes,
    now: () => UnixMillis,
    wait?: ReceiptWait,
  ) {
    const crypto = { signer, verifier: receiptVerifier };
    this.#counter = new EpochCounter(store, crypto, times, undefined, wait);
    this.#room = room;
    this.#now = now;
  }

  async lock(group: Uint8Array, request: LockRequest, member?: EpochSigner): Promise<LockOutcome> {
    return this.#ask({ kind: 'lock', input: { group: group as GroupName, request } }, member);
  }

  async increment(
    group: Uint8Array,
    request: IncrementRequest,
    member?: EpochSigner,
  ): Promise<IncrementOutcome> {
    const input = { group: group as GroupName, request };
    const outcome = await this.#ask<IncrementOutcome>({ kind: 'increment', input }, member);
    return outcome.kind === 'ok' ? { kind: 'ok', receipt: outcome.receipt } : outcome;
  }

  async history(group: Uint8Array, from: Epoch): Promise<HistoryOutcome> {
    const outcome = await this.#ask<HistoryOutcome>({
      kind: 'history',
      input: { group: group as GroupName, from },
    });
    if (outcome.kind !== 'ok') return outcome;
    const entries = outcome.entries.map(({ epoch, attempt, commit, receipt }) => ({
      epoch,
      attempt,
      commit,
      receipt,
    }));
    return { ...outcome, entries };
  }

  async upload(
    group: Uint8Array,
    generation: number,
    entries: readonly UploadEntry[],
  ): Promise<UploadOutcome> {
    return this.#ask({ kind: 'upload', input: { group: group as GroupName, generation, entries } });
  }

  async room(): Promise<RoomOutcome> {
    return this.#ask({ kind: 'room', input: {} });
  }

  async alive(group: Uint8Array, val: Epoch, member: EpochSigner): Promise<AliveOutcome> {
    return this.#ask({ kind: 'alive', input: { group: group as GroupName, val, member: NOBODY } }, member);
  }

  async close(group: Uint8Array, val: Epoch, member: EpochSigner): Promise<CloseOutcome> {
    return this.#ask({ kind: 'close', input: { group: group as GroupName, val, member: NOBODY } }, member);
  }

  receiptKey(): Promise<ReceiptKeyOutcome> {
    return Promise.resolve({ kind: 'ok', publicKey: this.#counter.publicKey });
  }

  async #ask<Outcome>(ask: CounterAsk, member?: EpochSigner): Promise<Outcome> {
    const fresh = randomBytes(16).toString('base64url') as LockToken;
    const caller = {
      room: this.#room.publicKey,
      proof: await this.#proofBy(member),
      now: this.#now(),
      fresh,
    };
    return answerCounter(this.#counter, ask, caller) as Outcome;
  }

  /** What a signature proves without HTTP: which key the caller has. */
  async #proofBy(member: EpochSigner | undefined): Promise<CallProof> {
    const name = member === undefined ? 'room' : 'epoch';
    const signature = member === undefined ? this.#room.sign(CALL) : await member(CALL);
    return (key, publicKey) =>
      key === name && signature !== undefined && receiptVerifier.verifyEd25519(publicKey, CALL, signature);
  }
}

const CALL = new Uint8Array(32).fill(3);
/** Here members sign by themselves, not by a group that MLS holds. */
const NOBODY = 0 as GroupHandle;
