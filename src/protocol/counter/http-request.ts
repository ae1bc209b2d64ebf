/**
 * Requests of the counter's HTTPS interface, written and read: paths, queries and JSON bodies.
 *
 * `GET /room/<room>`, `GET /lock/<id>?val=<n>[&mode=fenced&nonce=<base64url>[&room=<room>&generation=<g>]]`, `POST /increment/<id>`,
 * `POST /alive/<id>?val=<n>`, `POST /close/<id>?val=<n>`, `GET /history/<id>?from=<n>`, `POST /history/<id>?room=<room>&generation=<g>`,
 * `GET /receipt-key`. Without `mode` the calls are the draft's two bare ones.
 *
 * @see draft-jennings-moq-e2ee-mls #epoch-svc
 */

import { decodeBase64Url, encodeBase64Url } from '../bytes/base64url.ts';
import { PeerViolation } from '../errors.ts';
import { epoch } from '../units.ts';
import type { Epoch } from '../units.ts';
import { encodeBase64 } from './base64.ts';
import { COUNTER_LIMITS } from './client.ts';
import type { CounterMode, IncrementRequest, LockRequest, LockToken, UploadEntry } from './client.ts';
import { JsonFields, malformed, MAX_COUNTER_VALUE, parsing } from './json.ts';
import type { Parsed } from './json.ts';
import { parseReceipt, PUBLIC_KEY_BYTES, RECEIPT_LIMITS } from './receipt.ts';
import { ROOM_KEY_BYTES } from './room.ts';
import type { Home } from './room.ts';
import { counterIdOf, groupOfCounter, type CounterId } from './rules.ts';

/** Largest JSON bodies that a service reads, in bytes. */
export const BODY_LIMITS = {
  increment: base64Length(COUNTER_LIMITS.commit) + 1024,
  upload: base64Length(COUNTER_LIMITS.uploadBytes) + COUNTER_LIMITS.uploadEntries * 64 + 1024,
} as const;

/** Largest receipt: all fixed fields, the longest group id and transcript, the signature. */
export const MAX_RECEIPT_BYTES = 19 + 8 + 1 + 255 + 8 + 4 + 32 + 1 + 64 + 32 + 8 + 32 + 64;

const MAX_GENERATION = 2n ** 32n - 1n;
const TOKEN = /^[A-Za-z0-9_-]{22,64}$/;
/** Unreserved characters of RFC 3986: the draft leaves the Counter ID open. The longest is that of a group id of 255 bytes. */
const COUNTER_ID = /^[A-Za-z0-9._~-]{1,342}$/;

/** Query parameters in the order they came, names possibly repeated. */
export type Query = readonly (readonly [name: string, value: string])[];

/** A lock as it was asked for over HTTP. */
export interface LockQuery {
  readonly mode: CounterMode;
  readonly val: Epoch;
  readonly nonce: string | undefined;
  /** Of a fenced lock of 0: where the counter belongs. */
  readonly home: Home | undefined;
}

/** An uploaded receipt with the epoch that it claims; nothing about it is verified. */
export interface UploadedReceipt extends UploadEntry {
  readonly epoch: Epoch;
}

/** Path and query of a lock. @param room - public key of the room; used in fenced mode. */
export function lockTarget(group: Uint8Array, request: LockRequest, room: Uint8Array): string {
  const path = `/lock/${counterIdOf(group, request.mode)}?val=${String(request.val)}`;
  if (request.mode === 'plain') return path;
  const { val, nonce, generation } = request;
  const fenced = `${path}&mode=fenced&nonce=${encodeBase64Url(nonce)}`;
  return val === 0n ? `${fenced}&${homeQuery({ room, generation })}` : fenced;
}

/** Path of an increment. */
export function incrementTarget(group: Uint8Array, mode: CounterMode): string {
  return `/increment/${counterIdOf(group, mode)}`;
}

