/**
 * Answers of the counter's HTTPS interface, written by the service and read by its clients.
 *
 * What is not a success is a problem document (RFC 9457) whose `type` says what happened; a client that knows the
 * draft only needs the status: 200 Ok, 409 locked or not locked, 412 counter error.
 */

import { decodeBase64Url, encodeBase64Url } from '../bytes/base64url.ts';
import { millis } from '../units.ts';
import type { Epoch, Millis } from '../units.ts';
import { encodeBase64 } from './base64.ts';
import { COUNTER_LIMITS } from './client.ts';
import type {
  AliveOutcome,
  CounterError,
  CounterFailure,
  CounterMode,
  Gone,
  HistoryOutcome,
  IncrementOutcome,
  LockOutcome,
  LockToken,
  MeetingNow,
  ReceiptKeyOutcome,
  RoomOutcome,
  UploadOutcome,
} from './client.ts';
import type { HistoryPage, RoomAnswer } from './epoch-counter.ts';
import { MAX_RECEIPT_BYTES } from './http-request.ts';
import { JsonFields, malformed, parsing } from './json.ts';
import { encodeNotNow } from './not-taken.ts';
import type { AwaitsReceipts, NotTaken } from './not-taken.ts';
import { problem, PROBLEM_PREFIX } from './problems.ts';
import type { HttpAnswer, ProblemName } from './problems.ts';
import { PUBLIC_KEY_BYTES, receiptKeyId } from './receipt.ts';
import type { ReceiptVerifier } from './receipt.ts';
import type {
  AliveAnswer,
  Forbidden,
  IncrementAnswer,
  LockAnswer,
  ModeMismatch,
  UploadAnswer,
} from './rules.ts';

/** Largest answer that a client reads, in bytes. */
export const MAX_ANSWER_BYTES =
  Math.ceil((COUNTER_LIMITS.historyPage + COUNTER_LIMITS.commit) / 3) * 4 +
  COUNTER_LIMITS.historyEntries * (Math.ceil(MAX_RECEIPT_BYTES / 3) * 4 + 128) +
  1024;

const TOKEN = /^[A-Za-z0-9_-]{22,64}$/;
/** Where a service of the draft does not say how long. */
const DEFAULT_WAIT = millis(1000);
const MAX_GENERATION = 2 ** 32 - 1;
const MAX_WAIT_MS = 24 * 60 * 60 * 1000;

/** Answers a lock. @see draft-jennings-moq-e2ee-mls #counter-lock */
export function encodeLockAnswer(answer: LockAnswer | AwaitsReceipts): HttpAnswer {
  switch (answer.kind) {
    case 'granted': {
      const token = answer.token === undefined ? {} : { token: answer.token };
      return { status: 200, body: { ...token, attempt: answer.attempt, expires_in: answer.expiresInMs } };
    }
    case 'locked':
      return {
        ...problem('locked', 'Ask again after retry_later milliseconds.', {
          retry_later: answer.retryLaterMs,
        }),
        retryAfterMs: answer.retryLaterMs,
      };
    case 'too-many':
      return {
        ...problem('too-many-generations', 'Ask again after Retry-After seconds.'),
        retryAfterMs: answer.retryLaterMs,
      };
    default:
      return encodeRefusal(answer);
  }
}

/** Answers that several calls have. */
function encodeRefusal(
  answer:
    | Extract<LockAnswer, { kind: 'alive' }>
    | CounterError
    | Gone
    | Forbidden
    | ModeMismatch
    | NotTaken
    | AwaitsReceipts,
): HttpAnswer {
  switch (answer.kind) {
    case 'alive':
      return alive(answer.retryLaterMs);
    case 'over-quota':
    case 'full':
    case 'awaits-receipts':
      return encodeNotNow(answer);
    case 'counter-error':
      return problem(
        'counter-error',
        'The counter has reached current; the next value is one more, 0 at first.',
        { current: numberOrNull(answer.current) },
      );
    case 'gone':
      return problem(
        'gone',
        'It was silent for too long after a later one had begun: join the meeting as a newcomer.',
      );
    case 'forbidden':
      return problem('forbidden', 'Sign as the room, or with the key of the epoch that was reached last.');
    case 'mode-mismatch': {
      const { mode } = answer;
      return problem('mode-mismatch', `A counter of this name is kept in ${mode} mode.`, { mode });
    }
  }
}

