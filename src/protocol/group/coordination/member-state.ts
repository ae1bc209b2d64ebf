/** What a member knows: its epoch, the log, what arrived, what waits for a Commit, what it has staged. */
import { encodeHex } from '../../bytes/hex.ts';
import { equal } from '../../bytes/equal.ts';
import { millis } from '../../units.ts';
import type { Epoch, Millis } from '../../units.ts';
import { epoch } from '../../units.ts';
import type { EpochView, GroupHandle, StagedCommit } from '../mls.ts';
import type { GroupName, SenderId } from '../names.ts';
import { ask } from './asks.ts';
import type { Job, LogEntry, StagedRecipient, WelcomeDelivery } from './asks.ts';
import { CommitInbox } from './commit-inbox.ts';
import type { Context, KnownReceipt, MembershipStart } from './context.ts';
import { PendingWork } from './pending-work.ts';
import { Backoff } from './timing.ts';

/** Receipts that a member keeps to give back to a counter that lost its data. */
const LOG_ENTRIES = 64;
/** Of these, how many with their Commits. */
const LOG_COMMITS = 8;
/** How long a Welcome can be sent again. */
const WELCOME_LIFETIME = millis(120_000);
const NONCE_BYTES = 16;

/** A Welcome that we sent, to be sent again when the joiner asks again. */
export interface SentWelcome {
  readonly epoch: Epoch;
  readonly attempt: number;
  readonly delivery: WelcomeDelivery;
  readonly receipt: Uint8Array | undefined;
  readonly until: Millis;
}

/** Our own Commit for the next epoch: one an epoch, kept until somebody's receipt decides. */
export interface OwnStage {
  readonly commit: StagedCommit;
  /** SHA-256 of the Commit. */
  readonly hash: Uint8Array;
  readonly recipients: readonly StagedRecipient[];
  /** The same nonce gets the same lock again. */
  readonly nonce: Uint8Array;
}

/** Shared by the jobs of a membership. */
export class MemberState {
  readonly context: Context;
  readonly generation: number;
  readonly group: GroupName;
  readonly senderId: SenderId;
  readonly handle: GroupHandle;
  readonly inbox: CommitInbox;
  readonly work: PendingWork;
  readonly counterBackoff: Backoff;
  readonly commitBackoff: Backoff;
  /** KeyPackageRefs of our own joins. */
  readonly ownRefs: readonly Uint8Array[];
  readonly sentWelcomes = new Map<string, SentWelcome>();
  view: EpochView;
  receipt: KnownReceipt | undefined;
  log: readonly LogEntry[];
  stage: OwnStage | undefined;
  /** The counter equivocated: no Commit is made or applied any more. */
  distrusted = false;
  /**
   * We were away and may have missed anything. A removal that happened meanwhile is no reason to stay out, as a
   * removal before our eyes is.
   */
  away = true;
  /** No attempt to commit before this. */
  commitNotBefore: Millis;
  /** The counter's last answer about where it is, each time another object; -1 before epoch 0. */
  answer: { readonly reached: Epoch } | undefined;
  /** When the counter is asked whether anything is missing. */
  historyAt: Millis;

  constructor(context: Context, start: MembershipStart) {
    const { options, now } = context;
    this.context = context;
    this.generation = start.generation;
    this.group = start.group;
    this.senderId = start.senderId;
    this.handle = start.handle;
    this.view = start.view;
    this.receipt = start.receipt;
    this.log = start.log;
    this.ownRefs = start.ownRefs;
    this.inbox = new CommitInbox(start.group, options.parameters.receiptKey, options.crypto);
    this.work = new PendingWork(options.timing, now);
    this.counterBackoff = new Backoff(options.timing.backoff, options.timing.backoffMost);
    this.commitBackoff = new Backoff(options.timing.backoff, options.timing.backoffMost);
    this.commitNotBefore = now;
    this.historyAt = now;
    this.stage = start.staged && this.stageOf(start.staged, start.recipients);
  }

  get fenced(): boolean {
    return this.context.options.parameters.mode === 'fenced';
  }

  /** The epoch that the next Commit begins. */
  get nextEpoch(): Epoch {
    return epoch(this.view.epoch + 1n);
  }

  stageOf(commit: StagedCommit, recipients: readonly StagedRecipient[]): OwnStage {
    const { options } = this.context;
    const hash = options.crypto.sha256(commit.commit);
    return { commit, hash, recipients, nonce: options.random(NONCE_BYTES) };
  }

  /** Whether a receipt is about our own staged Commit. */
  isOurs({ receipt }: KnownReceipt): boolean {
    return this.stage !== undefined && equal(this.stage.hash, receipt.commitHash);
  }

  /** The Welcomes of our staged Commit with where they go. */
  deliveries(): readonly WelcomeDelivery[] {
    const { stage } = this;
    if (stage === undefined) return [];
    return stage.commit.welcomes.flatMap(({ ref, welcome }) => {
      const to = stage.recipients.find((each) => equal(each.ref, ref));
      return to === undefined ? [] : [{ recipient: to.recipient, welcome }];
    });
  }

  /** Keeps our Welcomes, for joiners that ask again. */
  rememberWelcomes(stage: OwnStage, attempt: number, receipt: Uint8Array | undefined): void {
    const { now } = this.context;
    for (const [key, sent] of this.sentWelcomes) if (sent.until <= now) this.sentWelcomes.delete(key);
    for (const { ref, welcome } of stage.commit.welcomes) {
      const to = stage.recipients.find((each) => equal(each.ref, ref));
      if (to === undefined) continue;
      this.sentWelcomes.set(encodeHex(ref), {
        epoch: stage.commit.epoch,
        attempt,
        delivery: { recipient: to.recipient, welcome },
        receipt,
        until: millis(now + WELCOME_LIFETIME),
      });
    }
  }

  /** Adds an epoch to the log, which is bounded. */
  remember(known: KnownReceipt, commit: Uint8Array): void {
    this.receipt = known;
    const log = [...this.log, { epoch: known.receipt.epoch, receipt: known.bytes, commit }];
    this.log = log
      .slice(-LOG_ENTRIES)
      .map((entry, at, { length }) => (at < length - LOG_COMMITS ? { ...entry, commit: undefined } : entry));
  }

  /** Writes everything that a restart needs; before anything built from it is sent. */
  *save(): Job<undefined> {
    const { generation, senderId, log, ownRefs } = this;
    const recipients = this.stage?.recipients ?? [];
    const record = { generation, senderId, creating: false, log, ownRefs, recipients };
    return yield* ask('save', { handle: this.handle, record });
  }

  /** Two lines under one counter: nothing that it says is believed any more. */
  distrust(of: Epoch): void {
    if (this.distrusted) return;
    this.distrusted = true;
    this.context.emit({ kind: 'equivocation', epoch: of });
  }
}