/** Path and query of a page of history. Fenced counters alone have one. */
export function historyTarget(group: Uint8Array, from: Epoch): string {
  return `/history/${counterIdOf(group, 'fenced')}?from=${String(from)}`;
}

/** Path and query of an upload. */
export function uploadTarget(group: Uint8Array, home: Home): string {
  return `/history/${counterIdOf(group, 'fenced')}?${homeQuery(home)}`;
}

/** Path of a room. */
export function roomTarget(room: Uint8Array): string {
  return `/room/${encodeBase64Url(room)}`;
}

/** Path and query of a sign of life, or of the last member's good-bye. */
export function aliveTarget(call: 'alive' | 'close', group: Uint8Array, val: Epoch): string {
  return `/${call}/${counterIdOf(group, 'fenced')}?val=${String(val)}`;
}

/** Body of an increment; empty for the draft's bare call. */
export function encodeIncrementBody(request: IncrementRequest): string {
  if (request.mode === 'plain') return '';
  return JSON.stringify({
    val: Number(request.val),
    token: request.token,
    commit: encodeBase64(request.commit),
    transcript: encodeBase64(request.transcript),
    next_key: encodeBase64(request.nextKey),
  });
}

/** Body of an upload. */
export function encodeUploadBody(entries: readonly UploadEntry[]): string {
  return JSON.stringify({
    entries: entries.map(({ receipt, commit }) => ({
      receipt: encodeBase64(receipt),
      ...(commit === undefined ? {} : { commit: encodeBase64(commit) }),
    })),
  });
}

/** Reads the last segment of a path as a counter's name. */
export function parseCounterId(segment: string): Parsed<CounterId> {
  return parsing(() => {
    if (!COUNTER_ID.test(segment)) {
      malformed('the counter id is not 1 to 342 letters, digits, and - . _ ~');
    }
    return segment as CounterId;
  });
}

/** The group id that names a fenced counter. */
export function parseGroup(id: CounterId): Parsed<Uint8Array> {
  return parsing(() => {
    const group = groupOfCounter(id);
    if (group === undefined || group.length === 0 || group.length > RECEIPT_LIMITS.group) {
      malformed(
        'the id of a fenced counter is f. and base64url without padding of a group id of 1 to 255 bytes',
      );
    }
    return group;
  });
}

/** Reads the query of a lock. Unknown names are refused: a misspelt `mode` must not fix the wrong one. */
export function parseLockQuery(query: Query): Parsed<LockQuery> {
  return parsing(() => {
    const fields = readQuery(query, ['val', 'mode', 'nonce', 'room', 'generation']);
    const val = readCounterValue('val', fields.get('val'));
    const mode = fields.get('mode') ?? 'plain';
    if (mode !== 'plain' && mode !== 'fenced') malformed('mode is not plain or fenced');
    const nonce = fields.get('nonce');
    if (nonce !== undefined) {
      if (mode === 'plain') malformed('nonce goes with mode=fenced only');
      const { least, most } = COUNTER_LIMITS.nonce;
      const bytes = decodeBase64Url(nonce);
      if (bytes === undefined || bytes.length < least || bytes.length > most) {
        malformed(`nonce is not base64url of ${String(least)} to ${String(most)} bytes`);
      }
    }
    const begins = mode === 'fenced' && val === 0n;
    if (!begins && (fields.has('room') || fields.has('generation'))) {
      malformed('room and generation go with mode=fenced and val=0 only');
    }
    return { mode, val, nonce, home: begins ? readHome(fields) : undefined };
  });
}

/** Reads the query of an upload. */
export function parseUploadQuery(query: Query): Parsed<Home> {
  return parsing(() => readHome(readQuery(query, ['room', 'generation'])));
}

/** Reads the query of a sign of life. */
export function parseAliveQuery(query: Query): Parsed<Epoch> {
  return parsing(() => readCounterValue('val', readQuery(query, ['val']).get('val')));
}

