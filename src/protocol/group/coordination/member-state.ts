/** The state of a member: its epoch, log, received Commits, pending work, and the Commit that it has staged. */
import { equal } from '../../bytes/equal.ts';
import type { HistoryEntry } from '../../counter/client.ts';
import { epoch, millis } from '../../units.ts';
import type { Epoch, Millis } from '../../units.ts';
import type { EpochView, GroupHandle, StagedCommit } from '../mls.ts';
import type { GroupName, SenderId } from '../names.ts';
import { ask } from './asks.ts';
import type { GroupObject, Job, StagedRecipient, WelcomeDelivery } from './asks.ts';
import { CommitInbox } from './commit-inbox.ts';
import type { ReceiptNews } from './commit-inbox.ts';
import type { Context, KnownReceipt, MembershipStart } from './context.ts';
import { CounterContact } from './counter-contact.ts';
import { Door } from './door.ts';
import type { Caller } from './door.ts';
import { PastJoins } from './past-joins.ts';
import { PendingWork } from './pending-work.ts';
import type { BegunByCommit, PlannedCommit } from './pending-work.ts';
import { ReceiptLog } from './receipt-log.ts';
import { SentWelcomes } from './sent-welcomes.ts';
import { countsAt } from './unproven-removal.ts';
import type { Removed, UnprovenRemoval } from './unproven-removal.ts';

const NONCE_BYTES = 16;

/** Our own Commit for the next epoch. There is at most one per epoch; it is kept until a receipt decides. */
export interface OwnStage {
  readonly commit: StagedCommit;
  /** SHA-256 of the Commit. */
  readonly hash: Uint8Array;
  readonly recipients: readonly StagedRecipient[];
  /** The same nonce gets the same lock again. */
  readonly nonce: Uint8Array;
}

/** A Commit of the next epoch with the receipt that makes it count. */
export interface ReceiptedCommit {
  readonly receipt: KnownReceipt;
  /** Undefined only where it is our own staged one. */
  readonly commit: Uint8Array | undefined;
}

/** Why no Commit is made or applied any more, though the counter is believed. */
export type Halt =
  /** The counter has logged what we cannot follow, and when our place in that line is given up. */
  | { readonly kind: 'line-broken'; readonly at: Millis; readonly rejoins: boolean }
  /** It has logged a Commit that removes us, and when that counts. */
  | ({ readonly kind: 'removed'; readonly isJudged: boolean } & UnprovenRemoval);

/** Shared by the jobs of a membership. */
export class MemberState {
  readonly context: Context;
  readonly generation: number;
  readonly group: GroupName;
  readonly senderId: SenderId;
  readonly handle: GroupHandle;
  readonly work: PendingWork;
  readonly door: Door;
  readonly counter: CounterContact;
  readonly log: ReceiptLog;
  readonly sentWelcomes = new SentWelcomes();
  readonly pastJoins: PastJoins;
  readonly #inbox: CommitInbox;
  #view: EpochView;
  #stage: OwnStage | undefined;
  #isDistrusted = false;
  #halt: Halt | undefined;
  #hasRejected = false;
  #isFull = false;
  #callers: readonly Caller[] = [];

  constructor(context: Context, start: MembershipStart) {
    const { options, now } = context;
    this.context = context;
    this.generation = start.generation;
    this.group = start.group;
    this.senderId = start.senderId;
    this.handle = start.handle;
    this.counter = new CounterContact(context);
    this.log = new ReceiptLog(start.receipt, start.log);
    this.#inbox = new CommitInbox(start.group, options.parameters.receiptKey, options.crypto);
    this.pastJoins = new PastJoins(start.joins);
    this.door = new Door(options.timing, this.pastJoins, start.view);
    this.work = new PendingWork(options.timing, now, this.door, start.isResumed);
    this.#view = start.view;
    if (start.staged !== undefined) this.keepStage(start.staged, start.recipients);
  }

  get isFenced(): boolean {
    return this.context.options.parameters.mode === 'fenced';
  }

  /** Whether the counter signed two different Commits for one epoch: no Commit is made or applied any more. */
  get isDistrusted(): boolean {
    return this.#isDistrusted;
  }

