/** The counter's real rules, asked in virtual time. */
import type { CounterMode, LockToken } from '../../../src/protocol/counter/client.ts';
import { EpochCounter } from '../../../src/protocol/counter/epoch-counter.ts';
import { DEFAULT_TIMES } from '../../../src/protocol/counter/room.ts';
import type { CounterAsk } from '../../../src/protocol/meeting/effects.ts';
import type { CallProof } from '../../../src/protocol/counter/rules.ts';
import { millis, unixMillis, type UnixMillis } from '../../../src/protocol/units.ts';
import { answerCounter } from '../counter/answer-counter.ts';
import { MemoryCounterStore } from '../counter/memory-store.ts';
import { fakeProof, type FakeMls } from '../group/fake-mls.ts';
import { fakeCrypto, fakeSignature, serviceKey } from '../group/simulation.ts';
import { TIME_ORIGIN, type Agenda } from './agenda.ts';

const LOCK_MS = 5_000;
/** How long a client waits for a counter that does not answer. */
const TIMEOUT_MS = 5_000;

export class SimulatedCounter {
  readonly receiptKey: Uint8Array | undefined;
  /** Whether it answers. */
  reachable = true;
  /** How long a call takes, there and back, ms. */
  roundTrip = 4;
  readonly #agenda: Agenda;
  readonly #room: Uint8Array;
  readonly #store = new MemoryCounterStore();
  readonly #counter: EpochCounter;
  readonly #crypto: ConstructorParameters<typeof EpochCounter>[1];
  readonly #times: ConstructorParameters<typeof EpochCounter>[2];
  /** What it shows to some, who do not know that it is another line. */
  #other:
    { readonly counter: EpochCounter; readonly isShown: (mls: FakeMls | undefined) => boolean } | undefined;
  #tokens = 0;

  /**
   * @param room - public key of the room of whoever asks.
   * @param leaseMs - how long its operator lets a generation live of which nothing is heard.
   */
  constructor(agenda: Agenda, mode: CounterMode, room: Uint8Array, leaseMs = DEFAULT_TIMES.leaseMs) {
    this.#agenda = agenda;
    this.#room = room;
    this.receiptKey = mode === 'fenced' ? serviceKey : undefined;
    const signer = {
      publicKey: serviceKey,
      sign: (message: Uint8Array) => fakeSignature(serviceKey, message),
    };
    this.#crypto = { signer, verifier: fakeCrypto };
    this.#times = { ...DEFAULT_TIMES, lockMs: millis(LOCK_MS), leaseMs };
    this.#counter = new EpochCounter(this.#store, this.#crypto, this.#times);
  }

  /** From now on it keeps a second line, under the same key. @param isShown - to whom it shows that, by their MLS. */
  split(isShown: (mls: FakeMls | undefined) => boolean): void {
    const counter = new EpochCounter(this.#store.copy(), this.#crypto, this.#times);
    this.#other = { counter, isShown };
  }

  /** Whether it keeps two lines. */
  get isSplit(): boolean {
    return this.#other !== undefined;
  }

  /**
   * Asks, as a room or with the epoch keys of `mls`; `answer` is called a round trip later.
   * @param reaches - whether whoever asks reaches the counter; an answer may be lost when the question was not.
   */
  ask(
    ask: CounterAsk,
    mls: FakeMls | undefined,
    answer: (value: unknown) => void,
    reaches: () => boolean = () => true,
    room = this.#room,
  ): void {
    const proof = fakeProof(room, mls, 'member' in ask.input ? ask.input.member : undefined);
    const isThere = (): boolean => this.reachable && reaches();
    const lost = (): void => {
      answer({ kind: 'unreachable', reason: 'no answer' });
    };
    if (!isThere()) {
      this.#agenda.after(TIMEOUT_MS, lost);
      return;
    }
    const counter = this.#other?.isShown(mls) === true ? this.#other.counter : this.#counter;
    this.#agenda.after(this.roundTrip / 2, () => {
      const value = this.answer(ask, proof, counter, room);
      this.#agenda.after(this.roundTrip / 2, () => {
        if (isThere()) answer(value);
        else this.#agenda.after(TIMEOUT_MS, lost);
      });
    });
  }

  /** What it answers now to whoever proves what `proof` says. */
  answer(ask: CounterAsk, proof: CallProof, counter = this.#counter, room = this.#room): unknown {
    const fresh = `token ${String((this.#tokens += 1))}` as LockToken;
    return answerCounter(counter, ask, { room, proof, now: this.#now, fresh });
  }

  /** The generation that is the meeting now. */
  get meeting(): number | undefined {
    return this.meetingIn(this.#room);
  }

  /** The generation of a room that is its meeting now. */
  meetingIn(room: Uint8Array): number | undefined {
    const answer = this.#counter.room(room, this.#now, () => true);
    return answer.kind === 'ok' ? answer.meeting : undefined;
  }

  get #now(): UnixMillis {
    return unixMillis(Math.round(TIME_ORIGIN + this.#agenda.now));
  }
}
