/**
 * The rules by which an epoch counter keeps one line of Commits: pure decisions over one counter's record.
 *
 * Each decision says what to answer and what to store *before* answering. Whoever calls them makes reading, deciding
 * and storing one atomic and durable step; safety then rests on tokens and the stored log, never on clocks: a wrong
 * clock can only make a lock end early or late.
 *
 * @see draft-jennings-moq-e2ee-mls #epoch-svc
 */

import { decodeBase64Url, encodeBase64Url } from '../bytes/base64url.ts';
import { equal } from '../bytes/equal.ts';
import { encodeUtf8 } from '../bytes/utf8.ts';
import { invariant } from '../errors.ts';
import { epoch, millis, unixMillis } from '../units.ts';
import type { Brand, Epoch, Millis, UnixMillis } from '../units.ts';
import type { CounterError, CounterMode, LockToken, LockVerdict } from './client.ts';
import { encodeReceipt, NO_PREVIOUS_RECEIPT, parseReceipt, receiptHash, verifyReceipt } from './receipt.ts';
import type { Receipt, ReceiptSigner, ReceiptVerifier } from './receipt.ts';

/** Name of a counter as it stands in a URL; it says the counter's mode. */
export type CounterId = Brand<string, 'CounterId'>;

/** Begins the name of each fenced counter and of no other, so that a call of one mode never takes a counter of the other. */
const FENCED = 'f.';

/** Name of a group's counter: base64url of its id, in fenced mode behind `f.`. */
export function counterIdOf(group: Uint8Array, mode: CounterMode): CounterId {
  return `${mode === 'fenced' ? FENCED : ''}${encodeBase64Url(group)}` as CounterId;
}

/** The mode in which a counter of this name is kept. */
export function modeOfCounter(id: CounterId): CounterMode {
  return id.startsWith(FENCED) ? 'fenced' : 'plain';
}

/** The id of the group that a fenced counter belongs to; undefined when its name is not that of one. */
export function groupOfCounter(id: CounterId): Uint8Array | undefined {
  return modeOfCounter(id) === 'fenced' ? decodeBase64Url(id.slice(FENCED.length)) : undefined;
}

/** A lock as it is stored; it may have expired. */
export interface Lock {
  readonly attempt: number;
  /** Undefined in plain mode. */
  readonly token: LockToken | undefined;
  /** Undefined in plain mode, and where the client named none: then the lock is not given again. */
  readonly nonce: string | undefined;
  readonly grantedAt: UnixMillis;
  readonly expiresAt: UnixMillis;
}

/** All that is kept of one counter beside its log. */
export interface CounterRecord {
  /** The value that the next lock must name. */
  readonly expected: Epoch;
  /** Attempt that the next lock of this value gets. */
  readonly nextAttempt: number;
  /** Hash of the newest receipt; 32 zero bytes before the first. */
  readonly head: Uint8Array;
  /** Time in the newest receipt; 0 before the first. */
  readonly headTime: UnixMillis;
  /** Public key of the epoch reached last, which the next has to be signed with; undefined before 0 and in plain mode. */
  readonly nextKey: Uint8Array | undefined;
  readonly lock: Lock | undefined;
}

/** One epoch of the log. */
export interface LogEntry {
  readonly epoch: Epoch;
  readonly attempt: number;
  /** SHA-256 of the Commit. */
  readonly commitHash: Uint8Array;
  /** Undefined when only the receipt was uploaded. */
  readonly commit: Uint8Array | undefined;
  /** With its signature. */
  readonly receipt: Uint8Array;
}

/** A request of the other mode than the counter's. */
export interface ModeMismatch {
  readonly kind: 'mode-mismatch';
  readonly mode: CounterMode;
}

/** A call that a member alone may make, and that is not signed with the key of the epoch reached last. */
export interface Forbidden {
  readonly kind: 'forbidden';
}

/** Whether a call is signed with an epoch's public key. */
export type CallProof = (epochKey: Uint8Array) => boolean;

/** What a lock is answered with. */
export type LockAnswer = LockVerdict | ModeMismatch | Forbidden;

/** What an increment is answered with. */
export type IncrementAnswer =
  | { readonly kind: 'ok'; readonly val: Epoch; readonly receipt: Uint8Array | undefined }
  | { readonly kind: 'not-locked' }
  | CounterError
  | ModeMismatch
  | Forbidden;

/** What one uploaded receipt is answered with. */
export type UploadAnswer =
  | { readonly kind: 'ok' }
  | { readonly kind: 'fork'; readonly epoch: Epoch }
  /** Not a receipt of this service for this group, or not the receipt of that Commit. */
  | { readonly kind: 'foreign-receipt'; readonly reason: string }
  | ModeMismatch;

/** An answer and what must be stored before it is given. */
export interface Decision<Answer> {
  readonly answer: Answer;
  /** The record as it is to be stored; undefined: unchanged. */
  readonly record?: CounterRecord;
  /** To be put into the log, in place of an entry of the same epoch. */
  readonly entry?: LogEntry;
}

