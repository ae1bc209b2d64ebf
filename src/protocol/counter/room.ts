/**
 * The rules of a room: which of its generations is the meeting, and which may begin or come back. Pure decisions, as in
 * `rules.ts`; a wrong clock can only make a lease end early or late.
 * @see docs/protocol.md#rooms-at-the-counter
 */
import { ByteWriter } from '../bytes/byte-writer.ts';
import { encodeUtf8 } from '../bytes/utf8.ts';
import { millis, unixMillis } from '../units.ts';
import type { Millis, UnixMillis } from '../units.ts';
import type { Lease } from './client.ts';

/** Bytes of a room's public key. */
export const ROOM_KEY_BYTES = 32;
/** Bytes of a group's name. */
const GROUP_BYTES = 16;
/** Generations of one room that may still come back, at most. */
export const MAX_GENERATIONS = 16;

/** How long things last at a counter service. */
export interface CounterTimes {
  /** How long a lock lives. */
  readonly lockMs: Millis;
  /** A generation is alive until nobody renewed its lease for so long. */
  readonly leaseMs: Millis;
  /** One that was silent for so long after a later one had begun never comes back, nor one that was closed then. */
  readonly revivalMs: Millis;
}

/** The times of docs/protocol.md. */
export const DEFAULT_TIMES: CounterTimes = {
  lockMs: millis(10_000),
  leaseMs: millis(60_000),
  revivalMs: millis(600_000),
};

/** Where a fenced counter belongs. */
export interface Home {
  /** The room's public key, 32 bytes. */
  readonly room: Uint8Array;
  readonly generation: number;
}

/** A generation that is alive or may come back. */
export interface Generation {
  readonly generation: number;
  /** When a member was heard last; a good-bye is not counted. */
  readonly heardAt: UnixMillis;
  /** When its lease ends; `heardAt` when it was closed. */
  readonly until: UnixMillis;
  /** When a later generation began; undefined: none has. */
  readonly overtakenAt: UnixMillis | undefined;
}

/** All that is kept of a room. */
export interface RoomRecord {
  /** The number of the generation that begins next. */
  readonly next: number;
  /** Ascending; a generation below `next` that is not among them never comes back. */
  readonly generations: readonly Generation[];
}

/** A room in which nothing has begun. */
export const NEW_ROOM: RoomRecord = { next: 0, generations: [] };

/**
 * Name of one generation of a room: `SHA-256("conclave group v2" || room key || uint32 generation)[0..16]`.
 * @param room - public key, 32 bytes.
 * @param generation - 0 to 2^32 - 1.
 */
export function groupOfRoom(
  room: Uint8Array,
  generation: number,
  crypto: { sha256(bytes: Uint8Array): Uint8Array },
): Uint8Array {
  const input = new ByteWriter().bytes(encodeUtf8('conclave group v2')).bytes(room).u32(generation).finish();
  return crypto.sha256(input).slice(0, GROUP_BYTES);
}

/** The meeting: the lowest generation that is alive. */
export function meetingOf(room: RoomRecord, now: UnixMillis): number | undefined {
  return room.generations.find((each) => leftOf(each, now) > 0)?.generation;
}

/** How long the lease of a generation still runs; 0 when it is not alive. */
export function leaseOf(room: RoomRecord, generation: number, now: UnixMillis, times: CounterTimes): Lease {
  const known = room.generations.find((each) => each.generation === generation);
  return { leftMs: millis(known === undefined ? 0 : leftOf(known, now)), ofMs: times.leaseMs };
}

/** Why a generation may not begin now. */
export type BeginVerdict =
  | { readonly kind: 'may' }
  | { readonly kind: 'alive'; readonly retryLaterMs: Millis }
  /** Too many have begun lately. */
  | { readonly kind: 'too-many'; readonly retryLaterMs: Millis };

