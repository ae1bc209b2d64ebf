/**
 * Checks a key history without a network and without a key: that there was one line of Commits, which the counter signed,
 * which members made, and whom they brought in and removed.
 * @see docs/protocol.md #key-histories
 */
import { equal } from '../bytes/equal.ts';
import { encodeHex } from '../bytes/hex.ts';
import { concat } from '../bytes/concat.ts';
import { checkReceiptChain, receiptHash, verifyReceipt } from '../counter/receipt.ts';
import type { Receipt, ReceiptVerifier } from '../counter/receipt.ts';
import {
  decodeMeetingParameters,
  MEETING_PARAMETERS_EXTENSION,
  type MeetingParameters,
} from '../group/meeting-parameters.ts';
import { signedPartOfHead } from '../group/heads.ts';
import type { Epoch, UnixMillis } from '../units.ts';
import { HISTORY_LIMITS, parseEntry, parseHeader } from './history-file.ts';
import type { HistoryEntry, HistoryHeader, NamedMember } from './history-file.ts';
import {
  encodeContext,
  encodeVector,
  labelled,
  readCommit,
  readContext,
  readExtensions,
  signedPartOf,
  transcriptInput,
} from '../group/mls-bytes.ts';
import type { ContextFields, OpenedCommit } from '../group/mls-bytes.ts';

/** The cryptography that checking takes. */
export interface HistoryVerifier extends ReceiptVerifier {
  /** SHA-512, 64 fresh bytes. */
  sha512(bytes: Uint8Array): Uint8Array;
}

/** A change of keys that was proven. */
export interface ProvenChange {
  readonly epoch: Epoch;
  readonly time: UnixMillis;
  readonly by: NamedMember;
  readonly removed: readonly NamedMember[];
  readonly joined: readonly NamedMember[];
  /** Signature keys that are not to be let in again. */
  readonly barred: readonly Uint8Array[];
}

/** An epoch of a history that holds. */
export interface ProvenEpoch {
  readonly epoch: Epoch;
  readonly time: UnixMillis;
  /** SHA-256 of the signed bytes. */
  readonly receiptHash: Uint8Array;
  readonly previousHash: Uint8Array;
  readonly commitHash: Uint8Array;
  /** As whoever saved the file saw it; undefined before it was a member. */
  readonly code: string | undefined;
}

/** What a file shows that holds. */
export interface HistoryReport {
  readonly header: HistoryHeader;
  /** In one line without gaps; at least one. */
  readonly epochs: readonly ProvenEpoch[];
  /** Where whoever saved the file became a member, and who it says were members then; undefined: it shows receipts alone. */
  readonly begin: { readonly epoch: Epoch; readonly members: readonly NamedMember[] } | undefined;
  readonly changes: readonly ProvenChange[];
  /** Of which epoch the counter has signed another receipt, and the key of the member that follows it. */
  readonly fork:
    { readonly epoch: Epoch; readonly time: UnixMillis; readonly member: Uint8Array } | undefined;
  /** Members at the end. */
  readonly members: readonly NamedMember[];
}

/** What comes of checking a file. `line` counts from 1. */
export type HistoryVerdict =
  | { readonly kind: 'holds'; readonly report: HistoryReport }
  | { readonly kind: 'broken'; readonly line: number; readonly epoch: Epoch; readonly reason: string }
  /** It is no history, or not whole. */
  | { readonly kind: 'unreadable'; readonly line: number; readonly reason: string };

/** The one thing that ends a check early; never seen outside. */
class Broken extends Error {}

const HASHES: Readonly<Record<number, 'sha256' | 'sha512'>> = { 0x0001: 'sha256', 0x0053: 'sha512' };

/**
 * Checks a whole file. Takes time in proportion to its length.
 * @param text - at most {@link HISTORY_LIMITS.fileBytes}.
 */
