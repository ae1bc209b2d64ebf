import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { receiptSigner, receiptVerifier } from '../../../src/io/counter/receipt-crypto.ts';
import { encodeBase64Url } from '../../../src/protocol/bytes/base64url.ts';
import { COUNTER_LIMITS } from '../../../src/protocol/counter/client.ts';
import type {
  CounterClient,
  CounterFailure,
  EpochSigner,
  HistoryOutcome,
  IncrementOutcome,
  IncrementRequest,
  LockOutcome,
  LockRequest,
  LockToken,
  ReceiptKeyOutcome,
  UploadEntry,
  UploadOutcome,
} from '../../../src/protocol/counter/client.ts';
import { EpochCounter } from '../../../src/protocol/counter/epoch-counter.ts';
import type { CounterStore } from '../../../src/protocol/counter/epoch-counter.ts';
import { PROBLEMS } from '../../../src/protocol/counter/http-answer.ts';
import type { ProblemName } from '../../../src/protocol/counter/http-answer.ts';
import { parseReceipt } from '../../../src/protocol/counter/receipt.ts';
import type { ReceiptSigner } from '../../../src/protocol/counter/receipt.ts';
import type { CallProof } from '../../../src/protocol/counter/rules.ts';
import { counterIdOf } from '../../../src/protocol/counter/rules.ts';
import type { Epoch, Millis, UnixMillis } from '../../../src/protocol/units.ts';

/** A signing key of this run. */
export function freshSigner(): ReceiptSigner {
  return receiptSigner(generateKeyPairSync('ed25519').privateKey);
}

/**
 * The counter's real rules without a network: for tests of those who use a counter. `now` is the test's clock.
 */
export class LocalCounterClient implements CounterClient {
  readonly #counter: EpochCounter;
  readonly #now: () => UnixMillis;

  constructor(store: CounterStore, signer: ReceiptSigner, ttlMs: Millis, now: () => UnixMillis) {
    this.#counter = new EpochCounter(store, { signer, verifier: receiptVerifier }, ttlMs);
    this.#now = now;
  }

  async lock(group: Uint8Array, request: LockRequest, member?: EpochSigner): Promise<LockOutcome> {
    const nonce = request.mode === 'fenced' ? encodeBase64Url(request.nonce) : undefined;
    const fresh = randomBytes(16).toString('base64url') as LockToken;
    const answer = this.#counter.lock(
      counterIdOf(group, request.mode),
      { ...request, nonce },
      this.#now(),
      fresh,
      await proofBy(member),
    );
    return answer.kind === 'mode-mismatch' || answer.kind === 'forbidden' ? refused(answer.kind) : answer;
  }

  async increment(
    group: Uint8Array,
    request: IncrementRequest,
    member?: EpochSigner,
  ): Promise<IncrementOutcome> {
    const answer =
      request.mode === 'plain'
        ? this.#counter.incrementPlain(counterIdOf(group, 'plain'), this.#now())
        : this.#counter.incrementFenced(
            counterIdOf(group, 'fenced'),
            { ...request, group },
            this.#now(),
            await proofBy(member),
          );
    switch (answer.kind) {
      case 'ok':
        return { kind: 'ok', receipt: answer.receipt };
      case 'mode-mismatch':
      case 'forbidden':
        return refused(answer.kind);
      default:
        return answer;
    }
  }

  history(group: Uint8Array, from: Epoch): Promise<HistoryOutcome> {
    const limits = { entries: COUNTER_LIMITS.historyEntries, bytes: COUNTER_LIMITS.historyPage };
    const page = this.#counter.history(counterIdOf(group, 'fenced'), from, limits);
    const entries = page.entries.map(({ epoch, attempt, commit, receipt }) => ({
      epoch,
      attempt,
      commit,
      receipt,
    }));
    return Promise.resolve({ kind: 'ok', current: page.current, entries, nextFrom: page.nextFrom });
  }

  upload(group: Uint8Array, entries: readonly UploadEntry[]): Promise<UploadOutcome> {
    const id = counterIdOf(group, 'fenced');
    const parsed = entries.map((entry) => ({ ...entry, epoch: parseReceipt(entry.receipt).epoch }));
    const answer = this.#counter.upload(id, group, parsed, this.#now());
    switch (answer.kind) {
      case 'ok':
        return Promise.resolve({ kind: 'ok', current: this.#counter.current(id) });
      case 'fork':
        return Promise.resolve(answer);
      default:
        return Promise.resolve(refused(answer.kind));
    }
  }

  receiptKey(): Promise<ReceiptKeyOutcome> {
    return Promise.resolve({ kind: 'ok', publicKey: this.#counter.publicKey });
  }
}

const CALL = new Uint8Array(32).fill(3);

/** What a signature proves without HTTP: which key the caller has. */
async function proofBy(member: EpochSigner | undefined): Promise<CallProof> {
  const signature = await member?.(CALL);
  return (epochKey) => signature !== undefined && receiptVerifier.verifyEd25519(epochKey, CALL, signature);
}

function refused(name: ProblemName): CounterFailure {
  return { kind: 'refused', status: PROBLEMS[name].status, reason: PROBLEMS[name].title };
}