/** Whether another generation may begin: none while one is alive. */
export function mayBegin(room: RoomRecord, now: UnixMillis, times: CounterTimes): BeginVerdict {
  const left = Math.max(0, ...room.generations.map((each) => leftOf(each, now)));
  if (left > 0) return { kind: 'alive', retryLaterMs: millis(left) };
  const back = room.generations.filter((each) => !isGone(each, now, times));
  if (back.length < MAX_GENERATIONS) return { kind: 'may' };
  return { kind: 'too-many', retryLaterMs: times.leaseMs };
}

/** A generation begins, or is known to have begun since its receipts were given back. */
export function begun(
  room: RoomRecord,
  generation: number,
  now: UnixMillis,
  times: CounterTimes,
): RoomRecord {
  if (generation < room.next) return room;
  const before = room.generations
    .filter((each) => !isGone(each, now, times))
    .map((each) => ({ ...each, overtakenAt: each.overtakenAt ?? now }));
  const until = unixMillis(now + times.leaseMs);
  const own = { generation, heardAt: now, until, overtakenAt: undefined };
  return { next: generation + 1, generations: [...before, own] };
}

/**
 * A member was heard: the lease of its generation runs anew.
 * @returns undefined when the generation never comes back.
 */
export function heard(
  room: RoomRecord,
  generation: number,
  now: UnixMillis,
  times: CounterTimes,
): RoomRecord | undefined {
  const until = unixMillis(now + times.leaseMs);
  return changed(room, generation, now, times, (known) => ({ ...known, heardAt: now, until }));
}

/**
 * The last member leaves: the lease ends at once. When a later generation has begun, this one never comes back: else a
 * good-bye every few minutes, or one right after a sign of life, would keep an old state revivable unseen. Nor does one in
 * which nobody but its maker ever was: else whoever has the link could use up the room by opening and closing.
 * @param isAtZero - the generation never got beyond epoch 0.
 * @returns undefined when it did not come back anyway.
 */
export function closed(
  room: RoomRecord,
  generation: number,
  now: UnixMillis,
  times: CounterTimes,
  isAtZero: boolean,
): RoomRecord | undefined {
  return changed(room, generation, now, times, (known) =>
    isAtZero || known.overtakenAt !== undefined ? undefined : { ...known, until: known.heardAt },
  );
}

/** Changes one generation that may come back, or drops it. */
function changed(
  room: RoomRecord,
  generation: number,
  now: UnixMillis,
  times: CounterTimes,
  change: (known: Generation) => Generation | undefined,
): RoomRecord | undefined {
  const known = room.generations.find((each) => each.generation === generation);
  if (known === undefined || isGone(known, now, times)) return undefined;
  const generations = room.generations.flatMap((each) => (each === known ? (change(each) ?? []) : [each]));
  return { ...room, generations };
}

/** Whether a generation began once and never comes back. */
export function isOver(room: RoomRecord, generation: number): boolean {
  return generation < room.next && !room.generations.some((each) => each.generation === generation);
}

/** Drops the generations that never come back, so that no clock brings them back. */
export function withoutGone(room: RoomRecord, now: UnixMillis, times: CounterTimes): RoomRecord {
  return { ...room, generations: room.generations.filter((each) => !isGone(each, now, times)) };
}

/** A generation never comes back. */
export function without(room: RoomRecord, generation: number): RoomRecord {
  return { ...room, generations: room.generations.filter((each) => each.generation !== generation) };
}

/** A clock that was set back far must not keep a room waiting until it has caught up. */
function leftOf({ heardAt, until }: Generation, now: UnixMillis): number {
  const wasSetBack = now <= heardAt - (until - heardAt);
  return wasSetBack ? 0 : Math.max(0, until - Math.max(now, heardAt));
}

function isGone(each: Generation, now: UnixMillis, { revivalMs }: CounterTimes): boolean {
  if (each.overtakenAt === undefined || leftOf(each, now) > 0) return false;
  return now - Math.max(each.overtakenAt, each.heardAt) > revivalMs;
}