/** A lock as it was asked for. `fresh` is an unguessable token, used if a new lock is granted. */
export interface LockCall {
  readonly mode: CounterMode;
  readonly val: Epoch;
  readonly nonce: string | undefined;
  readonly fresh: LockToken;
  readonly ttlMs: Millis;
}

/** A fenced increment as it was asked for. */
export interface FencedIncrementCall {
  readonly group: Uint8Array;
  readonly val: Epoch;
  readonly token: LockToken;
  readonly commit: Uint8Array;
  readonly transcript: Uint8Array;
  /** The key of the epoch that begins, 32 bytes. */
  readonly nextKey: Uint8Array;
}

/** Signing and hashing, for decisions that write receipts. */
export interface ReceiptCrypto {
  readonly signer: ReceiptSigner;
  readonly verifier: ReceiptVerifier;
}

/**
 * Decides a lock.
 *
 * The first lock of a counter names 0. A lock that is repeated with its nonce while it lives gets
 * the same token and is not prolonged; any later lock of the same value gets the next attempt and a fresh token.
 * In fenced mode a lock above 0 is a member's: a wrong value is answered before its signature is looked at, as the value is
 * no secret.
 * @see draft-jennings-moq-e2ee-mls #counter-lock
 */
export function decideLock(
  record: CounterRecord | undefined,
  call: LockCall,
  proof: CallProof,
  now: UnixMillis,
): Decision<LockAnswer> {
  const counter = record ?? newRecord();
  if (call.val !== counter.expected) return { answer: counterError(counter) };
  if (!isMembers(counter, proof)) return { answer: { kind: 'forbidden' } };
  const held = counter.lock;
  if (held !== undefined && isLive(held, now)) {
    const remaining = millis(held.expiresAt - now);
    const isRepeat = held.nonce !== undefined && held.nonce === call.nonce;
    if (!isRepeat) return { answer: { kind: 'locked', retryLaterMs: remaining } };
    return {
      answer: { kind: 'granted', token: held.token, attempt: held.attempt, expiresInMs: remaining },
    };
  }
  const lock: Lock = {
    attempt: counter.nextAttempt,
    token: call.mode === 'fenced' ? call.fresh : undefined,
    nonce: call.mode === 'fenced' ? call.nonce : undefined,
    grantedAt: now,
    expiresAt: unixMillis(now + call.ttlMs),
  };
  return {
    answer: { kind: 'granted', token: lock.token, attempt: lock.attempt, expiresInMs: call.ttlMs },
    record: { ...counter, nextAttempt: lock.attempt + 1, lock },
  };
}

/**
 * Decides a fenced increment.
 *
 * A Commit that is logged for `val` gets its receipt again, whoever asks and with whatever token: the answer to the
 * first call may have been lost, and the token with it. It is asked for with the key of the epoch before `call.val`.
 * @see draft-jennings-moq-e2ee-mls #counter-incr
 */
export function decideFencedIncrement(
  record: CounterRecord | undefined,
  { before, same: logged }: Pick<LogNeighbours, 'before' | 'same'>,
  call: FencedIncrementCall,
  proof: CallProof,
  crypto: ReceiptCrypto,
  now: UnixMillis,
): Decision<IncrementAnswer> {
  if (record === undefined) return { answer: { kind: 'not-locked' } };
  const commitHash = crypto.verifier.sha256(call.commit);
  if (
    logged !== undefined &&
    equal(logged.commitHash, commitHash) &&
    isOfEpochBefore(call.val, before, proof)
  ) {
    return { answer: { kind: 'ok', val: logged.epoch, receipt: logged.receipt } };
  }
  if (call.val !== record.expected) return { answer: counterError(record) };
  if (!isMembers(record, proof)) return { answer: { kind: 'forbidden' } };
  const { lock } = record;
  if (lock?.token === undefined || !isLive(lock, now) || !sameToken(lock.token, call.token)) {
    return { answer: { kind: 'not-locked' } };
  }
  const { attempt } = lock;
  const time = unixMillis(Math.max(now, record.headTime));
  const receipt = encodeReceipt(
    {
      group: call.group,
      epoch: call.val,
      attempt,
      commitHash,
      transcript: call.transcript,
      nextKey: call.nextKey,
      time,
      previousHash: record.head,
    },
    crypto.signer,
    crypto.verifier,
  );
  const head = receiptHash(parseReceipt(receipt), crypto.verifier);
  return {
    answer: { kind: 'ok', val: call.val, receipt },
    record: { ...movedOn(record, call.val), head, headTime: time, nextKey: call.nextKey },
    entry: { epoch: call.val, attempt, commitHash, commit: call.commit, receipt },
  };
}

/**
 * Decides a bare increment: whoever asks, if the counter is locked.
 * @see draft-jennings-moq-e2ee-mls #counter-incr
 */
export function decidePlainIncrement(
  record: CounterRecord | undefined,
  now: UnixMillis,
): Decision<IncrementAnswer> {
  if (record === undefined) return { answer: { kind: 'not-locked' } };
  if (record.lock === undefined || !isLive(record.lock, now)) return { answer: { kind: 'not-locked' } };
  return {
    answer: { kind: 'ok', val: record.expected, receipt: undefined },
    record: movedOn(record, record.expected),
  };
}

