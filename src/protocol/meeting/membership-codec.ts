/** A membership at rest: the coordinator's record and the MLS state, in the clear; the store seals them. */
import { ByteReader } from '../bytes/byte-reader.ts';
import { ByteWriter } from '../bytes/byte-writer.ts';
import { OutOfRange } from '../bytes/out-of-range.ts';
import { Truncated } from '../bytes/truncated.ts';
import type { LogEntry, MembershipRecord, StagedRecipient } from '../group/coordination/asks.ts';
import type { PastJoin } from '../group/coordination/past-joins.ts';
import type { Fingerprint, SenderId } from '../group/names.ts';
import { epoch } from '../units.ts';

const VERSION = 4;
const MAX_COUNT = 65_536;
const MAX_BYTES = 128 * 1024 * 1024;

/** What is saved of a membership. */
export interface SavedMembership {
  readonly record: MembershipRecord;
  /** As the MLS port wrote it. */
  readonly state: Uint8Array;
}

/** Bytes of a membership; they hold secrets. */
export function encodeMembership({ record, state }: SavedMembership): Uint8Array {
  const writer = new ByteWriter(state.length + 1024)
    .u8(VERSION)
    .u32(record.generation)
    .u8(record.creating ? 1 : 0)
    .lengthPrefixed(record.senderId)
    .vi64(record.log.length);
  for (const { epoch: of, receipt, commit } of record.log) {
    writer
      .u64(of)
      .lengthPrefixed(receipt)
      .u8(commit === undefined ? 0 : 1);
    if (commit !== undefined) writer.lengthPrefixed(commit);
  }
  const { since, past, known } = record.joins;
  writer.u64(since).vi64(past.length);
  for (const { gone, senderId, asOf } of past) writer.u64(gone).lengthPrefixed(senderId).u64(asOf);
  writer.vi64(known.length);
  for (const fingerprint of known) writer.lengthPrefixed(fingerprint);
  writer.vi64(record.recipients.length);
  for (const { ref, recipient } of record.recipients) writer.lengthPrefixed(ref).lengthPrefixed(recipient);
  return writer.lengthPrefixed(state).finish();
}

/** Reads a membership, or undefined when the bytes are none of this version. */
export function decodeMembership(bytes: Uint8Array): SavedMembership | undefined {
  const reader = new ByteReader(bytes);
  const next = (): Uint8Array => reader.lengthPrefixed(MAX_BYTES).slice();
  try {
    if (reader.u8() !== VERSION) return undefined;
    const generation = reader.u32();
    const creating = reader.u8() === 1;
    const senderId = next() as SenderId;
    const log: LogEntry[] = [];
    for (let left = reader.vi64Number(MAX_COUNT); left > 0; left -= 1) {
      const of = epoch(reader.u64());
      const receipt = next();
      log.push({ epoch: of, receipt, commit: reader.u8() === 1 ? next() : undefined });
    }
    const since = epoch(reader.u64());
    const past: PastJoin[] = [];
    for (let left = reader.vi64Number(MAX_COUNT); left > 0; left -= 1) {
      const gone = epoch(reader.u64());
      past.push({ gone, senderId: next() as SenderId, asOf: epoch(reader.u64()) });
    }
    const known: Fingerprint[] = [];
    for (let left = reader.vi64Number(MAX_COUNT); left > 0; left -= 1) known.push(next() as Fingerprint);
    const joins = { since, past, known };
    const recipients: StagedRecipient[] = [];
    for (let left = reader.vi64Number(MAX_COUNT); left > 0; left -= 1) {
      recipients.push({ ref: next(), recipient: next() as SenderId });
    }
    const state = next();
    if (reader.remaining > 0) return undefined;
    return { record: { generation, senderId, creating, log, joins, recipients }, state };
  } catch (error) {
    if (error instanceof Truncated || error instanceof OutOfRange) return undefined;
    throw error;
  }
}