export function verifyHistory(text: string, crypto: HistoryVerifier): HistoryVerdict {
  const lines = text.split('\n', HISTORY_LIMITS.entries + 2);
  if (lines.pop() !== '')
    return {
      kind: 'unreadable',
      line: lines.length + 1,
      reason: 'the file ends within a line, or is too long',
    };
  const header = parseHeader(lines[0] ?? '');
  if (header.kind === 'malformed') return { kind: 'unreadable', line: 1, reason: header.reason };
  if (lines.length === 1) return { kind: 'unreadable', line: 2, reason: 'there is no epoch in it' };
  const check = new HistoryCheck(header.value, crypto);
  for (const [at, line] of lines.entries()) {
    if (at === 0) continue;
    const entry = parseEntry(line);
    if (entry.kind === 'malformed') return { kind: 'unreadable', line: at + 1, reason: entry.reason };
    try {
      check.take(entry.value);
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      return { kind: 'broken', line: at + 1, epoch: entry.value.epoch, reason: error.message };
    }
  }
  return { kind: 'holds', report: check.report() };
}

/** The group as it was in the newest epoch of which the members are known. */
interface Group {
  readonly hash: 'sha256' | 'sha512';
  context: ContextFields;
  interim: Uint8Array;
  parameters: MeetingParameters;
  /** By leaf. */
  members: Map<number, NamedMember>;
}

class HistoryCheck {
  readonly #header: HistoryHeader;
  readonly #crypto: HistoryVerifier;
  readonly #epochs: ProvenEpoch[] = [];
  readonly #changes: ProvenChange[] = [];
  readonly #nextKeys = new Set<string>();
  #begin: HistoryReport['begin'];
  #fork: HistoryReport['fork'];
  #last: Receipt | undefined;
  #group: Group | undefined;

  constructor(header: HistoryHeader, crypto: HistoryVerifier) {
    this.#header = header;
    this.#crypto = crypto;
  }

