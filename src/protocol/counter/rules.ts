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
import { epoch, millis, unixMillis } from '../units.ts';
import type { Brand, Epoch, Millis, UnixMillis } from '../units.ts';
import type { CounterError, CounterMode, Gone, LockToken, LockVerdict, MeetingNow } from './client.ts';
import type { CallKey } from './message-signature.ts';
import { encodeReceipt, NO_PREVIOUS_RECEIPT, parseReceipt, receiptHash } from './receipt.ts';
import type { ReceiptSigner, ReceiptVerifier } from './receipt.ts';
import type { NotTaken } from './not-taken.ts';
import { begun, closed, heard, leaseOf, mayBegin, meetingOf, withoutGone } from './room.ts';
import type { CounterTimes, Home, RoomRecord } from './room.ts';

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
  /** Undefined in plain mode. */
  readonly home: Home | undefined;
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

/** A call that is not signed as the room, or with the key of the epoch reached last, as it has to be. */
export interface Forbidden {
  readonly kind: 'forbidden';
}

/** Too many generations of the room have begun lately. */
export interface TooMany {
  readonly kind: 'too-many';
  readonly retryLaterMs: Millis;
}

/** Whether a call is signed under the name of a key, with this public key. */
export type CallProof = (key: CallKey, publicKey: Uint8Array) => boolean;

/** What a lock is answered with. */
export type LockAnswer = LockVerdict | ModeMismatch | Forbidden | TooMany | NotTaken;

/** What an increment is answered with. */
export type IncrementAnswer =
  | { readonly kind: 'ok'; readonly val: Epoch; readonly receipt: Uint8Array | undefined }
  | { readonly kind: 'not-locked' }
  /** At 0: a generation came back since the lock was given. */
  | { readonly kind: 'alive'; readonly retryLaterMs: Millis }
  | CounterError
  | Gone
  | ModeMismatch
  | Forbidden;

/** What a renewal is answered with. */
export type AliveAnswer =
  | { readonly kind: 'ok'; readonly current: Epoch; readonly meeting: MeetingNow }
  | CounterError
  | Gone
  | Forbidden;

/** What one uploaded receipt is answered with. */
export type UploadAnswer =
  | { readonly kind: 'ok' }
  | { readonly kind: 'fork'; readonly epoch: Epoch }
  /** Not a receipt of this service for this group, or not the receipt of that Commit. */
  | { readonly kind: 'foreign-receipt'; readonly reason: string }
  | Gone
  | ModeMismatch
  | Forbidden
  | NotTaken;

/** An answer and what must be stored before it is given. */
export interface Decision<Answer> {
  readonly answer: Answer;
  /** The record as it is to be stored; undefined: unchanged. */
  readonly record?: CounterRecord;
  /** The room as it is to be stored; undefined: unchanged. */
  readonly room?: RoomRecord;
  /** To be put into the log, in place of an entry of the same epoch. */
  readonly entry?: LogEntry;
}

/** A lock as it was asked for. `fresh` is an unguessable token, used if a new lock is granted. */
export interface LockCall {
  readonly mode: CounterMode;
  readonly val: Epoch;
  readonly nonce: string | undefined;
  readonly fresh: LockToken;
}

/** A counter among the generations of its room. */
export interface Place {
  readonly home: Home;
  readonly room: RoomRecord;
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
 * In fenced mode a lock of 0 is for those who were invited, and is given when no generation of the room is alive; one above
 * 0 is a member's. A wrong value is answered before a signature is looked at, as the value is no secret.
 * @param place - undefined in plain mode, and above 0 where the counter is not known.
 * @see draft-jennings-moq-e2ee-mls #counter-lock
 */
export function decideLock(
  record: CounterRecord | undefined,
  place: Place | undefined,
  call: LockCall,
  proof: CallProof,
  now: UnixMillis,
  times: CounterTimes,
): Decision<LockAnswer> {
  const counter = record ?? newRecord(place?.home);
  if (call.val !== counter.expected) return { answer: counterError(counter) };
  if (!isAllowed(counter, proof)) return { answer: { kind: 'forbidden' } };
  let room: RoomRecord | undefined;
  if (place !== undefined && call.val === 0n) {
    if (place.home.generation !== place.room.next) return { answer: counterError(counter) };
    const verdict = mayBegin(place.room, now, times);
    if (verdict.kind !== 'may') return { answer: verdict };
  } else if (place !== undefined) {
    room = heard(place.room, place.home.generation, now, times);
    if (room === undefined) return { answer: { kind: 'gone' } };
  }
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
    expiresAt: unixMillis(now + times.lockMs),
  };
  return {
    answer: { kind: 'granted', token: lock.token, attempt: lock.attempt, expiresInMs: times.lockMs },
    record: { ...counter, nextAttempt: lock.attempt + 1, lock },
    ...(room === undefined ? {} : { room }),
  };
}

