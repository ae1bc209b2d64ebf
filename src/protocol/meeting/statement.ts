/**
 * A statement: what a member says, signed with its leaf's key, that it has sealed since its last one.
 *
 * It lists a tag of each object of each of its tracks, so that whoever has any of these objects, however many of the others
 * were lost, can tell whether it is the owner's; and it says between which locations the list is complete, so that one that
 * the owner never sealed is told, too.
 * @see docs/protocol.md #who-speaks
 */
import { ByteReader } from '../bytes/byte-reader.ts';
import { ByteWriter } from '../bytes/byte-writer.ts';
import { concat } from '../bytes/concat.ts';
import { OutOfRange } from '../bytes/out-of-range.ts';
import { Truncated } from '../bytes/truncated.ts';
import { encodeUtf8 } from '../bytes/utf8.ts';
import { compareLocations, groupId, objectId, type FullTrackName, type Location } from '../moqt/model.ts';
import { encodeFullTrackName } from '../secure-objects/full-track-name.ts';
import { OBJECT_ID_LIMIT } from '../secure-objects/nonce.ts';
import { OBJECT_TAG_BYTES } from '../secure-objects/object-tag.ts';
import type { Epoch } from '../units.ts';
import { MEMBER_TRACK_KINDS, type MemberTrackKind } from './track-instance.ts';

/** Most tags of one track in a statement: more than ten seconds of sound. */
export const MAX_STATED_TAGS = 1_024;
/** Locations beyond are no honest member's, and cannot be counted up from. */
const MAX_GROUP = 2n ** 61n;
const LABEL = encodeUtf8('conclave statement v1');

/** An object that was sealed. */
export interface SealedAt {
  readonly location: Location;
  /** {@link OBJECT_TAG_BYTES} bytes. */
  readonly tag: Uint8Array;
}

/** Objects that follow each other in a group, or the same object of groups that follow each other. */
interface Run {
  readonly first: Location;
  readonly last: Location;
  readonly along: 'group' | 'groups';
  readonly tags: Uint8Array;
}

/** What a statement says of one track: all objects above `after`, up to and including `last`, are those of the runs. */
export interface TrackStatement {
  /** The last object before; undefined: there was none. */
  readonly after: Location | undefined;
  /** The last object of all; undefined: there is none. */
  readonly last: Location | undefined;
  readonly runs: readonly Run[];
}

/** What one statement says. */
export interface Statement {
  /** Of the statements of one instance: one more than the one before. */
  readonly number: number;
  readonly tracks: Readonly<Record<MemberTrackKind, TrackStatement>>;
}

/** What a statement says of one object. */
export type Word = 'sealed' | 'not-sealed' | 'nothing';

/**
 * Encodes a statement.
 * @param tracks - of each track what was sealed above `after`, ascending; at most {@link MAX_STATED_TAGS}.
 */
export function encodeStatement(
  number: number,
  tracks: Readonly<Record<MemberTrackKind, { after: Location | undefined; sealed: readonly SealedAt[] }>>,
): Uint8Array {
  const writer = new ByteWriter(512).vi64(number);
  for (const kind of MEMBER_TRACK_KINDS) {
    const { after, sealed } = tracks[kind];
    if (after === undefined) writer.vi64(0);
    else writer.vi64(after.group + 1n).vi64(after.object);
    const runs = runsOf(sealed);
    writer.vi64(runs.length);
    for (const [along, objects] of runs) {
      const first = objects[0].location;
      writer.vi64(first.group).vi64(first.object);
      writer.vi64(2 * (objects.length - 1) + (along === 'groups' ? 1 : 0));
      for (const { tag } of objects) writer.bytes(tag);
    }
  }
  return writer.finish();
}

/**
 * Decodes a statement.
 * @param bytes - kept: tags are views of it.
 * @returns undefined for anything that is no well-formed statement.
 */
export function decodeStatement(bytes: Uint8Array): Statement | undefined {
  const reader = new ByteReader(bytes);
  try {
    const number = reader.vi64Number();
    const tracks: Partial<Record<MemberTrackKind, TrackStatement>> = {};
    for (const kind of MEMBER_TRACK_KINDS) {
      const track = readTrack(reader);
      if (track === undefined) return undefined;
      tracks[kind] = track;
    }
    return reader.remaining === 0
      ? { number, tracks: tracks as Record<MemberTrackKind, TrackStatement> }
      : undefined;
  } catch (error) {
    if (error instanceof Truncated || error instanceof OutOfRange) return undefined;
    throw error;
  }
}