function alive(retryLaterMs: Millis): HttpAnswer {
  const detail = 'Join it, or ask again after retry_later milliseconds.';
  return { ...problem('alive', detail, { retry_later: retryLaterMs }), retryAfterMs: retryLaterMs };
}

/** Answers with what a room has. */
export function encodeRoomAnswer(answer: RoomAnswer | Forbidden): HttpAnswer {
  if (answer.kind === 'forbidden') return encodeRefusal(answer);
  return { status: 200, body: { meeting: answer.meeting ?? null, next: answer.next } };
}

/** Answers a sign of life. */
export function encodeAliveAnswer(answer: AliveAnswer | AwaitsReceipts): HttpAnswer {
  if (answer.kind !== 'ok') return encodeRefusal(answer);
  return { status: 200, body: { current: Number(answer.current), ...encodeMeeting(answer.meeting) } };
}

/** Answers an increment. @see draft-jennings-moq-e2ee-mls #counter-incr */
export function encodeIncrementAnswer(answer: IncrementAnswer | AwaitsReceipts): HttpAnswer {
  switch (answer.kind) {
    case 'ok': {
      const receipt = answer.receipt === undefined ? {} : { receipt: encodeBase64(answer.receipt) };
      return { status: 200, body: { current: Number(answer.val), ...receipt } };
    }
    case 'not-locked':
      return problem('not-locked', 'The lock was never taken, has expired, or was given to somebody else.');
    default:
      return encodeRefusal(answer);
  }
}

/** Answers a page of history. */
export function encodeHistoryAnswer(page: HistoryPage | Forbidden): HttpAnswer {
  if (page.kind === 'forbidden') return encodeRefusal(page);
  return {
    status: 200,
    body: {
      current: numberOrNull(page.current),
      entries: page.entries.map((entry) => ({
        epoch: Number(entry.epoch),
        attempt: entry.attempt,
        commit: entry.commit === undefined ? null : encodeBase64(entry.commit),
        receipt: encodeBase64(entry.receipt),
      })),
      next_from: numberOrNull(page.nextFrom),
      ...(page.meeting === undefined ? {} : encodeMeeting(page.meeting)),
    },
  };
}

/** Answers an upload. */
export function encodeUploadAnswer(answer: UploadAnswer, current: Epoch | undefined): HttpAnswer {
  switch (answer.kind) {
    case 'ok':
      return { status: 200, body: { current: numberOrNull(current) } };
    case 'fork':
      return problem('fork', 'This service has signed two lines.', { epoch: Number(answer.epoch) });
    case 'foreign-receipt':
      return problem('foreign-receipt', answer.reason);
    default:
      return encodeRefusal(answer);
  }
}

/** Answers with the key that receipts are signed with. */
export function encodeReceiptKeyAnswer(publicKey: Uint8Array, verifier: ReceiptVerifier): HttpAnswer {
  return {
    status: 200,
    body: {
      public_key: encodeBase64Url(publicKey),
      key_id: encodeBase64Url(receiptKeyId(publicKey, verifier)),
    },
  };
}

/** An answer as a client received it. */
export interface ReceivedAnswer {
  readonly status: number;
  /** Value of the Retry-After header. */
  readonly retryAfter: string | undefined;
  /** The body, at most {@link MAX_ANSWER_BYTES}. */
  readonly text: string;
}

