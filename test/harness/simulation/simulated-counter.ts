/** The counter's real rules, asked in virtual time. */
import { encodeBase64Url } from '../../../src/protocol/bytes/base64url.ts';
import { COUNTER_LIMITS, type CounterMode, type LockToken } from '../../../src/protocol/counter/client.ts';
import { EpochCounter } from '../../../src/protocol/counter/epoch-counter.ts';
import { parseReceipt } from '../../../src/protocol/counter/receipt.ts';
import type { CallProof } from '../../../src/protocol/counter/rules.ts';
import { counterIdOf } from '../../../src/protocol/counter/rules.ts';
import type { CounterAsk } from '../../../src/protocol/meeting/effects.ts';
import { millis, unixMillis } from '../../../src/protocol/units.ts';
import { MemoryCounterStore } from '../counter/memory-store.ts';
import { fakeCrypto, fakeSignature, serviceKey } from '../group/simulation.ts';
import { fakeProof, type FakeMls } from '../group/fake-mls.ts';
import type { Agenda } from './agenda.ts';

const LOCK_MS = 5_000;
const ROUND_TRIP_MS = 4;
/** How long a client waits for a counter that does not answer. */
const TIMEOUT_MS = 5_000;

export class SimulatedCounter {
  readonly receiptKey: Uint8Array | undefined;
  /** Whether it answers. */
  reachable = true;
  readonly #agenda: Agenda;
  readonly #counter: EpochCounter;
  #tokens = 0;

  constructor(agenda: Agenda, mode: CounterMode) {
    this.#agenda = agenda;
    this.receiptKey = mode === 'fenced' ? serviceKey : undefined;
    const signer = {
      publicKey: serviceKey,
      sign: (message: Uint8Array) => fakeSignature(serviceKey, message),
    };
    const crypto = { signer, verifier: fakeCrypto };
    this.#counter = new EpochCounter(new MemoryCounterStore(), crypto, millis(LOCK_MS));
  }

  /** Asks; `answer` is called a round trip later. */
  ask(ask: CounterAsk, mls: FakeMls | undefined, answer: (value: unknown) => void): void {
    if (!this.reachable) {
      this.#agenda.after(TIMEOUT_MS, () => {
        answer({ kind: 'unreachable', reason: 'no answer' });
      });
      return;
    }
    const proof = fakeProof(mls, 'member' in ask.input ? ask.input.member : undefined);
    this.#agenda.after(ROUND_TRIP_MS / 2, () => {
      const value = this.#answer(ask, proof);
      this.#agenda.after(ROUND_TRIP_MS / 2, () => {
        answer(value);
      });
    });
  }

  #answer(ask: CounterAsk, proof: CallProof): unknown {
    const id = counterIdOf(ask.input.group, modeOf(ask));
    const now = unixMillis(Math.round(1_000_000 + this.#agenda.now));
    switch (ask.kind) {
      case 'lock': {
        const { request } = ask.input;
        const nonce = request.mode === 'fenced' ? encodeBase64Url(request.nonce) : undefined;
        const fresh = `token ${String((this.#tokens += 1))}` as LockToken;
        return this.#counter.lock(id, { mode: request.mode, val: request.val, nonce }, now, fresh, proof);
      }
      case 'increment': {
        const { group, request } = ask.input;
        return request.mode === 'plain'
          ? this.#counter.incrementPlain(id, now)
          : this.#counter.incrementFenced(id, { ...request, group }, now, proof);
      }
      case 'history': {
        const limits = { entries: COUNTER_LIMITS.historyEntries, bytes: COUNTER_LIMITS.historyPage };
        return { kind: 'ok', ...this.#counter.history(id, ask.input.from, limits) };
      }
      case 'upload': {
        const entries = ask.input.entries.map((entry) => ({
          ...entry,
          epoch: parseReceipt(entry.receipt).epoch,
        }));
        const answer = this.#counter.upload(id, ask.input.group, entries, now);
        return answer.kind === 'ok' ? { kind: 'ok', current: this.#counter.current(id) } : answer;
      }
    }
  }
}

const modeOf = (ask: CounterAsk): CounterMode =>
  ask.kind === 'lock' || ask.kind === 'increment' ? ask.input.request.mode : 'fenced';
