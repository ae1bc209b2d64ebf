/**
 * What a member may ask of an epoch counter service, whatever carries the question: HTTPS, a simulation, a test.
 *
 * Every outcome that can be expected is a value. `unreachable` means that the outcome is *unknown*: the service may
 * have done what was asked, so the caller asks again (each call can be repeated) and never assumes a refusal.
 */

import type { Brand, Epoch, Millis, UnixMillis } from '../units.ts';

/** Fencing token of one granted lock; whoever holds it may increment while the lock lives. A secret of the holder. */
export type LockToken = Brand<string, 'LockToken'>;

/**
 * How a counter keeps its line: `fenced` with tokens, Commits and receipts; `plain` with the draft's two bare calls.
 * Fixed for each counter by its first lock.
 */
export type CounterMode = 'fenced' | 'plain';

/** Sizes that service and clients agree on; all in bytes. */
export const COUNTER_LIMITS = {
  /** An MLSMessage with a Commit, or the GroupContext at epoch 0. */
  commit: 512 * 1024,
  /** A client's nonce of a lock. */
  nonce: { least: 16, most: 32 },
  /** Entries in one upload, and receipts and Commits in it together. */
  uploadEntries: 64,
  uploadBytes: 2 * 1024 * 1024,
  /** Commits in one page of history, together; one entry is always sent. */
  historyPage: 2 * 1024 * 1024,
  /** Entries in one page of history. */
  historyEntries: 256,
} as const;

/** An answer of the counter with the time that it says, and when it was asked and answered by this machine's clock. */
export interface DatedAnswer {
  /** Of the header field `Date`, in whole seconds. */
  readonly served: UnixMillis;
  readonly sentAt: UnixMillis;
  readonly receivedAt: UnixMillis;
}

/** Failures that each call can end in. */
export type CounterFailure =
  /** 401: the service wants another bearer token. */
  | { readonly kind: 'unauthorized' }
  /** 429 or 503: ask again later. */
  | { readonly kind: 'busy'; readonly retryLaterMs: Millis }
  /** The service refused the request as such; repeating it will not help. `reason` is the service's own words. */
  | { readonly kind: 'refused'; readonly status: number; readonly reason: string }
  /** No answer, or none that makes sense: what was asked may have happened or not. */
  | { readonly kind: 'unreachable'; readonly reason: string };

/** The service counts something else than was asked for. */
export interface CounterError {
  readonly kind: 'counter-error';
  /** The epoch reached last; undefined before epoch 0. */
  readonly current: Epoch | undefined;
}

/** The generation was silent for long, or closed, after a later one had begun, and never comes back. */
export interface Gone {
  readonly kind: 'gone';
}

/** How long a generation is alive without another sign of life. */
export interface Lease {
  /** 0: it is not alive. */
  readonly leftMs: Millis;
  /** How long it runs when it has just been renewed. */
  readonly ofMs: Millis;
}

/** What a member is told of its room. */
export interface MeetingNow {
  /** The lowest generation that is alive, which is the meeting; undefined: none is. */
  readonly generation: number | undefined;
  /** Of the member's own generation. */
  readonly lease: Lease;
}

/** What a counter says to a lock in its mode. @see draft-jennings-moq-e2ee-mls #counter-lock */
export type LockVerdict =
  | {
      readonly kind: 'granted';
      /** Absent in plain mode. */
      readonly token: LockToken | undefined;
      /** Attempt *f* at this value; 0 unless an earlier holder failed. */
      readonly attempt: number;
      /** How long the lock lives from now on. */
      readonly expiresInMs: Millis;
    }
  /** Somebody else holds the lock. */
  | { readonly kind: 'locked'; readonly retryLaterMs: Millis }
  /** At 0: a generation of the room is alive. */
  | { readonly kind: 'alive'; readonly retryLaterMs: Millis }
  | Gone
  | CounterError;

/** Outcome of a lock. */
export type LockOutcome = LockVerdict | CounterFailure;

/** Outcome of an increment. @see draft-jennings-moq-e2ee-mls #counter-incr */
export type IncrementOutcome =
  /** The Commit is the one of its epoch; the receipt is absent in plain mode. */
  | { readonly kind: 'ok'; readonly receipt: Uint8Array | undefined }
  /** Nobody holds the lock, or somebody holds it with another token: lock again. */
  | { readonly kind: 'not-locked' }
  /** At 0: a generation of the room has come back to life meanwhile, which is the meeting. */
  | { readonly kind: 'alive'; readonly retryLaterMs: Millis }
  | Gone
  | CounterError
  | CounterFailure;

/** What a room has. */
export type RoomOutcome =
  | {
      readonly kind: 'ok';
      /** The lowest generation that is alive; undefined: none is. */
      readonly meeting: number | undefined;
      /** The number of the generation that begins next. */
      readonly next: number;
    }
  | CounterFailure;

/** Outcome of a sign of life. */
export type AliveOutcome =
  | { readonly kind: 'ok'; readonly current: Epoch; readonly meeting: MeetingNow }
  | Gone
  | CounterError
  | CounterFailure;