/**
 * Decides a fenced increment.
 *
 * A Commit that is logged for `val` gets its receipt again, whoever asks and with whatever token: the answer to the
 * first call may have been lost, and the token with it. It is asked for with the key of the epoch before `call.val`.
 * Whether a generation is alive is looked at again at 0: one may have come back since the lock (ADR 14).
 * @see draft-jennings-moq-e2ee-mls #counter-incr
 */
export function decideFencedIncrement(
  record: CounterRecord | undefined,
  room: RoomRecord,
  { before, same: logged }: Pick<LogNeighbours, 'before' | 'same'>,
  call: FencedIncrementCall,
  proof: CallProof,
  crypto: ReceiptCrypto,
  now: UnixMillis,
  times: CounterTimes,
): Decision<IncrementAnswer> {
  if (record?.home === undefined) return { answer: { kind: 'not-locked' } };
  const commitHash = crypto.verifier.sha256(call.commit);
  if (
    logged !== undefined &&
    equal(logged.commitHash, commitHash) &&
    isOfEpochBefore(record, call.val, before, proof)
  ) {
    return { answer: { kind: 'ok', val: logged.epoch, receipt: logged.receipt } };
  }
  if (call.val !== record.expected) return { answer: counterError(record) };
  if (!isAllowed(record, proof)) return { answer: { kind: 'forbidden' } };
  const { generation } = record.home;
  const verdict = call.val === 0n ? mayBegin(room, now, times) : undefined;
  if (verdict?.kind === 'alive') return { answer: verdict };
  const after = call.val === 0n ? begun(room, generation, now, times) : heard(room, generation, now, times);
  if (after === undefined) return { answer: { kind: 'gone' } };
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
    room: after,
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

/** Decides a member's sign of life. @param leaves - the last one's good-bye: the lease ends, at epoch 0 for good. */
export function decideAlive(
  record: CounterRecord | undefined,
  room: RoomRecord,
  val: Epoch,
  leaves: boolean,
  proof: CallProof,
  now: UnixMillis,
  times: CounterTimes,
): Decision<AliveAnswer> {
  const current = currentEpoch(record);
  if (record?.home === undefined || current !== val) return { answer: { kind: 'counter-error', current } };
  if (!isAllowed(record, proof)) return { answer: { kind: 'forbidden' } };
  const { generation } = record.home;
  const after = leaves
    ? closed(room, generation, now, times, val === 0n)
    : heard(room, generation, now, times);
  if (after === undefined) return { answer: { kind: 'gone' }, room: withoutGone(room, now, times) };
  return {
    answer: { kind: 'ok', current: val, meeting: meetingNow(after, record.home, now, times) },
    room: after,
  };
}

/** What a member is told of its room. */
export function meetingNow(room: RoomRecord, home: Home, now: UnixMillis, times: CounterTimes): MeetingNow {
  return { generation: meetingOf(room, now), lease: leaseOf(room, home.generation, now, times) };
}

/** The epoch that a counter has reached; undefined before its first increment. */
export function currentEpoch(record: CounterRecord | undefined): Epoch | undefined {
  return record === undefined || record.expected === 0n ? undefined : epoch(record.expected - 1n);
}

/** A counter before its first lock. */
export function newRecord(home: Home | undefined): CounterRecord {
  return {
    home,
    expected: epoch(0n),
    nextAttempt: 0,
    head: NO_PREVIOUS_RECEIPT,
    headTime: unixMillis(0),
    nextKey: undefined,
    lock: undefined,
  };
}

/** Before epoch 0 whoever was invited may call, then members; in plain mode anybody. */
function isAllowed({ home, nextKey }: CounterRecord, proof: CallProof): boolean {
  if (home === undefined) return true;
  return nextKey === undefined ? proof('room', home.room) : proof('epoch', nextKey);
}

/** Whether whoever begins epoch `val` might: it was invited, or a member of the epoch before. */
function isOfEpochBefore(
  { home }: CounterRecord,
  val: Epoch,
  before: LogEntry | undefined,
  proof: CallProof,
): boolean {
  if (val === 0n) return home !== undefined && proof('room', home.room);
  return before !== undefined && proof('epoch', parseReceipt(before.receipt).nextKey);
}

/** A counter that has reached an epoch: nobody holds its lock. */
export function movedOn(record: CounterRecord, reached: Epoch): CounterRecord {
  return { ...record, expected: epoch(reached + 1n), nextAttempt: 0, lock: undefined };
}

function counterError(record: CounterRecord): CounterError {
  return { kind: 'counter-error', current: currentEpoch(record) };
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
