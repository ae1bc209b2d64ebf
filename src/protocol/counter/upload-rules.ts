/** The rule by which a service takes its own receipts back, after it lost its data. */
import { equal } from '../bytes/equal.ts';
import { invariant } from '../errors.ts';
import type { UnixMillis } from '../units.ts';
import { parseReceipt, receiptHash, verifyReceipt } from './receipt.ts';
import type { Receipt, ReceiptVerifier } from './receipt.ts';
import { begun, heard, isOver } from './room.ts';
import type { CounterTimes } from './room.ts';
import { movedOn, newRecord } from './rules.ts';
import type {
  CounterRecord,
  Decision,
  LogEntry,
  LogNeighbours,
  Place,
  ReceiptCrypto,
  UploadAnswer,
} from './rules.ts';
import type { Epoch } from '../units.ts';

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
  { home, room }: Place,
  upload: {
    readonly group: Uint8Array;
    readonly receipt: Uint8Array;
    readonly commit: Uint8Array | undefined;
  },
  crypto: ReceiptCrypto,
  now: UnixMillis,
  times: CounterTimes,
): Decision<UploadAnswer> {
  const verdict = verifyReceipt(upload.receipt, crypto.signer.publicKey, crypto.verifier);
  if (verdict.kind !== 'valid') return foreign(`the receipt is not this service's: ${verdict.kind}`);
  const { receipt } = verdict;
  if (!equal(receipt.group, upload.group)) return foreign('the receipt is of another group');
  const { commit } = upload;
  if (commit !== undefined && !equal(crypto.verifier.sha256(commit), receipt.commitHash)) {
    return foreign('the Commit is not the one that the receipt names');
  }

  const { epoch: reached, attempt, commitHash } = receipt;
  const entry: LogEntry = { epoch: reached, attempt, commitHash, commit, receipt: upload.receipt };
  if (neighbours.same !== undefined) {
    if (!equal(parseReceipt(neighbours.same.receipt).signed, receipt.signed)) return fork(reached);
    const fillsIn = neighbours.same.commit === undefined && commit !== undefined;
    return fillsIn ? { answer: { kind: 'ok' }, entry } : { answer: { kind: 'ok' } };
  }
  if (!linksTo(neighbours, receipt, crypto.verifier)) return fork(reached);
  // Else whoever has the link could fill the store again with what was deleted.
  if (isOver(room, home.generation)) return { answer: { kind: 'gone' } };

  const counter = record ?? newRecord(home);
  if (reached < counter.expected) return { answer: { kind: 'ok' }, entry };
  const nextAttempt = Math.max(Math.floor(now / 1000), receipt.attempt + 1);
  invariant(nextAttempt < 2 ** 32 - 2 ** 20, 'attempts leave room in 32 bits');
  return {
    answer: { kind: 'ok' },
    entry,
    record: {
      ...movedOn(counter, reached),
      nextAttempt,
      head: receiptHash(receipt, crypto.verifier),
      headTime: receipt.time,
      nextKey: receipt.nextKey,
    },
    room: heard(room, home.generation, now, times) ?? begun(room, home.generation, now, times),
  };
}

function fork(at: Epoch): Decision<UploadAnswer> {
  return { answer: { kind: 'fork', epoch: at } };
}

function foreign(reason: string): Decision<UploadAnswer> {
  return { answer: { kind: 'foreign-receipt', reason } };
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
