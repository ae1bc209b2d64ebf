/**
 * The history of a meeting's keys as a file for somebody who was not there: the counter's receipts, and the Commits as we saw
 * them. It holds no key.
 * @see docs/protocol.md #key-histories
 */
import { receiptVerifier } from '../io/counter/receipt-crypto.ts';
import { equal } from '../protocol/bytes/equal.ts';
import type { CounterClient } from '../protocol/counter/client.ts';
import { checkReceiptChain, verifyReceipt, type Receipt } from '../protocol/counter/receipt.ts';
import type { Fork } from '../protocol/group/fork-watch.ts';
import type { Member } from '../protocol/group/roster.ts';
import { encodeEntry, encodeHeader, labelText } from '../protocol/history/history-file.ts';
import type { HistoryEntry, HistoryHeader, NamedMember } from '../protocol/history/history-file.ts';
import { epoch, type Epoch } from '../protocol/units.ts';
import type { KeyRecord, RecordedChange } from './mls/key-record.ts';

/** Pages that are read at most: 256 epochs each. */
const MAX_PAGES = 64;

/** What a history is made of. */
export interface KeyHistorySource {
  readonly header: HistoryHeader;
  readonly counter: CounterClient;
  /** What MLS has kept of our membership. */
  readonly record: KeyRecord;
  /** The receipts of epochs that we were in. */
  readonly receipts: ReadonlyMap<Epoch, Uint8Array>;
  /** The proof that the meeting was split, if there is one. */
  readonly fork: Fork | undefined;
  /** The name that a member goes by, as far as it is known. */
  readonly nameOf: (member: Member) => string | undefined;
}

/** The file's text, or why there is none. */
export type KeyHistory =
  | { readonly kind: 'history'; readonly text: string }
  | { readonly kind: 'unavailable'; readonly sentence: string };

/**
 * Writes what we know: our own epochs by the receipts that we went by, and those before from the counter, as far back as it
 * has receipts that lead to ours. So what a counter shows now takes nothing away of what it showed us.
 */
export async function writeKeyHistory(source: KeyHistorySource): Promise<KeyHistory> {
  const { header, record } = source;
  const logged = await readLog(source);
  const receiptOf = (at: Epoch): Receipt | undefined => {
    const bytes = source.receipts.get(at) ?? logged.get(at);
    const verdict = bytes && verifyReceipt(bytes, header.receiptKey, receiptVerifier);
    return verdict?.kind === 'valid' ? verdict.receipt : undefined;
  };
  const first = receiptOf(record.epoch);
  if (first === undefined)
    return {
      kind: 'unavailable',
      sentence: 'The counter service is not providing the history right now. Try again later.',
    };
  const entries: HistoryEntry[] = [...leadingTo(first, logged, header), beginning(first, source)];
  let last = first;
  for (const change of record.changes) {
    const receipt = receiptOf(change.epoch);
    if (receipt === undefined || checkReceiptChain(last, receipt, receiptVerifier).kind !== 'follows') break;
    entries.push(changing(receipt, change, source));
    last = receipt;
  }
  const { fork } = source;
  // It proves something beside the receipt that it contradicts.
  if (fork !== undefined && entries.some(({ receipt }) => equal(receipt, fork.ours)))
    entries.push({
      kind: 'fork',
      epoch: fork.epoch,
      receipt: fork.theirs,
      member: fork.member,
      signature: fork.signature,
    });
  return { kind: 'history', text: `${[encodeHeader(header), ...entries.map(encodeEntry)].join('\n')}\n` };
}

/** What the counter has; nothing where it does not answer. */
async function readLog({ counter, header, record }: KeyHistorySource): Promise<Map<Epoch, Uint8Array>> {
  const receipts = new Map<Epoch, Uint8Array>();
  const end = record.changes.at(-1)?.epoch ?? record.epoch;
  let from: Epoch | undefined = epoch(0n);
  for (let page = 0; page < MAX_PAGES && from !== undefined && from <= end; page += 1) {
    const outcome = await counter.history(header.group, from);
    if (outcome.kind !== 'ok') break;
    for (const entry of outcome.entries) receipts.set(entry.epoch, entry.receipt);
    from = outcome.nextFrom;
  }
  return receipts;
}

/** The receipts before one, oldest first, as far as each was signed over the one before. */
function leadingTo(
  first: Receipt,
  logged: ReadonlyMap<Epoch, Uint8Array>,
  { receiptKey }: HistoryHeader,
): HistoryEntry[] {
  const entries: HistoryEntry[] = [];
  let next = first;
  while (next.epoch > 0n) {
    const bytes = logged.get(epoch(next.epoch - 1n));
    const verdict = bytes && verifyReceipt(bytes, receiptKey, receiptVerifier);
    if (bytes === undefined || verdict?.kind !== 'valid') break;
    if (checkReceiptChain(verdict.receipt, next, receiptVerifier).kind !== 'follows') break;
    entries.push({ kind: 'receipt', epoch: verdict.receipt.epoch, receipt: bytes });
    next = verdict.receipt;
  }
  return entries.reverse();
}

function beginning(receipt: Receipt, { record, nameOf }: KeyHistorySource): HistoryEntry {
  const { code, context, confirmationTag, members } = record;
  return {
    kind: 'begin',
    epoch: record.epoch,
    receipt: bytesOf(receipt),
    code,
    context,
    confirmationTag,
    members: named(members, nameOf),
  };
}

function changing(receipt: Receipt, change: RecordedChange, { nameOf }: KeyHistorySource): HistoryEntry {
  const { code, commit, treeHash, committer } = change;
  return {
    kind: 'change',
    epoch: change.epoch,
    receipt: bytesOf(receipt),
    code,
    commit,
    treeHash,
    by: committer,
    removed: named(change.removed, nameOf),
    joined: named(change.joined, nameOf),
  };
}

function named(members: readonly Member[], nameOf: KeyHistorySource['nameOf']): NamedMember[] {
  return members.map((member) => {
    const name = nameOf(member);
    return {
      leaf: member.leaf,
      key: member.signatureKey,
      name: name === undefined ? undefined : labelText(name),
    };
  });
}

function bytesOf({ signed, signature }: Receipt): Uint8Array {
  return new Uint8Array([...signed, ...signature]);
}
