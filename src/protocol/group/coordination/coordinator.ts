/**
 * The coordinator: one life in a room, from seeking its group to leaving it. Deterministic: it is fed inputs, answers
 * and the time, and is drained of asks and events.
 */
import { invariant } from '../../errors.ts';
import type { Millis } from '../../units.ts';
import { millis } from '../../units.ts';
import { groupNameOf } from '../names.ts';
import type { Ask, Job } from './asks.ts';
import type {
  Context,
  CoordinatorEvent,
  CoordinatorOptions,
  GroupInput,
  Phase,
  Phases,
  RestoredMembership,
} from './context.ts';
import { verifyReceipt } from '../../counter/receipt.ts';
import { Joining } from './joining.ts';
import { eraseUnused, holding } from './key-custody.ts';
import { KickedKeys } from './kicked-keys.ts';
import { beginMembership } from './membership.ts';
import { resumeCreation, Seeking } from './seeking.ts';
import { Stopped } from './stopped.ts';

/** What is fed to a coordinator. */
export type CoordinatorInput =
  | {
      readonly kind: 'start';
      readonly restored: RestoredMembership | undefined;
      /** The keys that are remembered as kicked from the room. */
      readonly kickedKeys: readonly Uint8Array[];
    }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly kind: 'leave' }
  | GroupInput;

/** What a coordinator wants: an ask is answered by one `answer` with its id. */
export type CoordinatorEffect =
  | { readonly kind: 'ask'; readonly id: number; readonly ask: Ask }
  | { readonly kind: 'event'; readonly event: CoordinatorEvent };

/** What a coordinator is doing. */
type Activity =
  /** No job runs: the phase says what is next, and when. */
  | { readonly kind: 'resting' }
  /** A job waits for the answer to its ask. */
  | { readonly kind: 'asking'; readonly job: Job<Phase | undefined>; readonly id: number }
  /** A job lets time pass. */
  | { readonly kind: 'sleeping'; readonly job: Job<Phase | undefined>; readonly until: Millis };

/** The state machine. At most one ask is open at a time; each is a point at which a test may stop, delay or crash it. */
export class Coordinator implements Context {
  readonly options: CoordinatorOptions;
  readonly phases: Phases;
  readonly kicked: KickedKeys;
  readonly #effects: CoordinatorEffect[] = [];
  #now: Millis = millis(0);
  #reachedSince: Millis | undefined = millis(0);
  #phase: Phase | undefined;
  #activity: Activity = { kind: 'resting' };
  #nextId = 1;

  constructor(options: CoordinatorOptions) {
    this.options = options;
    this.kicked = new KickedKeys(options.parameters.kickedKeys, options.crypto);
    this.phases = {
      seeking: (from) => new Seeking(this, from),
      joining: (generation) => new Joining(this, generation),
      membership: (start) => beginMembership(this, start),
      stopped: (reason) => new Stopped(this, reason),
    };
  }

  get now(): Millis {
    return this.#now;
  }

  get reachedSince(): Millis | undefined {
    return this.#reachedSince;
  }

  /** Feeds one input. Until it is told otherwise, the relay is reached. */
  handle(input: CoordinatorInput, now: Millis): void {
    this.#now = now;
    switch (input.kind) {
      case 'start':
        invariant(
          this.#phase === undefined && this.#activity.kind === 'resting',
          'a coordinator starts once',
        );
        this.kicked.add(input.kickedKeys);
        if (input.restored === undefined) this.#phase = new Seeking(this, 0);
        else this.#resume(resume(this, input.restored), undefined);
        break;
      case 'answer':
        // The answer to an ask of a job that was given up.
        if (this.#activity.kind !== 'asking' || this.#activity.id !== input.id) {
          eraseUnused(input.answer);
          return;
        }
        this.#resume(this.#activity.job, input.answer);
        break;
      case 'leave': {
        const farewell = this.#phase?.farewell?.();
        this.#giveUp();
        if (farewell !== undefined) this.#ask(farewell);
        this.#phase = new Stopped(this, 'left');
        break;
      }
      case 'disconnected':
        this.#reachedSince = undefined;
        break;
      case 'reconnected':
        this.#reachedSince = now;
        this.#phase?.input(input);
        break;
      default:
        this.#phase?.input(input);
        break;
    }
    this.#work();
  }

  /** Stops at once, without an event; what was saved stays. Keys that were not handed on are erased. */
  suspend(): void {
    this.#giveUp();
    this.#phase = undefined;
    this.#effects.length = 0;
  }

  /** The next effect, or undefined: drain after each {@link Coordinator.handle} and {@link Coordinator.expire}. */
  poll(): CoordinatorEffect | undefined {
    return this.#effects.shift();
  }

  /** When {@link Coordinator.expire} wants to be called; undefined while an answer is waited for. */
  deadline(): Millis | undefined {
    switch (this.#activity.kind) {
      case 'asking':
        return undefined;
      case 'sleeping':
        return this.#activity.until;
      case 'resting':
        return this.#phase?.deadline();
    }
  }

  /** Time has come to {@link Coordinator.deadline}. */
  expire(now: Millis): void {
    this.#now = now;
    const activity = this.#activity;
    if (activity.kind === 'sleeping' && activity.until <= now) this.#resume(activity.job, undefined);
    this.#work();
  }

  emit(event: CoordinatorEvent): void {
    this.#effects.push({ kind: 'event', event });
  }

  groupName(generation: number): ReturnType<typeof groupNameOf> {
    return groupNameOf(this.options.room, generation, this.options.crypto);
  }

  #giveUp(): void {
    // Runs what the job has in `finally`.
    if (this.#activity.kind !== 'resting') this.#activity.job.return(undefined);
    this.#activity = { kind: 'resting' };
  }

  /** Runs jobs until one waits or there is nothing to do. */
  #work(): void {
    while (this.#activity.kind === 'resting') {
      const job = this.#phase?.next();
      if (job === undefined) return;
      this.#resume(job, undefined);
    }
  }

  /** Lets a job go on to its next ask, or to its end. */
  #resume(job: Job<Phase | undefined>, answer: unknown): void {
    const step = job.next(answer);
    if (step.done === true) {
      this.#activity = { kind: 'resting' };
      this.#phase = step.value ?? this.#phase;
    } else if (step.value.kind === 'sleep') {
      this.#activity = { kind: 'sleeping', job, until: step.value.input.until };
    } else {
      this.#activity = { kind: 'asking', job, id: this.#ask(step.value) };
    }
  }

  /** @returns the number of the answer. */
  #ask(ask: Ask): number {
    const id = this.#nextId;
    this.#nextId += 1;
    this.#effects.push({ kind: 'ask', id, ask });
    return id;
  }
}

/** Resumes a membership after a crash or a shutdown. */
function* resume(context: Context, restored: RestoredMembership): Job<Phase> {
  const { record, handle, view, masterKey, staged } = restored;
  if (record.creating) return yield* holding(masterKey, resumeCreation(context, restored));
  const { parameters, crypto } = context.options;
  const last = record.log.find((entry) => entry.epoch === view.epoch)?.receipt;
  const verdict = last && parameters.receiptKey && verifyReceipt(last, parameters.receiptKey, crypto);
  const receipt =
    last !== undefined && verdict?.kind === 'valid' ? { receipt: verdict.receipt, bytes: last } : undefined;
  return yield* context.phases.membership({
    generation: record.generation,
    group: context.groupName(record.generation),
    senderId: record.senderId,
    handle,
    view,
    masterKey,
    receipt,
    log: record.log,
    joins: record.joins,
    staged,
    recipients: record.recipients,
    isResumed: true,
  });
}