/** Outcome of the last member's good-bye. */
export type CloseOutcome =
  { readonly kind: 'ok'; readonly current: Epoch } | Gone | CounterError | CounterFailure;

/** Outcome of an upload of receipts. */
export type UploadOutcome =
  /** The service holds at least these receipts now. */
  | { readonly kind: 'ok'; readonly current: Epoch | undefined }
  /** The service has signed another receipt for one of these epochs, or over another past: it equivocated. */
  | { readonly kind: 'fork'; readonly epoch: Epoch }
  | Gone
  | CounterFailure;

/** One epoch in the counter's log. */
export interface HistoryEntry {
  readonly epoch: Epoch;
  readonly attempt: number;
  /** The MLSMessage as it was given to the increment; undefined when the service was restored from receipts only. */
  readonly commit: Uint8Array | undefined;
  /** A receipt with its signature, not yet verified. */
  readonly receipt: Uint8Array;
}

/** A page of the counter's log. */
export type HistoryOutcome =
  | {
      readonly kind: 'ok';
      /** The epoch reached last; undefined before epoch 0. */
      readonly current: Epoch | undefined;
      /** In ascending order of epochs; gaps are epochs that a restored service never saw. */
      readonly entries: readonly HistoryEntry[];
      /** Undefined for a counter that nobody has locked. */
      readonly meeting?: MeetingNow | undefined;
      /** Where to ask on; undefined at the end. */
      readonly nextFrom: Epoch | undefined;
    }
  | CounterFailure;

/** The key that verifies this service's receipts. */
export type ReceiptKeyOutcome = { readonly kind: 'ok'; readonly publicKey: Uint8Array } | CounterFailure;

/**
 * Signs with the key of the epoch that a member is in.
 * @returns an Ed25519 signature, 64 bytes; undefined once it is a member no more.
 */
export type EpochSigner = (message: Uint8Array) => Promise<Uint8Array | undefined>;

/** A lock in fenced mode names the client; a lock in plain mode is anybody's. */
export type LockRequest =
  | {
      readonly mode: 'fenced';
      /** The epoch to be created: 0 for the group itself, n+1 for a Commit made in epoch n. */
      readonly val: Epoch;
      /** 16 to 32 random bytes: the same nonce gets the same token while its lock lives. */
      readonly nonce: Uint8Array;
      /** Of the room: the one that is to begin, or that the group is. */
      readonly generation: number;
    }
  | { readonly mode: 'plain'; readonly val: Epoch };

/** An increment in fenced mode carries the Commit that is to be the one of `val`. */
export type IncrementRequest =
  | {
      readonly mode: 'fenced';
      readonly val: Epoch;
      readonly token: LockToken;
      /** MLSMessage with the Commit; at epoch 0 the GroupContext. */
      readonly commit: Uint8Array;
      /** Confirmed transcript hash of the new epoch; empty at epoch 0. */
      readonly transcript: Uint8Array;
      /** The new epoch's key, 32 bytes: what begins the epoch after has to be signed with it. */
      readonly nextKey: Uint8Array;
    }
  | { readonly mode: 'plain' };

/** What a member gives back to a service that lost its data. */
export interface UploadEntry {
  readonly receipt: Uint8Array;
  /** The Commit, where the member still has it. */
  readonly commit: Uint8Array | undefined;
}

/**
 * An epoch counter service as its members see it. `group` is the MLS group id, 1 to 255 bytes, read and not kept.
 * No call throws for what the service or the network does. Calls of fenced mode are signed: those with a `member` by its
 * epoch's key, all others by the room's key, which the client was given.
 */
export interface CounterClient {
  /** Takes the lock that creating epoch `val` needs. @param member - signs, in fenced mode above epoch 0. */
  lock(group: Uint8Array, request: LockRequest, member?: EpochSigner): Promise<LockOutcome>;
  /** Moves the counter on, signed as the lock was. A Commit that is already logged gets its receipt again, whatever the token. */
  increment(group: Uint8Array, request: IncrementRequest, member?: EpochSigner): Promise<IncrementOutcome>;
  /** Commits and receipts from epoch `from` on, one page. */
  history(group: Uint8Array, from: Epoch): Promise<HistoryOutcome>;
  /** Gives receipts, in ascending order of epochs, to a service that is behind. @param generation - that the group is. */
  upload(group: Uint8Array, generation: number, entries: readonly UploadEntry[]): Promise<UploadOutcome>;
  /** Which generation of the room is the meeting, and which begins next. */
  room(): Promise<RoomOutcome>;
  /** Says that the generation is alive. @param val - the epoch that the member is in. */
  alive(group: Uint8Array, val: Epoch, member: EpochSigner): Promise<AliveOutcome>;
  /** The last member leaves: the next generation may begin at once. Waits for an answer but shortly. */
  close(group: Uint8Array, val: Epoch, member: EpochSigner): Promise<CloseOutcome>;
  /** Asks for the key that the service signs with: for whoever makes an invitation, over a verified connection. */
  receiptKey(): Promise<ReceiptKeyOutcome>;
}
