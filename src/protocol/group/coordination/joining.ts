/**
 * Asking to be let in: KeyPackages out, a Welcome with its receipt in.
 * @see draft-jennings-moq-e2ee-mls #bootstrapping, #process-welcome
 */
import { equal } from '../../bytes/equal.ts';
import { epoch, millis } from '../../units.ts';
import type { Epoch, Millis } from '../../units.ts';
import { sameMeeting } from '../meeting-parameters.ts';
import type { JoinId } from '../leaf-join.ts';
import { senderIdOf } from '../names.ts';
import type { GroupName, SenderId } from '../names.ts';
import { ask } from './asks.ts';
import type { GroupObject, Job, LogEntry } from './asks.ts';
import { isFailure, reportFailure } from './counter-calls.ts';
import type { Context, GroupInput, KnownReceipt, Phase } from './context.ts';
import { Backoff, earliest } from './timing.ts';
import { WelcomeInbox } from './welcome-inbox.ts';
import type { HeldWelcome } from './welcome-inbox.ts';

const GENESIS = epoch(0n);
/** Before epoch 0. */
const NOTHING_YET = epoch(-1n);

/** The KeyPackage with which we ask to be let in. */
interface JoinRequest {
  readonly keyPackage: Uint8Array;
  /** What the counter had reached: once it has moved, a KeyPackage as of its new epoch is made. */
  readonly asOf: Epoch;
}

/** One join: all its KeyPackages are on one track, and a Welcome for any of them ends it. */
interface Join {
  readonly joinId: JoinId;
  readonly senderId: SenderId;
  /** As of what its first KeyPackage was made, and when; undefined before that. */
  first: { readonly asOf: Epoch; readonly at: Millis } | undefined;
}

/** Waits for a Welcome. */
export class Joining implements Phase {
  readonly #context: Context;
  readonly #generation: number;
  readonly #group: GroupName;
  readonly #backoff: Backoff;
  readonly #anew: Backoff;
  readonly #resend: Backoff;
  readonly #inbox: WelcomeInbox;
  /** `/history` is not asked before this, however many Welcomes lack their receipts. */
  #historyAt: Millis;
  /** Which calls the counter does not answer; people are told so. */
  readonly #failing = new Set<'probe' | 'history' | 'room'>();
  readonly #probeBackoff: Backoff;
  #join: Join;
  /** When the join is taken for one whose Welcome is lost, if the counter has moved since it began. */
  #joinFor: Millis;
  #entered = false;
  /** Nobody whose key was kicked from the room has begun this generation, as far as the counter's log tells. */
  #isFounderKnown: boolean;
  #request: JoinRequest | undefined;
  #sendAt: Millis;
  /** In fenced mode: when to look whether this is still the meeting. */
  #lookAt: Millis | undefined;
  readonly #lookBackoff: Backoff;
  /** In plain mode: when there was last a sign that somebody is in the group. */
  #lifeAt: Millis;

  constructor(context: Context, generation: number) {
    const { options, now } = context;
    this.#context = context;
    this.#generation = generation;
    this.#group = context.groupName(generation);
    this.#join = newJoin(context);
    this.#backoff = new Backoff(options.timing.backoff, options.timing.backoffMost);
    this.#resend = new Backoff(options.timing.resend, options.timing.resendMost);
    this.#inbox = new WelcomeInbox(this.#group, options.parameters.receiptKey, options.crypto);
    this.#probeBackoff = new Backoff(options.timing.backoff, options.timing.backoffMost);
    this.#anew = new Backoff(options.timing.freshJoin, options.timing.freshJoinMost);
    this.#joinFor = this.#anew.next();
    this.#historyAt = now;
    this.#sendAt = now;
    this.#lifeAt = now;
    this.#lookBackoff = new Backoff(options.timing.backoff, options.timing.backoffMost);
    this.#isFounderKnown = options.parameters.mode === 'plain' || context.kicked.isEmpty;
    this.#lookAt = options.parameters.mode === 'fenced' ? millis(now + options.timing.room) : undefined;
  }