/** What of a track its owner says about an object. @param tag - of the object that is at hand. */
export function wordOn({ after, last, runs }: TrackStatement, { location, tag }: SealedAt): Word {
  if (last === undefined || compareLocations(location, last) > 0) return 'nothing';
  if (after !== undefined && compareLocations(location, after) <= 0) return 'nothing';
  for (const run of runs) {
    if (compareLocations(location, run.last) > 0) continue;
    const at = placeIn(run, location);
    if (at === undefined) return 'not-sealed';
    for (let byte = 0; byte < OBJECT_TAG_BYTES; byte += 1)
      if (run.tags[at * OBJECT_TAG_BYTES + byte] !== tag[byte]) return 'not-sealed';
    return 'sealed';
  }
  return 'not-sealed';
}

/**
 * The bytes that are signed with the key of the member's leaf. They name group, join and instance by the control track, and
 * the epoch, so that a statement says nothing anywhere else.
 * @param epoch - under whose key the control message is sealed that carries the statement.
 */
export function signedStatement(control: FullTrackName, epoch: Epoch, statement: Uint8Array): Uint8Array {
  const at = new ByteWriter(8).u64(epoch).finish();
  return concat(LABEL, encodeFullTrackName(control), at, statement);
}

function readTrack(reader: ByteReader): TrackStatement | undefined {
  const begun = reader.vi64();
  if (begun > MAX_GROUP) return undefined;
  const after = begun === 0n ? undefined : locationOf(begun - 1n, reader.vi64());
  if (begun !== 0n && after === undefined) return undefined;
  let last = after;
  let tags = 0;
  const runs: Run[] = [];
  for (let left = reader.vi64Number(MAX_STATED_TAGS); left > 0; left -= 1) {
    const first = locationOf(reader.vi64(), reader.vi64());
    const shape = reader.vi64Number(2 * MAX_STATED_TAGS);
    const more = shape >>> 1;
    const along = shape % 2 === 1 ? 'groups' : 'group';
    tags += more + 1;
    if (first === undefined || tags > MAX_STATED_TAGS) return undefined;
    if (last !== undefined && compareLocations(first, last) <= 0) return undefined;
    const end =
      along === 'groups'
        ? locationOf(first.group + BigInt(more), first.object)
        : locationOf(first.group, first.object + BigInt(more));
    if (end === undefined) return undefined;
    runs.push({ first, last: end, along, tags: reader.bytes((more + 1) * OBJECT_TAG_BYTES) });
    last = end;
  }
  return { after, last, runs };
}

function locationOf(group: bigint, object: bigint): Location | undefined {
  if (group >= MAX_GROUP || object >= OBJECT_ID_LIMIT) return undefined;
  return { group: groupId(group), object: objectId(object) };
}

/** Which of a run's objects is there, if one is. @param location - not above the run's last. */
function placeIn({ first, along }: Run, location: Location): number | undefined {
  const [same, from, at] =
    along === 'groups'
      ? [first.object === location.object, first.group, location.group]
      : [first.group === location.group, first.object, location.object];
  return same && at >= from ? Number(at - from) : undefined;
}

type Objects = [SealedAt, ...SealedAt[]];

/** Cuts what was sealed into as few runs as there are without looking ahead. */
function runsOf(sealed: readonly SealedAt[]): (readonly [Run['along'], Objects])[] {
  const runs: [Run['along'] | undefined, Objects][] = [];
  for (const object of sealed) {
    const run = runs.at(-1);
    const before = run?.[1].at(-1);
    const along = before && stepOf(before.location, object.location);
    if (run === undefined || along === undefined || (run[0] ?? along) !== along)
      runs.push([undefined, [object]]);
    else {
      run[0] = along;
      run[1].push(object);
    }
  }
  return runs.map(([along = 'group', objects]) => [along, objects]);
}

/** How a location follows another, if it does. */
function stepOf(before: Location, after: Location): Run['along'] | undefined {
  if (after.group === before.group) return after.object === before.object + 1n ? 'group' : undefined;
  return after.group === before.group + 1n && after.object === before.object ? 'groups' : undefined;
}
