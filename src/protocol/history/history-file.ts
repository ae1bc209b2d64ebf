/**
 * The file that a key history is saved in: lines of JSON, the first about the meeting, each other one about an epoch. A
 * history has one form only: what would not be written so is not read.
 * @see docs/protocol.md #key-histories
 */
import { encodeBase64 } from '../counter/base64.ts';
import { JsonFields, malformed, parsing } from '../counter/json.ts';
import type { Parsed } from '../counter/json.ts';
import type { Epoch } from '../units.ts';

/** Most that is read. */
export const HISTORY_LIMITS = {
  fileBytes: 64 * 1024 * 1024,
  /** Characters of a line: a Commit of 512 KiB in base64, or 1,000 members. */
  line: 2 * 1024 * 1024,
  entries: 65_536,
  members: 1_000,
} as const;

/** What the first line says. */
export interface HistoryHeader {
  /** What people call the meeting. */
  readonly title: string;
  /** URL of the counter. */
  readonly counter: string;
  readonly group: Uint8Array;
  /** The counter's Ed25519 key, 32 bytes. */
  readonly receiptKey: Uint8Array;
}

/** A leaf with the name that its member goes by, as far as whoever saved the file knew it. */
export interface NamedMember {
  readonly leaf: number;
  /** Ed25519 signature key, 32 bytes. */
  readonly key: Uint8Array;
  readonly name: string | undefined;
}

/** One epoch. */
export type HistoryEntry =
  /** Whoever saved the file was no member yet: what the counter signed is all there is. */
  | { readonly kind: 'receipt'; readonly epoch: Epoch; readonly receipt: Uint8Array }
  /** Its first epoch. */
  | {
      readonly kind: 'begin';
      readonly epoch: Epoch;
      readonly receipt: Uint8Array;
      readonly code: string;
      /** The encoded GroupContext. */
      readonly context: Uint8Array;
      readonly confirmationTag: Uint8Array;
      /** In leaf order. */
      readonly members: readonly NamedMember[];
    }
  /** An epoch after that, and the Commit that began it. */
  | {
      readonly kind: 'change';
      readonly epoch: Epoch;
      readonly receipt: Uint8Array;
      readonly code: string;
      /** AuthenticatedContent, as the members decrypted it. */
      readonly commit: Uint8Array;
      readonly treeHash: Uint8Array;
      /** Leaf of the committer. */
      readonly by: number;
      /** In leaf order. */
      readonly removed: readonly NamedMember[];
      /** In leaf order. */
      readonly joined: readonly NamedMember[];
    }
  /** At the end: another receipt of the counter's for an epoch of this line, which a member said that it follows. */
  | {
      readonly kind: 'fork';
      readonly epoch: Epoch;
      readonly receipt: Uint8Array;
      /** Ed25519 signature key of the member, and its signature of the head. */
      readonly member: Uint8Array;
      readonly signature: Uint8Array;
    };

const FORMAT = 'conclave key history';
const VERSION = 1;
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const RECEIPT_BYTES = 1_024;
const HASH_BYTES = 64;
const COMMIT_BYTES = 512 * 1024;
const CONTEXT_BYTES = 256 * 1024;
const LABEL = /^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]{0,256}$/u;
const CODE = /^[0-9]{5}( [0-9]{5}){5}$/;
const URL_TEXT = /^https:\/\/[!-~]{1,512}$/;

/** A text without what could disguise it, and no longer than a file may have it. */
export function labelText(text: string): string {
  return Array.from(text.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, ''))
    .slice(0, 256)
    .join('');
}

/** The first line, without its line feed. */
export function encodeHeader(header: HistoryHeader): string {
  return JSON.stringify({
    format: FORMAT,
    version: VERSION,
    title: header.title,
    counter: header.counter,
    group: encodeBase64(header.group),
    receipt_key: encodeBase64(header.receiptKey),
  });
}