  input(input: GroupInput): void {
    const { now, options } = this.#context;
    switch (input.kind) {
      case 'welcome-object':
        if (!this.#takeReceipt(input.object) && input.object.object % 2 === 0) {
          this.#inbox.welcome(input.object, millis(now + options.timing.receipt));
        }
        break;
      case 'commit-object':
        this.#takeReceipt(input.object);
        this.#lifeAt = now;
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
    const ready = this.#inbox.take();
    if (ready !== undefined) return this.#open(ready.held, ready.receipt);
    const silent = this.#inbox.nextToAsk();
    if (silent !== undefined && this.#askAt(silent) <= now) return this.#askHistory(silent);
    if (this.#lookAt !== undefined && this.#lookAt <= now) return this.#look();
    const abandonAt = this.#abandonAt();
    if (abandonAt !== undefined && abandonAt <= now) return this.#giveUp();
    if (now >= this.#sendAt) return this.#isFounderKnown ? this.#send() : this.#lookAtFounder();
    return undefined;
  }

  deadline(): Millis | undefined {
    const silent = this.#inbox.nextToAsk();
    return earliest(this.#sendAt, this.#lookAt, this.#abandonAt(), silent && this.#askAt(silent));
  }

  #askAt({ askAt }: HeldWelcome): Millis {
    return millis(Math.max(askAt, this.#historyAt));
  }

  /** In plain mode: when the group is taken for abandoned; undefined while we could hear nobody. */
  #abandonAt(): Millis | undefined {
    const { reachedSince, options } = this.#context;
    if (reachedSince === undefined || options.parameters.mode === 'fenced') return undefined;
    return millis(Math.max(this.#lifeAt, reachedSince) + options.timing.abandoned);
  }

  *#enter(): Job<undefined> {
    yield* ask('enter-group', {
      generation: this.#generation,
      group: this.#group,
      senderId: this.#join.senderId,
    });
    this.#entered = true;
    this.#context.emit({ kind: 'status', step: 'waiting-for-member' });
    return undefined;
  }

  /** Before anything is said to the members: whether it is a meeting of somebody whose key was kicked from the room. */
  *#lookAtFounder(): Job<Phase | undefined> {
    const history = yield* ask('history', { group: this.#group, from: GENESIS });
    const { now, kicked, phases } = this.#context;
    if (isFailure(history)) {
      this.#sendAt = millis(now + reportFailure(this.#context, history, this.#backoff));
      this.#failing.add('history');
      return undefined;
    }
    this.#hasAnswered('history');
    this.#isFounderKnown = true;
    const genesis = history.entries.find((entry) => entry.epoch === GENESIS)?.commit;
    return genesis !== undefined && kicked.haveBegun(genesis) ? phases.stopped('kicked-is-there') : undefined;
  }

  /** Sends the KeyPackage, or one as of the epoch that the counter has reached meanwhile. */
  *#send(): Job<undefined> {
    const group = this.#group;
    const counter = yield* ask('probe', { group });
    const { now } = this.#context;
    if (isFailure(counter)) {
      this.#sendAt = millis(now + reportFailure(this.#context, counter, this.#probeBackoff));
      this.#failing.add('probe');
      return undefined;
    }
    this.#hasAnswered('probe');
    const { current } = counter;
    if (current === undefined) {
      // A counter that lost its data is given it back by the members.
      this.#sendAt = millis(now + this.#probeBackoff.next());
      return undefined;
    }
    this.#probeBackoff.reset();
    const { first } = this.#join;
    if (first !== undefined && current > first.asOf) {
      this.#lifeAt = now;
      if (now - first.at >= this.#joinFor) yield* this.#beginAnew();
    }
    if (this.#request === undefined || current > this.#request.asOf) yield* this.#makeRequest(current);
    const { senderId } = this.#join;
    if (this.#request !== undefined) {
      yield* ask('publish-key-package', { group, senderId, keyPackage: this.#request.keyPackage });
    }
    this.#sendAt = millis(this.#context.now + jittered(this.#context, this.#resend.next()));
    return undefined;
  }

  *#makeRequest(asOf: Epoch): Job<undefined> {
    const { joinId } = this.#join;
    const { keyPackage } = yield* ask('make-key-package', { group: this.#group, asOf, joinId });
    this.#backoff.reset();
    this.#join.first ??= { asOf, at: this.#context.now };
    this.#request = { keyPackage, asOf };
    return undefined;
  }

  /**
   * Begins a new join. Somebody may have let this one in whose Welcome is lost with it, and a join is let in once: its
   * KeyPackages, which anybody may repeat, are good for nothing from then on.
   */
  *#beginAnew(): Job<undefined> {
    yield* ask('forget-key-packages', { group: this.#group });
    this.#join = newJoin(this.#context);
    this.#joinFor = this.#anew.next();
    this.#request = undefined;
    this.#resend.reset();
    yield* ask('enter-group', {
      generation: this.#generation,
      group: this.#group,
      senderId: this.#join.senderId,
    });
    return undefined;
  }

  /** @returns whether the object was a receipt of the counter about this group. */
  #takeReceipt({ object, payload }: GroupObject): boolean {
    return object % 2 === 1 && this.#inbox.receipt(payload);
  }

  *#askHistory({ epoch: from }: HeldWelcome): Job<undefined> {
    const waiting = this.#inbox.waiting();
    const history = yield* ask('history', { group: this.#group, from });
    const { now, options } = this.#context;
    if (isFailure(history)) {
      this.#historyAt = millis(now + reportFailure(this.#context, history, this.#backoff));
      this.#failing.add('history');
      return undefined;
    }
    this.#hasAnswered('history');
    this.#historyAt = millis(now + this.#backoff.next());
    for (const entry of history.entries) {
      if (this.#inbox.waitsFor(entry.epoch)) this.#inbox.receipt(entry.receipt);
    }
    const { nextFrom, current = NOTHING_YET } = history;
    // A Welcome that is not logged yet may still be: its committer has perhaps not incremented.
    this.#inbox.judge(waiting, { from, nextFrom, current }, millis(now + options.timing.receipt));
    return undefined;
  }

  /** Joins with a Welcome, provided that the counter's receipt is about the state to which it leads. */
  *#open(held: HeldWelcome, known: KnownReceipt | undefined): Job<Phase | undefined> {
    this.#context.emit({ kind: 'status', step: 'welcomed' });
    const outcome = yield* ask('join', { group: this.#group, welcome: held.welcome });
    if (outcome.kind === 'refused') {
      this.#stay();
      return undefined;
    }
    const { group: handle, view, masterKey } = outcome;
    const { parameters } = this.#context.options;
    const receipted =
      parameters.mode === 'plain' ||
      (known !== undefined &&
        equal(known.receipt.transcript, view.transcript) &&
        equal(known.receipt.nextKey, view.epochKey) &&
        view.epoch === held.epoch);
    if (!receipted) {
      masterKey.fill(0);
      yield* ask('forget-group', { handle });
      this.#stay();
      return undefined;
    }
    const isOfOthers = this.#context.kicked.areIn(view);
    if (isOfOthers || !sameMeeting(parameters, view.parameters)) {
      masterKey.fill(0);
      yield* ask('forget-group', { handle });
      return this.#context.phases.stopped(isOfOthers ? 'kicked-is-there' : 'parameters-differ');
    }
    yield* ask('forget-key-packages', { group: this.#group });
    const log: LogEntry[] =
      known === undefined ? [] : [{ epoch: view.epoch, receipt: known.bytes, commit: undefined }];
    return yield* this.#context.phases.membership({
      generation: this.#generation,
      group: this.#group,
      senderId: this.#join.senderId,
      handle,
      view,
      masterKey,
      receipt: known,
      log,
      joins: { since: view.epoch, past: [], known: [] },
      staged: undefined,
      recipients: [],
      isResumed: false,
    });
  }

  #hasAnswered(what: 'probe' | 'history' | 'room'): void {
    if (this.#failing.delete(what) && this.#failing.size === 0) this.#stay();
  }

  #stay(): void {
    this.#context.emit({ kind: 'status', step: 'waiting-for-member' });
  }

  /** Asks the counter whether this is still the meeting; if not, it says where we are to go. */
  *#look(): Job<Phase | undefined> {
    const room = yield* ask('room', {});
    const { now, options, phases } = this.#context;
    if (isFailure(room)) {
      this.#lookAt = millis(now + reportFailure(this.#context, room, this.#lookBackoff));
      this.#failing.add('room');
      return undefined;
    }
    this.#hasAnswered('room');
    this.#lookBackoff.reset();
    this.#lookAt = millis(now + options.timing.room);
    if (room.meeting === this.#generation) return undefined;
    yield* ask('forget-key-packages', { group: this.#group });
    return phases.seeking(this.#generation);
  }

  /** In plain mode: nobody answers, and the next generation is opened. */
  *#giveUp(): Job<Phase> {
    yield* ask('forget-key-packages', { group: this.#group });
    return this.#context.phases.seeking(this.#generation + 1);
  }
}

function newJoin({ options }: Context): Join {
  const joinId = options.joinId();
  return { joinId, senderId: senderIdOf(options.fingerprint, joinId), first: undefined };
}

/** A wait that is longer by up to a quarter, so that many who wait for one thing do not come at once. */
function jittered({ options }: Context, wait: Millis): Millis {
  const [chance = 0] = options.random(1);
  return millis(wait + Math.floor((wait * chance) / 1024));
}
