/** A group state with its staged own Commit as bytes, in the clear: the caller seals them. */
import { decodeGroupState, encodeGroupState } from 'ts-mls';
import type { ClientState, GroupState } from 'ts-mls';
import { ByteReader } from '../../protocol/bytes/byte-reader.ts';
import { ByteWriter } from '../../protocol/bytes/byte-writer.ts';
import { OutOfRange } from '../../protocol/bytes/out-of-range.ts';
import { Truncated } from '../../protocol/bytes/truncated.ts';
import type { JoinerWelcome } from '../../protocol/group/mls.ts';
import { clientConfig } from './client-config.ts';

const VERSION = 2;
const MAX_STATE_BYTES = 64 * 1024 * 1024;
const MAX_WELCOMES = 4096;

/** What is saved of a group. */
export interface GroupRecord {
  readonly state: ClientState;
  readonly staged: StagedRecord | undefined;
}

/** What is saved of a staged Commit of our own. */
export interface StagedRecord {
  readonly newState: ClientState;
  readonly commit: Uint8Array;
  readonly welcomes: readonly JoinerWelcome[];
}

/** Writes a group; the bytes hold secrets. */
export function encodeGroupRecord(record: GroupRecord): Uint8Array {
  const writer = new ByteWriter(4096).u8(VERSION).lengthPrefixed(encodeGroupState(record.state));
  const { staged } = record;
  if (staged === undefined) return writer.u8(0).finish();
  writer.u8(1).lengthPrefixed(encodeGroupState(staged.newState)).lengthPrefixed(staged.commit);
  writer.vi64(staged.welcomes.length);
  for (const { ref, welcome } of staged.welcomes) writer.lengthPrefixed(ref).lengthPrefixed(welcome);
  return writer.finish();
}

/** Reads a group; undefined when the bytes are not a group in this version's format. */
export function decodeGroupRecord(bytes: Uint8Array): GroupRecord | undefined {
  const reader = new ByteReader(bytes);
  try {
    if (reader.u8() !== VERSION) return undefined;
    const state = decodeState(reader.lengthPrefixed(MAX_STATE_BYTES));
    if (state === undefined) return undefined;
    const hasStaged = reader.u8() === 1;
    const staged = hasStaged ? readStaged(reader) : undefined;
    if ((hasStaged && staged === undefined) || reader.remaining > 0) return undefined;
    return { state, staged };
  } catch (error) {
    if (error instanceof Truncated || error instanceof OutOfRange) return undefined;
    throw error;
  }
}

function readStaged(reader: ByteReader): StagedRecord | undefined {
  const newState = decodeState(reader.lengthPrefixed(MAX_STATE_BYTES));
  const commit = reader.lengthPrefixed(MAX_STATE_BYTES).slice();
  const welcomes: JoinerWelcome[] = [];
  for (let left = reader.vi64Number(MAX_WELCOMES); left > 0; left -= 1) {
    const ref = reader.lengthPrefixed(MAX_STATE_BYTES).slice();
    welcomes.push({ ref, welcome: reader.lengthPrefixed(MAX_STATE_BYTES).slice() });
  }
  return newState && { newState, commit, welcomes };
}

function decodeState(bytes: Uint8Array): ClientState | undefined {
  // A copy: decoded values share memory with their source, and secrets among them are overwritten later.
  const own = bytes.slice();
  let decoded: [GroupState, number] | undefined;
  try {
    decoded = decodeGroupState(own, 0);
  } catch {
    // The decoder throws on some bytes that are no state, and gives undefined for others.
    return undefined;
  }
  return decoded?.[1] === own.length ? { ...decoded[0], clientConfig } : undefined;
}