/** Reads the answer to a lock; in plain mode also that of a service that sends statuses and little more. */
export function decodeLockAnswer(answer: ReceivedAnswer, mode: CounterMode): LockOutcome {
  return decode<LockOutcome>(answer, (body) => {
    switch (answer.status) {
      case 200:
        if (mode === 'plain') return { kind: 'granted', token: undefined, ...readGrant(body) };
        return {
          kind: 'granted',
          token: body.text('token', TOKEN, 'a token') as LockToken,
          ...readGrant(body),
        };
      case 409: {
        const kind = isProblem(body, 'alive') ? 'alive' : 'locked';
        return { kind, retryLaterMs: readRetryLater(body, answer.retryAfter) };
      }
      default:
        return readMissed(answer.status, body);
    }
  });
}

/** Reads the answer to an increment; in plain mode also that of a service that sends statuses and little more. */
export function decodeIncrementAnswer(answer: ReceivedAnswer, mode: CounterMode): IncrementOutcome {
  return decode<IncrementOutcome>(answer, (body) => {
    switch (answer.status) {
      case 200:
        if (mode === 'plain') return { kind: 'ok', receipt: undefined };
        return { kind: 'ok', receipt: body.bytes('receipt', 1, MAX_RECEIPT_BYTES) };
      case 409:
        if (!isProblem(body, 'alive')) return { kind: 'not-locked' };
        return { kind: 'alive', retryLaterMs: readRetryLater(body, answer.retryAfter) };
      default:
        return readMissed(answer.status, body);
    }
  });
}

/** Reads a page of history. */
export function decodeHistoryAnswer(answer: ReceivedAnswer): HistoryOutcome {
  return decode<HistoryOutcome>(answer, (body) => {
    if (answer.status !== 200) return undefined;
    return {
      kind: 'ok',
      current: readEpochOrNull(body, 'current'),
      entries: body.list('entries', COUNTER_LIMITS.historyEntries).map((value) => {
        const entry = JsonFields.from(value, 'an entry');
        return {
          epoch: entry.epoch('epoch'),
          attempt: entry.integer('attempt', 2 ** 32 - 1),
          commit: entry.isNull('commit') ? undefined : entry.bytes('commit', 1, COUNTER_LIMITS.commit),
          receipt: entry.bytes('receipt', 1, MAX_RECEIPT_BYTES),
        };
      }),
      meeting: body.isAbsent('lease_left') ? undefined : readMeeting(body),
      nextFrom: readEpochOrNull(body, 'next_from'),
    };
  });
}

/** Reads what a room has. */
export function decodeRoomAnswer(answer: ReceivedAnswer): RoomOutcome {
  return decode<RoomOutcome>(answer, (body) => {
    if (answer.status !== 200) return undefined;
    return {
      kind: 'ok',
      meeting: readGeneration(body, 'meeting'),
      next: body.integer('next', MAX_GENERATION + 1),
    };
  });
}

/** Reads the answer to a sign of life. */
export function decodeAliveAnswer(answer: ReceivedAnswer): AliveOutcome {
  return decode<AliveOutcome>(answer, (body) => {
    switch (answer.status) {
      case 200:
        return { kind: 'ok', current: body.epoch('current'), meeting: readMeeting(body) };
      default:
        return readMissed(answer.status, body);
    }
  });
}

/** Reads the answer to an upload. */
export function decodeUploadAnswer(answer: ReceivedAnswer): UploadOutcome {
  return decode<UploadOutcome>(answer, (body) => {
    switch (answer.status) {
      case 200:
        return { kind: 'ok', current: readEpochOrNull(body, 'current') };
      case 409:
        return { kind: 'fork', epoch: body.epoch('epoch') };
      case 410:
        return { kind: 'gone' };
      default:
        return undefined;
    }
  });
}

/** Reads the service's public key. */
export function decodeReceiptKeyAnswer(answer: ReceivedAnswer): ReceiptKeyOutcome {
  return decode<ReceiptKeyOutcome>(answer, (body) => {
    if (answer.status !== 200) return undefined;
    const publicKey = decodeBase64Url(
      body.text('public_key', /^[A-Za-z0-9_-]{43}$/, 'an Ed25519 public key'),
    );
    if (publicKey?.length !== PUBLIC_KEY_BYTES) malformed('public_key is not an Ed25519 public key');
    return { kind: 'ok', publicKey };
  });
}