  report(): HistoryReport {
    return {
      header: this.#header,
      epochs: this.#epochs,
      begin: this.#begin,
      changes: this.#changes,
      fork: this.#fork,
      members: inLeafOrder(this.#group?.members.values() ?? []),
    };
  }

  take(entry: HistoryEntry): void {
    demand(this.#fork === undefined, 'nothing follows the proof of a split');
    const receipt = this.#signed(entry);
    if (entry.kind === 'fork') {
      this.#takeFork(entry, receipt);
      return;
    }
    this.#chain(receipt);
    if (entry.kind === 'begin') this.#takeBegin(entry, receipt);
    else if (entry.kind === 'change') this.#takeChange(entry, receipt);
    else
      demand(this.#group === undefined, 'the Commit is missing, though whoever saved the file was a member');
    this.#last = receipt;
    this.#epochs.push({
      epoch: receipt.epoch,
      time: receipt.time,
      receiptHash: receiptHash(receipt, this.#crypto),
      previousHash: receipt.previousHash,
      commitHash: receipt.commitHash,
      code: entry.kind === 'receipt' ? undefined : entry.code,
    });
  }

  #signed(entry: HistoryEntry): Receipt {
    const { group, receiptKey } = this.#header;
    const verdict = verifyReceipt(entry.receipt, receiptKey, this.#crypto);
    if (verdict.kind === 'malformed') throw new Broken('what stands for the receipt is none');
    demand(verdict.kind !== 'other-key', 'the receipt names another key than that of the file’s counter');
    demand(verdict.kind === 'valid', 'the counter’s key has not signed this receipt');
    const { receipt } = verdict;
    demand(equal(receipt.group, group), 'the receipt is of another group');
    demand(receipt.epoch === entry.epoch, 'the receipt is of another epoch');
    return receipt;
  }

  #chain(receipt: Receipt): void {
    const last = this.#last;
    if (last !== undefined || receipt.epoch === 0n) {
      const chain = checkReceiptChain(last, receipt, this.#crypto);
      demand(chain.kind !== 'not-next', 'the epoch does not follow the one before');
      demand(
        chain.kind !== 'other-past',
        'the receipt was signed over another past than the one before it here',
      );
      demand(chain.kind === 'follows', 'the receipt is older than the one before');
    }
    // A key that came before is known to who has been removed since.
    const key = encodeHex(receipt.nextKey);
    demand(!this.#nextKeys.has(key), 'its next_key is that of an earlier epoch');
    this.#nextKeys.add(key);
  }

  /** A receipt of the counter's that is of another line than this one. */
  #takeFork(entry: HistoryEntry & { kind: 'fork' }, receipt: Receipt): void {
    const signed = signedPartOfHead(entry.member, entry.receipt);
    demand(
      this.#crypto.verifyEd25519(entry.member, signed, entry.signature),
      'the member has not signed that it follows this receipt',
    );
    const hash = receiptHash(receipt, this.#crypto);
    const contradicts = this.#epochs.some(
      ({ epoch, receiptHash: own, previousHash }) =>
        (epoch === receipt.epoch && !equal(own, hash)) ||
        (epoch + 1n === receipt.epoch && !equal(own, receipt.previousHash)) ||
        (epoch === receipt.epoch + 1n && !equal(previousHash, hash)),
    );
    demand(contradicts, 'the receipt is of this line: it proves no split');
    this.#fork = { epoch: receipt.epoch, time: receipt.time, member: entry.member };
  }

  #takeBegin(entry: HistoryEntry & { kind: 'begin' }, receipt: Receipt): void {
    demand(this.#group === undefined, 'the membership begins a second time');
    const context = readContext(entry.context);
    if (context === undefined) throw new Broken('what stands for the GroupContext is none');
    demand(
      equal(context.groupId, this.#header.group) && context.epoch === receipt.epoch,
      'the GroupContext is of another group or epoch',
    );
    demand(
      equal(context.transcript, receipt.transcript),
      'the GroupContext has another transcript hash than the receipt',
    );
    if (receipt.epoch === 0n) {
      const named = equal(this.#crypto.sha256(entry.context), receipt.commitHash);
      demand(named, 'the receipt names another GroupContext');
    }
    const hash = HASHES[context.suite];
    if (hash === undefined) throw new Broken('the group has a cipher suite that Conclave does not use');
    const parameters = this.#parametersOf(context.extensions);
    const members = new Map(entry.members.map((member) => [member.leaf, member]));
    demand(members.size > 0, 'it names no member');
    if (receipt.epoch === 0n) demand(members.size === 1 && members.has(0), 'a group begins with one member');
    const interim = this.#interim(hash, context.transcript, entry.confirmationTag);
    this.#group = { hash, context, interim, parameters, members };
    this.#begin = { epoch: receipt.epoch, members: entry.members };
  }

  #takeChange(entry: HistoryEntry & { kind: 'change' }, receipt: Receipt): void {
    const group = this.#group;
    if (group === undefined) throw new Broken('it does not say who was a member before');
    const commit = readCommit(entry.commit);
    if (commit === undefined) throw new Broken('what stands for the Commit is none');
    demand(
      equal(commit.groupId, this.#header.group) && commit.epoch === group.context.epoch,
      'the Commit was made in another group or epoch',
    );
    const transcript = this.#digest(group.hash, concat(group.interim, transcriptInput(commit)));
    demand(
      equal(transcript, receipt.transcript),
      'the Commit does not give the transcript hash that the counter signed',
    );
    const by = group.members.get(commit.committer);
    if (by === undefined) throw new Broken('the Commit is of a leaf where nobody is');
    demand(entry.by === commit.committer, 'the Commit was made by somebody else than it says');
    const signed = labelled('FramedContentTBS', signedPartOf(commit, encodeContext(group.context)));
    demand(
      this.#crypto.verifyEd25519(by.key, signed, commit.signature),
      'the Commit is not signed by the member that made it',
    );
    demand(
      commit.pathKey === undefined || equal(commit.pathKey, by.key),
      'the Commit gives its author another signature key',
    );
    const { removed, joined } = this.#apply(group, commit, entry);
    const extensions = commit.extensions ?? group.context.extensions;
    const parameters = this.#parametersOf(extensions);
    const known = new Set(group.parameters.kickedKeys.map((key) => encodeHex(key)));
    const barred = parameters.kickedKeys.filter((key) => !known.has(encodeHex(key)));
    demand(
      barred.every((key) => removed.some((member) => equal(member.key, key))),
      'the Commit bars somebody that it does not remove',
    );
    group.context = {
      ...group.context,
      epoch: receipt.epoch,
      treeHash: entry.treeHash,
      transcript,
      extensions,
    };
    group.parameters = parameters;
    group.interim = this.#interim(group.hash, transcript, commit.confirmationTag);
    const { epoch, time } = receipt;
    this.#changes.push({ epoch, time, by, removed, joined, barred });
  }

  /** Applies Removes and Adds to the members, and compares them with what the entry says. */
  #apply(
    group: Group,
    commit: OpenedCommit,
    entry: HistoryEntry & { kind: 'change' },
  ): Pick<ProvenChange, 'removed' | 'joined'> {
    const removed: NamedMember[] = [];
    for (const leaf of commit.removed) {
      const member = group.members.get(leaf);
      if (member === undefined) throw new Broken('the Commit removes a leaf where nobody is');
      removed.push(member);
      group.members.delete(leaf);
    }
    demand(areSame(inLeafOrder(removed), entry.removed), 'the Commit removes others than it says');
    const joined: NamedMember[] = [];
    let free = 0;
    for (const added of commit.added) {
      // RFC 9420 §7.7: the leftmost leaf where nobody is.
      while (group.members.has(free)) free += 1;
      demand(free < HISTORY_LIMITS.members, 'there are more members than a group can have');
      const signed = labelled('KeyPackageTBS', added.signedPart);
      demand(
        this.#crypto.verifyEd25519(added.signatureKey, signed, added.signature),
        'the Commit adds somebody who has not signed for it',
      );
      const name = entry.joined[joined.length]?.name;
      const member = { leaf: free, key: added.signatureKey, name };
      joined.push(member);
      group.members.set(free, member);
    }
    demand(areSame(joined, entry.joined), 'the Commit adds others than it says');
    return { removed: entry.removed, joined };
  }

  #parametersOf(list: Uint8Array): MeetingParameters {
    const extensions = readExtensions(list);
    const [extension, ...others] = extensions ?? [];
    const parameters =
      extension?.type === MEETING_PARAMETERS_EXTENSION && others.length === 0
        ? decodeMeetingParameters(extension.data)
        : undefined;
    if (parameters === undefined) throw new Broken('the group has no meeting parameters');
    demand(
      parameters.receiptKey !== undefined && equal(parameters.receiptKey, this.#header.receiptKey),
      'the group was made for another counter’s key',
    );
    return parameters;
  }

  #digest(hash: Group['hash'], bytes: Uint8Array): Uint8Array {
    return hash === 'sha256' ? this.#crypto.sha256(bytes) : this.#crypto.sha512(bytes);
  }

  #interim(hash: Group['hash'], transcript: Uint8Array, confirmationTag: Uint8Array): Uint8Array {
    return this.#digest(hash, concat(transcript, encodeVector(confirmationTag)));
  }
}

function areSame(members: readonly NamedMember[], said: readonly NamedMember[]): boolean {
  return (
    members.length === said.length &&
    members.every(({ leaf, key }, at) => {
      const other = said[at];
      return other?.leaf === leaf && equal(other.key, key);
    })
  );
}

function inLeafOrder(members: Iterable<NamedMember>): NamedMember[] {
  return [...members].sort((a, b) => a.leaf - b.leaf);
}

function demand(holds: boolean, reason: string): asserts holds {
  if (!holds) throw new Broken(reason);
}