/** Reads the last segment of a path as a room's public key. */
export function parseRoom(segment: string): Parsed<Uint8Array> {
  return parsing(() => readRoom(segment));
}

/** Reads the query of a page of history. */
export function parseHistoryQuery(query: Query): Parsed<Epoch> {
  return parsing(() => readCounterValue('from', readQuery(query, ['from']).get('from')));
}

/** Reads the body of an increment: nothing or `{}` is the draft's bare call. */
export function parseIncrementBody(text: string): Parsed<IncrementRequest> {
  return parsing(() => {
    if (text.trim() === '') return { mode: 'plain' };
    const names = ['val', 'token', 'commit', 'transcript', 'next_key'];
    const body = JsonFields.fromText(text, names);
    if (names.every((name) => body.isAbsent(name))) return { mode: 'plain' };
    const val = body.epoch('val');
    const token = body.text('token', TOKEN, 'a token that a lock gave') as LockToken;
    const commit = body.bytes('commit', 1, COUNTER_LIMITS.commit);
    const transcript = body.bytes('transcript', 0, RECEIPT_LIMITS.transcript);
    if ((transcript.length === 0) !== (val === 0n)) {
      malformed('transcript is empty at epoch 0 and nowhere else');
    }
    const nextKey = body.bytes('next_key', PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES);
    return { mode: 'fenced', val, token, commit, transcript, nextKey };
  });
}

/** Reads the body of an upload. */
export function parseUploadBody(text: string): Parsed<readonly UploadedReceipt[]> {
  return parsing(() => {
    const body = JsonFields.fromText(text, ['entries']);
    return body.list('entries', COUNTER_LIMITS.uploadEntries).map((value) => {
      const entry = JsonFields.from(value, 'an entry', ['receipt', 'commit']);
      const receipt = entry.bytes('receipt', 1, MAX_RECEIPT_BYTES);
      const commit = entry.isAbsent('commit') ? undefined : entry.bytes('commit', 1, COUNTER_LIMITS.commit);
      return { receipt, commit, epoch: readReceiptEpoch(receipt) };
    });
  });
}

function readReceiptEpoch(receipt: Uint8Array): Epoch {
  let claimed: Epoch;
  try {
    claimed = parseReceipt(receipt).epoch;
  } catch (error) {
    if (error instanceof PeerViolation) malformed(`receipt: ${error.message}`);
    throw error;
  }
  return claimed <= MAX_COUNTER_VALUE ? claimed : malformed('receipt: epoch out of range');
}

function readQuery(query: Query, allowed: readonly string[]): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const [name, value] of query) {
    if (!allowed.includes(name)) malformed(`the query has parameters besides ${allowed.join(', ')}`);
    if (fields.has(name)) malformed(`${name} is given twice`);
    fields.set(name, value);
  }
  return fields;
}

function homeQuery({ room, generation }: Home): string {
  return `room=${encodeBase64Url(room)}&generation=${String(generation)}`;
}

function readHome(fields: ReadonlyMap<string, string>): Home {
  const generation = readCounterValue('generation', fields.get('generation'));
  if (generation > MAX_GENERATION) malformed('generation is not a decimal number from 0 to 2^32 - 1');
  return { room: readRoom(fields.get('room')), generation: Number(generation) };
}

function readRoom(text: string | undefined): Uint8Array {
  const room = text === undefined ? undefined : decodeBase64Url(text);
  if (room?.length !== ROOM_KEY_BYTES) malformed('room is not base64url of 32 bytes');
  return room;
}

function readCounterValue(name: string, text: string | undefined): Epoch {
  if (text === undefined) malformed(`${name} is missing`);
  if (!/^(0|[1-9][0-9]{0,15})$/.test(text) || BigInt(text) > MAX_COUNTER_VALUE) {
    malformed(`${name} is not a decimal number from 0 to 2^53 - 1`);
  }
  return epoch(BigInt(text));
}

function base64Length(bytes: number): number {
  return Math.ceil(bytes / 3) * 4;
}