/** The line of an epoch, without its line feed. */
export function encodeEntry(entry: HistoryEntry): string {
  const common = {
    kind: entry.kind,
    epoch: Number(entry.epoch),
    receipt: encodeBase64(entry.receipt),
  };
  switch (entry.kind) {
    case 'receipt':
      return JSON.stringify(common);
    case 'fork':
      return JSON.stringify({
        ...common,
        member: encodeBase64(entry.member),
        signature: encodeBase64(entry.signature),
      });
    case 'begin':
      return JSON.stringify({
        ...common,
        code: entry.code,
        context: encodeBase64(entry.context),
        confirmation_tag: encodeBase64(entry.confirmationTag),
        members: entry.members.map(memberFields),
      });
    case 'change':
      return JSON.stringify({
        ...common,
        code: entry.code,
        commit: encodeBase64(entry.commit),
        tree_hash: encodeBase64(entry.treeHash),
        by: entry.by,
        removed: entry.removed.map(memberFields),
        joined: entry.joined.map(memberFields),
      });
  }
}

/** Reads the first line. The reason never repeats what stands there. */
export function parseHeader(line: string): Parsed<HistoryHeader> {
  return parsing(() => {
    const fields = fieldsOf(line);
    if (fields.text('format', /^.*$/su, 'a text') !== FORMAT) malformed('this is no key history');
    if (fields.integer('version') !== VERSION) malformed('this key history is of another version');
    const header = {
      title: fields.text('title', LABEL, 'a title'),
      counter: fields.text('counter', URL_TEXT, 'an https:// URL'),
      group: fields.bytes('group', 1, 255),
      receiptKey: fields.bytes('receipt_key', KEY_BYTES, KEY_BYTES),
    };
    return inItsOneForm(header, encodeHeader(header), line);
  });
}

/** Reads the line of an epoch. The reason never repeats what stands there. */
export function parseEntry(line: string): Parsed<HistoryEntry> {
  return parsing(() => {
    const fields = fieldsOf(line);
    const entry = readEntry(fields);
    return inItsOneForm(entry, encodeEntry(entry), line);
  });
}

function readEntry(fields: JsonFields): HistoryEntry {
  const epoch = fields.epoch('epoch');
  const receipt = fields.bytes('receipt', 1, RECEIPT_BYTES);
  const kind = fields.text('kind', /^(receipt|begin|change|fork)$/, 'a kind of entry');
  if (kind === 'receipt') return { kind, epoch, receipt };
  if (kind === 'fork')
    return {
      kind,
      epoch,
      receipt,
      member: fields.bytes('member', KEY_BYTES, KEY_BYTES),
      signature: fields.bytes('signature', SIGNATURE_BYTES, SIGNATURE_BYTES),
    };
  const code = fields.text('code', CODE, 'a security code');
  if (kind === 'begin')
    return {
      kind,
      epoch,
      receipt,
      code,
      context: fields.bytes('context', 1, CONTEXT_BYTES),
      confirmationTag: fields.bytes('confirmation_tag', 1, HASH_BYTES),
      members: readMembers(fields, 'members'),
    };
  return {
    kind: 'change',
    epoch,
    receipt,
    code,
    commit: fields.bytes('commit', 1, COMMIT_BYTES),
    treeHash: fields.bytes('tree_hash', 1, HASH_BYTES),
    by: fields.integer('by', 0xffff_ffff),
    removed: readMembers(fields, 'removed'),
    joined: readMembers(fields, 'joined'),
  };
}

function readMembers(fields: JsonFields, name: string): NamedMember[] {
  const members = fields.list(name, HISTORY_LIMITS.members).map((value): NamedMember => {
    const member = JsonFields.from(value, `what stands in ${name}`);
    return {
      leaf: member.integer('leaf', 0xffff_ffff),
      key: member.bytes('key', KEY_BYTES, KEY_BYTES),
      name: member.isNull('name') ? undefined : member.text('name', LABEL, 'a name'),
    };
  });
  if (members.some(({ leaf }, at) => leaf <= (members[at - 1]?.leaf ?? -1)))
    malformed(`${name} is not in the order of leaves`);
  return members;
}

function memberFields({ leaf, key, name }: NamedMember): object {
  return { leaf, key: encodeBase64(key), name: name ?? null };
}

function fieldsOf(line: string): JsonFields {
  if (line.length > HISTORY_LIMITS.line) malformed('the line is too long');
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    malformed('the line is not JSON');
  }
  return JsonFields.from(value, 'the line');
}

/** Other fields, their order, spaces and other ways to write the same text all end here. */
function inItsOneForm<Value>(value: Value, written: string, line: string): Value {
  if (written !== line) malformed('the line is not in the form in which Conclave writes it');
  return value;
}
