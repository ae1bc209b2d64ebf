/**
 * Asking to be let in: KeyPackages out, a Welcome with its receipt in.
 * @see draft-jennings-moq-e2ee-mls #bootstrapping, #process-welcome
 */
import { equal } from '../../bytes/equal.ts';
import { verifyReceipt } from '../../counter/receipt.ts';
import { millis } from '../../units.ts';
import type { Epoch, Millis } from '../../units.ts';
import { sameMeeting } from '../meeting-parameters.ts';
import { JOIN_RANDOM_BYTES, senderIdOf } from '../names.ts';
import type { GroupName, SenderId } from '../names.ts';
import { ask } from './asks.ts';
import type { GroupObject, Job, LogEntry } from './asks.ts';
import { isFailure, reportFailure } from './counter-calls.ts';
import type { Context, GroupInput, KnownReceipt, Phase } from './context.ts';
import { Backoff, earliest } from './timing.ts';

/** Welcomes that are kept at most while they wait for their receipts. */
const MAX_WELCOMES = 8;

interface HeldWelcome {
  readonly epoch: Epoch;
  readonly attempt: number;
  readonly welcome: Uint8Array;
  /** When `/history` is asked for its receipt. */
  askAt: Millis;
}

/** Waits for a Welcome. */
export class Joining implements Phase {
  readonly #context: Context;
  readonly #generation: number;
  readonly #group: GroupName;
  readonly #senderId: SenderId;
  readonly #backoff: Backoff;
  readonly #resend: Backoff;
  readonly #receipts: KnownReceipt[] = [];
  #welcomes: HeldWelcome[] = [];
  readonly #refs: Uint8Array[] = [];
  #entered = false;
  #keyPackage: Uint8Array | undefined;
  #sendAt: Millis;
  #freshAt: Millis;
  /** The last sign of somebody being there. */
  #lifeAt: Millis;

  constructor(context: Context, generation: number) {
    const { options, now } = context;
    this.#context = context;
    this.#generation = generation;
    this.#group = context.groupName(generation);
    this.#senderId = senderIdOf(options.fingerprint, options.random(JOIN_RANDOM_BYTES));
    this.#backoff = new Backoff(options.timing.backoff, options.timing.backoffMost);
    this.#resend = new Backoff(options.timing.resend, options.timing.resendMost);
    this.#sendAt = now;
    this.#freshAt = now;
    this.#lifeAt = now;
  }