/** Reads what all answers have in common; `read` gives undefined for a status that the call does not know. */
function decode<Outcome>(
  answer: ReceivedAnswer,
  read: (body: JsonFields) => Outcome | undefined,
): Outcome | CounterFailure {
  const { status } = answer;
  if (status === 401) return { kind: 'unauthorized' };
  if (status === 429 || status === 503) {
    return { kind: 'busy', retryLaterMs: readRetryAfter(answer.retryAfter) ?? DEFAULT_WAIT };
  }
  // 408: the service did not get the whole request in time, whoever was slow.
  if (status >= 500 || status === 408)
    return { kind: 'unreachable', reason: `the service answered ${String(status)}` };
  const parsed = parsing(() => {
    const body = JsonFields.fromText(isJsonObject(answer.text) ? answer.text : '{}');
    return read(body) ?? { kind: 'refused' as const, status, reason: readDetail(body) };
  });
  if (parsed.kind === 'parsed') return parsed.value;
  return { kind: 'unreachable', reason: `the service's answer makes no sense: ${parsed.reason}` };
}

/** A service of the draft may answer with other text, or none. */
function isJsonObject(text: string): boolean {
  return text.trimStart().startsWith('{');
}

function readGrant(body: JsonFields): { attempt: number; expiresInMs: Millis } {
  return {
    attempt: body.isAbsent('attempt') ? 0 : body.integer('attempt', 2 ** 32 - 1),
    expiresInMs: body.isAbsent('expires_in') ? DEFAULT_WAIT : millis(body.integer('expires_in', MAX_WAIT_MS)),
  };
}

function readRetryLater(body: JsonFields, retryAfter: string | undefined): Millis {
  if (!body.isAbsent('retry_later')) return millis(body.integer('retry_later', MAX_WAIT_MS));
  return readRetryAfter(retryAfter) ?? DEFAULT_WAIT;
}

function readDetail(body: JsonFields): string {
  return body.isAbsent('detail') ? '' : body.text('detail', /^[\x20-\x7e]{0,500}$/, 'printable');
}

function encodeMeeting({ generation, lease }: MeetingNow): Readonly<Record<string, unknown>> {
  return { meeting: generation ?? null, lease_left: lease.leftMs, lease: lease.ofMs };
}

function readMeeting(body: JsonFields): MeetingNow {
  const lease = {
    leftMs: millis(body.integer('lease_left', MAX_WAIT_MS)),
    ofMs: millis(body.integer('lease', MAX_WAIT_MS)),
  };
  return { generation: readGeneration(body, 'meeting'), lease };
}

function readGeneration(body: JsonFields, name: string): number | undefined {
  return body.isNull(name) ? undefined : body.integer(name, MAX_GENERATION);
}

function isProblem(body: JsonFields, name: ProblemName): boolean {
  return !body.isAbsent('type') && body.text('type', /^.{0,200}$/, 'a URI') === PROBLEM_PREFIX + name;
}

/** What several calls are answered with whose caller is not where the counter is. */
function readMissed(status: number, body: JsonFields): Gone | CounterError | undefined {
  if (status === 410) return { kind: 'gone' };
  return status === 412 ? readCounterError(body) : undefined;
}

function readCounterError(body: JsonFields): { kind: 'counter-error'; current: Epoch | undefined } {
  return { kind: 'counter-error', current: readEpochOrNull(body, 'current') };
}

function readEpochOrNull(body: JsonFields, name: string): Epoch | undefined {
  return body.isNull(name) ? undefined : body.epoch(name);
}

function readRetryAfter(text: string | undefined): Millis | undefined {
  if (text === undefined || !/^[0-9]{1,5}$/.test(text)) return undefined;
  return millis(Math.min(Number(text) * 1000, MAX_WAIT_MS));
}

function numberOrNull(value: Epoch | undefined): number | null {
  return value === undefined ? null : Number(value);
}