  /** Whether and why we stay in this epoch. */
  get halt(): Halt | undefined {
    return this.#halt;
  }

  /** When that ends. */
  get haltEndsAt(): Millis | undefined {
    const halt = this.#halt;
    if (halt?.kind !== 'removed') return halt?.at;
    return halt.isJudged ? this.context.now : countsAt(halt, this.context);
  }

  /** The counter has logged what we cannot follow. */
  lineBroke(): void {
    const { now, options } = this.context;
    this.#halt = { kind: 'line-broken', at: millis(now + options.timing.broken), rejoins: true };
  }

  /** Nobody moves us from a line that is broken: our place in it is given up now. */
  giveUpLine(rejoins: boolean): void {
    if (this.#halt?.kind === 'line-broken')
      this.#halt = { kind: 'line-broken', at: this.context.now, rejoins };
  }

  /** The counter has logged that we are removed. */
  doubtRemoval(outcome: Removed): void {
    this.#halt = { kind: 'removed', since: this.context.now, outcome, isJudged: false };
  }

  /** A removal that was in doubt counts now. */
  believeRemoval(): void {
    if (this.#halt?.kind === 'removed') this.#halt = { ...this.#halt, isJudged: true };
  }

  /** The epoch that we are in. */
  get view(): EpochView {
    return this.#view;
  }

  /** The epoch that the next Commit begins. */
  get nextEpoch(): Epoch {
    return epoch(this.#view.epoch + 1n);
  }

  /** Our own Commit for the next epoch, if there is one. */
  get stage(): OwnStage | undefined {
    return this.#stage;
  }

  /** Keeps our own Commit until an epoch begins. */
  keepStage(commit: StagedCommit, recipients: readonly StagedRecipient[]): OwnStage {
    const { options } = this.context;
    const hash = options.crypto.sha256(commit.commit);
    this.#stage = { commit, hash, recipients, nonce: options.random(NONCE_BYTES) };
    return this.#stage;
  }

  /** The counter takes no Commit of this size, and never did: another one may be made for the epoch. */
  dropTooLarge({ recipients }: OwnStage): void {
    this.#stage = undefined;
    this.work.tooLarge(recipients.length);
  }

  /** Whether a receipt is about our own staged Commit. */
  isOurs({ receipt }: KnownReceipt): boolean {
    return this.#stage !== undefined && equal(this.#stage.hash, receipt.commitHash);
  }

  /** The Welcomes of a Commit of ours with where they go. */
  deliveries({ commit, recipients }: OwnStage): readonly WelcomeDelivery[] {
    return commit.welcomes.flatMap(({ ref, welcome }) => {
      const to = recipients.find((each) => equal(each.ref, ref));
      return to === undefined ? [] : [{ recipient: to.recipient, welcome }];
    });
  }

  /** Keeps the Welcomes of a Commit of ours, for joiners that ask again. */
  rememberWelcomes(stage: OwnStage, attempt: number, receipt: Uint8Array | undefined): void {
    const { now } = this.context;
    for (const { recipient, welcome } of this.deliveries(stage)) {
      const delivery = { recipient, welcome };
      this.sentWelcomes.remember({ epoch: stage.commit.epoch, attempt, delivery, receipt }, now);
    }
  }

  /** What the next Commit has to do, or undefined when there is nothing. */
  plan(): PlannedCommit | undefined {
    const { roster, ownLeaf, parameters, suite } = this.#view;
    const planned = this.work.plan(roster, ownLeaf, this.context.now, parameters, suite);
    this.#noteFull();
    return planned;
  }

  /** Takes an object of the commits track. */
  takeObject(object: GroupObject): void {
    this.#note(object.epoch, this.#inbox.object(object, this.#view.epoch, this.context.now));
  }

  /** Takes what the counter has logged. */
  takeEntry(entry: HistoryEntry): void {
    this.takeReceipt(entry.epoch, entry.receipt);
    if (entry.commit === undefined) return;
    this.#inbox.commit(entry.epoch, entry.commit, this.#view.epoch, this.context.now);
  }

  /** Takes a receipt. @param claimed - the epoch that it is said to be for. */
  takeReceipt(claimed: Epoch, receipt: Uint8Array): void {
    this.#note(claimed, this.#inbox.receipt(receipt, this.#view.epoch, this.context.now));
  }

  /** The receipt of the next epoch, once it has arrived. */
  get nextReceipt(): KnownReceipt | undefined {
    return this.#inbox.next(this.nextEpoch)?.receipt;
  }

  /** In fenced mode: the Commit that begins the next epoch, once it and its receipt have arrived. */
  get nextReceipted(): ReceiptedCommit | undefined {
    const next = this.#inbox.next(this.nextEpoch);
    if (next?.receipt === undefined) return undefined;
    if (next.commit === undefined && !this.isOurs(next.receipt)) return undefined;
    return { receipt: next.receipt, commit: next.commit };
  }

  /** In plain mode: the Commit that begins the next epoch, if it can be processed. */
  get nextPlain(): Uint8Array | undefined {
    return this.#inbox.plain(this.nextEpoch);
  }

  /** Drops {@link MemberState.nextPlain}, which cannot be processed. */
  rejectPlain(): void {
    this.#hasRejected = true;
    this.#inbox.rejectPlain(this.nextEpoch);
  }

  /** @returns whether something was dropped since this was last asked. */
  takeRejected(): boolean {
    const had = this.#hasRejected;
    this.#hasRejected = false;
    return had;
  }

  /** Since when we have had something of a later epoch that cannot be applied yet. */
  get missingSince(): Millis | undefined {
    return this.#inbox.since(this.#view.epoch);
  }

  /** MLS is in a new epoch: no Commit of ours is staged any more. @param by - the Commit, in fenced mode with its receipt. */
  enter(
    view: EpochView,
    by: { readonly receipt: KnownReceipt | undefined; readonly commit: Uint8Array },
  ): void {
    this.#view = view;
    this.door.enter(view);
    this.#stage = undefined;
    if (by.receipt !== undefined) this.log.append(by.receipt, by.commit);
  }

  /** The epoch is saved: drops work that it did. */
  settle(begun: Omit<BegunByCommit, 'epoch'>): void {
    const { epoch: at, parameters, roster } = this.#view;
    this.work.settle({ ...begun, epoch: at }, this.context.now);
    this.work.settings.settle(parameters, roster);
    if (!this.door.isOurs && this.work.giveUpDecisions()) this.context.emit({ kind: 'not-organiser' });
    this.work.dropJoins((join) => !this.pastJoins.admits(join));
    this.#inbox.prune(this.#view.epoch);
    this.counter.epochBegan();
    this.#noteFull();
    if (this.work.takeUnlisted()) this.context.emit({ kind: 'not-kept-out' });
    this.noteDoor();
  }

  /** Tells who waits at the door, where that has changed. */
  noteDoor(): void {
    const { joins } = this.work;
    this.door.prune(joins);
    const callers = this.door.callers(joins);
    if (sameCallers(callers, this.#callers)) return;
    this.#callers = callers;
    this.context.emit({ kind: 'door', callers });
  }

  /** Saves what a restart needs; must be done before anything that depends on it is sent. */
  *save(): Job<undefined> {
    const { generation, senderId } = this;
    const recipients = this.#stage?.recipients ?? [];
    const log = this.log.entries;
    const joins = this.pastJoins.memory;
    const record = { generation, senderId, creating: false, log, joins, recipients };
    return yield* ask('save', { handle: this.handle, record });
  }

  /** The counter signed two different Commits for one epoch: it is not believed any more. */
  distrust(at: Epoch): void {
    if (this.#isDistrusted) return;
    this.#isDistrusted = true;
    this.context.emit({ kind: 'equivocation', epoch: at });
  }

  #noteFull(): void {
    if (this.work.isFull === this.#isFull) return;
    this.#isFull = this.work.isFull;
    this.context.emit({ kind: 'full', isFull: this.#isFull });
  }

  #note(at: Epoch, news: ReceiptNews): void {
    if (news === 'equivocation') this.distrust(at);
  }
}

function sameCallers(a: readonly Caller[], b: readonly Caller[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ fingerprint, displayName }, at) => {
      const other = b[at];
      return (
        other !== undefined && equal(fingerprint, other.fingerprint) && displayName === other.displayName
      );
    })
  );
}