  input(input: GroupInput): void {
    const { now, options } = this.#context;
    switch (input.kind) {
      case 'welcome-object':
        this.#welcomeObject(input.object);
        break;
      case 'commit-object':
        // Somebody commits here; in fenced mode only the counter's word counts as life.
        if (options.parameters.mode === 'plain' || this.#takeReceipt(input.object)) this.#lifeAt = now;
        break;
      case 'reconnected':
        this.#entered = false;
        this.#resend.reset();
        this.#sendAt = now;
        break;
      default:
        break;
    }
  }

  next(): Job<Phase | undefined> | undefined {
    const { now } = this.#context;
    if (!this.#entered) return this.#enter();
    const ready = this.#welcomes.find((each) => this.#isReady(each));
    if (ready !== undefined) return this.#open(ready);
    const silent = this.#welcomes.find((each) => each.askAt <= now);
    if (silent !== undefined) return this.#askHistory(silent);
    if (now >= this.#abandonAt()) return this.#giveUp();
    if (now >= this.#sendAt) return this.#send();
    return undefined;
  }

  deadline(): Millis | undefined {
    return earliest(this.#sendAt, this.#abandonAt(), ...this.#welcomes.map((each) => each.askAt));
  }

  #abandonAt(): Millis {
    return millis(this.#lifeAt + this.#context.options.timing.abandoned);
  }

  *#enter(): Job<undefined> {
    yield* ask('enter-group', { group: this.#group, senderId: this.#senderId });
    this.#entered = true;
    this.#context.emit({ kind: 'status', step: 'waiting-for-member' });
    return undefined;
  }

  /** Sends the KeyPackage, at times a fresh one: a Welcome to the old one may be lost for good. */
  *#send(): Job<undefined> {
    const { timing } = this.#context.options;
    if (this.#keyPackage === undefined || this.#context.now >= this.#freshAt) {
      const made = yield* ask('make-key-package', { group: this.#group });
      this.#keyPackage = made.keyPackage;
      this.#refs.push(made.ref);
      this.#freshAt = millis(this.#context.now + timing.freshKeyPackage);
      this.#resend.reset();
    }
    const [group, senderId, keyPackage] = [this.#group, this.#senderId, this.#keyPackage];
    yield* ask('publish-key-package', { group, senderId, keyPackage });
    this.#sendAt = millis(this.#context.now + this.#resend.next());
    return undefined;
  }

  #welcomeObject(object: GroupObject): void {
    const { now, options } = this.#context;
    if (object.object % 2 === 1) {
      this.#takeReceipt(object);
      return;
    }
    const known = this.#welcomes.some((each) => equal(each.welcome, object.payload));
    if (known || this.#welcomes.length >= MAX_WELCOMES) return;
    this.#welcomes.push({
      epoch: object.epoch,
      attempt: object.object / 2,
      welcome: object.payload.slice(),
      askAt: millis(now + options.timing.receipt),
    });
  }

  /** @returns whether the counter's word was in it. */
  #takeReceipt({ object, payload }: GroupObject): boolean {
    return object % 2 === 1 && this.#keepReceipt(payload);
  }

  #keepReceipt(bytes: Uint8Array): boolean {
    const { parameters, crypto } = this.#context.options;
    if (parameters.receiptKey === undefined) return false;
    const verdict = verifyReceipt(bytes, parameters.receiptKey, crypto);
    if (verdict.kind !== 'valid' || !equal(verdict.receipt.group, this.#group)) return false;
    const of = verdict.receipt.epoch;
    const wanted = this.#welcomes.length === 0 || this.#welcomes.some((each) => each.epoch === of);
    const known = this.#receipts.some(({ receipt }) => receipt.epoch === of);
    if (wanted && !known) {
      this.#receipts.push({ receipt: verdict.receipt, bytes: bytes.slice() });
      // Only epochs of Welcomes matter; before one came, the last few are enough.
      if (this.#receipts.length > MAX_WELCOMES) this.#receipts.shift();
    }
    return true;
  }

  #isReady(held: HeldWelcome): boolean {
    if (this.#context.options.parameters.mode === 'plain') return true;
    return this.#receiptOf(held) !== undefined;
  }

  #receiptOf(held: HeldWelcome): KnownReceipt | undefined {
    return this.#receipts.find(({ receipt }) => receipt.epoch === held.epoch);
  }

  *#askHistory(held: HeldWelcome): Job<undefined> {
    const history = yield* ask('history', { group: this.#group, from: held.epoch });
    const { now, options } = this.#context;
    if (isFailure(history)) {
      held.askAt = millis(now + reportFailure(this.#context, history, this.#backoff));
      return undefined;
    }
    this.#backoff.reset();
    for (const entry of history.entries) if (entry.epoch === held.epoch) this.#keepReceipt(entry.receipt);
    // Not logged yet: the committer may be about to.
    held.askAt = millis(now + options.timing.receipt * 2);
    return undefined;
  }

  /** Uses a Welcome, if the counter's receipt is about the very state that it leads to. */
  *#open(held: HeldWelcome): Job<Phase | undefined> {
    this.#welcomes = this.#welcomes.filter((each) => each !== held);
    this.#context.emit({ kind: 'status', step: 'welcomed' });
    const known = this.#receiptOf(held);
    const outcome = yield* ask('join', { group: this.#group, welcome: held.welcome });
    if (outcome.kind === 'refused') {
      this.#stay();
      return undefined;
    }
    const { group: handle, view } = outcome;
    const { parameters } = this.#context.options;
    const receipted =
      parameters.mode === 'plain' ||
      (known !== undefined && equal(known.receipt.transcript, view.transcript) && view.epoch === held.epoch);
    if (!receipted) {
      yield* ask('forget-group', { handle });
      this.#stay();
      return undefined;
    }
    if (!sameMeeting(parameters, view.parameters)) {
      yield* ask('forget-group', { handle });
      return this.#context.phases.stopped('parameters-differ');
    }
    yield* ask('forget-key-packages', { group: this.#group });
    const log: LogEntry[] =
      known === undefined ? [] : [{ epoch: view.epoch, receipt: known.bytes, commit: undefined }];
    return yield* this.#context.phases.membership({
      generation: this.#generation,
      group: this.#group,
      senderId: this.#senderId,
      handle,
      view,
      receipt: known,
      log,
      ownRefs: this.#refs,
      staged: undefined,
      recipients: [],
    });
  }

  #stay(): void {
    this.#context.emit({ kind: 'status', step: 'waiting-for-member' });
  }

  /** Nobody answers: the next generation is opened. */
  *#giveUp(): Job<Phase> {
    yield* ask('forget-key-packages', { group: this.#group });
    return this.#context.phases.seeking(this.#generation + 1);
  }
}