/** The log around an uploaded receipt. */
export interface LogNeighbours {
  readonly before: LogEntry | undefined;
  readonly same: LogEntry | undefined;
  readonly after: LogEntry | undefined;
}

/**
 * Decides one receipt that a member gives back. The service believes nothing but its own signature: that it signed
 * epoch n proves that the line reached n, so it goes forward, also over a gap of epochs that nobody gave back.
 *
 * The attempts that were given at the next value before the data was lost are unknown, and two Commits must never
 * meet at one object; so attempts go on from the time in seconds, which no count of attempts has reached.
 */
export function decideUpload(
  record: CounterRecord | undefined,
  neighbours: LogNeighbours,
  upload: {
    readonly group: Uint8Array;
    readonly receipt: Uint8Array;
    readonly commit: Uint8Array | undefined;
  },
  crypto: ReceiptCrypto,
  now: UnixMillis,
): Decision<UploadAnswer> {
  const verdict = verifyReceipt(upload.receipt, crypto.signer.publicKey, crypto.verifier);
  if (verdict.kind !== 'valid') return foreign(`the receipt is not this service's: ${verdict.kind}`);
  const { receipt } = verdict;
  if (!equal(receipt.group, upload.group)) return foreign('the receipt is of another group');
  const { commit } = upload;
  if (commit !== undefined && !equal(crypto.verifier.sha256(commit), receipt.commitHash)) {
    return foreign('the Commit is not the one that the receipt names');
  }

  const { epoch: begun, attempt, commitHash } = receipt;
  const entry: LogEntry = { epoch: begun, attempt, commitHash, commit, receipt: upload.receipt };
  if (neighbours.same !== undefined) {
    if (!equal(parseReceipt(neighbours.same.receipt).signed, receipt.signed)) return fork(begun);
    const fillsIn = neighbours.same.commit === undefined && commit !== undefined;
    return fillsIn ? { answer: { kind: 'ok' }, entry } : { answer: { kind: 'ok' } };
  }
  if (!linksTo(neighbours, receipt, crypto.verifier)) return fork(begun);

  const counter = record ?? newRecord();
  if (begun < counter.expected) return { answer: { kind: 'ok' }, entry };
  const nextAttempt = Math.max(Math.floor(now / 1000), receipt.attempt + 1);
  invariant(nextAttempt < 2 ** 32 - 2 ** 20, 'attempts leave room in 32 bits');
  return {
    answer: { kind: 'ok' },
    entry,
    record: {
      ...movedOn(counter, begun),
      nextAttempt,
      head: receiptHash(receipt, crypto.verifier),
      headTime: receipt.time,
      nextKey: receipt.nextKey,
    },
  };
}

/** The epoch that a counter has reached; undefined before its first increment. */
export function currentEpoch(record: CounterRecord | undefined): Epoch | undefined {
  return record === undefined || record.expected === 0n ? undefined : epoch(record.expected - 1n);
}

function newRecord(): CounterRecord {
  return {
    expected: epoch(0n),
    nextAttempt: 0,
    head: NO_PREVIOUS_RECEIPT,
    headTime: unixMillis(0),
    nextKey: undefined,
    lock: undefined,
  };
}

/** Nobody is a member before epoch 0, nor in plain mode. */
function isMembers({ nextKey }: CounterRecord, proof: CallProof): boolean {
  return nextKey === undefined || proof(nextKey);
}

/** Whether whoever begins epoch `val` was a member of the epoch before. */
function isOfEpochBefore(val: Epoch, before: LogEntry | undefined, proof: CallProof): boolean {
  return val === 0n || (before !== undefined && proof(parseReceipt(before.receipt).nextKey));
}

function movedOn(record: CounterRecord, reached: Epoch): CounterRecord {
  return { ...record, expected: epoch(reached + 1n), nextAttempt: 0, lock: undefined };
}

function counterError(record: CounterRecord): CounterError {
  return { kind: 'counter-error', current: currentEpoch(record) };
}

function fork(at: Epoch): Decision<UploadAnswer> {
  return { answer: { kind: 'fork', epoch: at } };
}

function foreign(reason: string): Decision<UploadAnswer> {
  return { answer: { kind: 'foreign-receipt', reason } };
}

/** A clock that was set back far must not keep a meeting locked until it has caught up. */
function isLive(lock: Lock, now: UnixMillis): boolean {
  const ttl = lock.expiresAt - lock.grantedAt;
  return now < lock.expiresAt && now > lock.grantedAt - ttl;
}

/** Constant time: the token is what keeps others from incrementing. */
function sameToken(held: LockToken, given: LockToken): boolean {
  return equal(encodeUtf8(held), encodeUtf8(given));
}

function linksTo(neighbours: LogNeighbours, receipt: Receipt, verifier: ReceiptVerifier): boolean {
  const { before, after } = neighbours;
  if (before !== undefined) {
    const link = receiptHash(parseReceipt(before.receipt), verifier);
    if (!equal(receipt.previousHash, link)) return false;
  }
  if (after === undefined) return true;
  return equal(parseReceipt(after.receipt).previousHash, receiptHash(receipt, verifier));
}
