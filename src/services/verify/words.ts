/** What the checker says of an outcome. */
import { receiptVerifier } from '../../io/counter/receipt-crypto.ts';
import { encodeBase64Url } from '../../protocol/bytes/base64url.ts';
import { encodeHex } from '../../protocol/bytes/hex.ts';
import { fingerprintGroups } from '../../protocol/group/fingerprint-text.ts';
import { fingerprintOf } from '../../protocol/group/names.ts';
import type { Comparison } from '../../protocol/history/compare.ts';
import type { NamedMember } from '../../protocol/history/history-file.ts';
import type { HistoryReport, ProvenChange } from '../../protocol/history/verify.ts';
import type { UnixMillis } from '../../protocol/units.ts';
import type { Outcome } from './check.ts';

/** For people. @returns lines, each ended. */
export function describeOutcome(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'unreadable':
      return `${placeOf(outcome)}: cannot be read: ${outcome.reason}.\n`;
    case 'broken':
      return `${placeOf(outcome)}${outcome.epoch === undefined ? '' : `, epoch ${outcome.epoch}`}: does not hold: ${outcome.reason}.\n`;
    case 'compared':
      return `${describeComparison(outcome.how)}\n`;
    case 'holds':
      return describeReport(outcome.report);
  }
}

/** For programs: one JSON object. */
export function outcomeAsJson(outcome: Outcome): string {
  return `${JSON.stringify(jsonOf(outcome))}\n`;
}

function placeOf({ file, line }: { readonly file: string; readonly line: number | undefined }): string {
  return line === undefined ? file : `${file}, line ${String(line)}`;
}

function describeReport(report: HistoryReport): string {
  const { header, epochs, begin, changes, fork, members } = report;
  const first = epochs[0];
  const last = epochs.at(-1);
  if (first === undefined || last === undefined) return '';
  const lines = [
    'The history holds.',
    ...(fork === undefined
      ? []
      : [
          `And it proves that the meeting was split: the counter’s key signed another receipt for epoch ${String(fork.epoch)}, at ${timeText(fork.time)}, which ${fingerprintText(fork.member)} follows.`,
        ]),
    '',
    `Meeting      ${header.title === '' ? '(no title)' : header.title}`,
    `Group        ${encodeBase64Url(header.group)}`,
    `Counter      ${header.counter}`,
    `Receipt key  ${encodeBase64Url(header.receiptKey)}`,
    `Epochs       ${String(first.epoch)} to ${String(last.epoch)}, ${timeText(first.time)} to ${timeText(last.time)} by the counter’s clock`,
    '',
    'Proven:',
    `- The counter’s key signed one line of Commits, without a gap${first.epoch === 0n ? ' from the beginning' : `; what came before epoch ${String(first.epoch)} is not in the file`}.`,
  ];
  if (begin !== undefined)
    lines.push(
      `- From epoch ${String(begin.epoch)} on: which member made each Commit, and whom it brought in and removed, below.`,
    );
  lines.push(
    '',
    'On the word of whoever saved the file:',
    '- the names of people; compare fingerprints with what they show in the app',
  );
  if (begin === undefined) lines.push('- nothing else: the file shows no members');
  else {
    lines.push('- the security codes; compare them with those of others, or two files');
    const unproven = unprovenMembers(report);
    if (begin.epoch > 0n && unproven.length > 0)
      lines.push(
        `- that these were members in epoch ${String(begin.epoch)}, when the file’s view begins: ${unproven.map(nameOf).join(', ')}; all others of then have signed a Commit since`,
      );
  }
  if (begin !== undefined) lines.push('', `Epoch ${String(begin.epoch)}: ${list(begin.members)}`);
  for (const change of changes) lines.push(describeChange(change));
  if (begin !== undefined)
    lines.push('', 'Members at the end:', ...members.map((each) => `  ${memberText(each)}`));
  if (last.code !== undefined) lines.push('', `Security code at the end: ${last.code}`);
  return `${lines.join('\n')}\n`;
}

/** Those of the beginning of whom no signature is in the file. */
function unprovenMembers({ begin, changes }: HistoryReport): readonly NamedMember[] {
  const signed = new Set(changes.map(({ by }) => encodeHex(by.key)));
  return begin?.members.filter(({ key }) => !signed.has(encodeHex(key))) ?? [];
}

function describeChange({ epoch, time, by, removed, joined, barred }: ProvenChange): string {
  const parts: string[] = [];
  if (joined.length > 0) parts.push(`brought in ${list(joined)}`);
  const keys = new Set(barred.map((key) => encodeHex(key)));
  const kicked = removed.filter(({ key }) => keys.has(encodeHex(key)));
  const left = removed.filter(({ key }) => !keys.has(encodeHex(key)));
  if (left.length > 0) parts.push(`took the keys from ${list(left)}`);
  if (kicked.length > 0) parts.push(`removed and barred ${list(kicked)}`);
  if (parts.length === 0) parts.push('renewed the keys');
  return `Epoch ${String(epoch)}, ${timeText(time)}: ${nameOf(by)} ${parts.join(', ')}`;
}

function describeComparison(how: Comparison): string {
  switch (how.kind) {
    case 'one-line':
      return how.shared === 0
        ? 'One line: both histories hold, and one goes on where the other ends.'
        : `One line: both histories hold, and their receipts are the same at all ${String(how.shared)} epochs that both have, the security codes at all ${String(how.codes)} where both were members.`;
    case 'parted':
      return [
        `Two lines: the counter’s key signed two different receipts for epoch ${String(how.epoch)}.`,
        `  first file   ${timeText(how.a.time)}, Commit ${encodeHex(how.a.commitHash)}`,
        `  second file  ${timeText(how.b.time)}, Commit ${encodeHex(how.b.commitHash)}`,
        'The counter, or whoever has its key, has split this meeting. Both files are the proof.',
      ].join('\n');
    case 'other-code':
      return `Not one group: receipts are the same, but the security codes differ at epoch ${String(how.epoch)}. One of the files has another code than its owner saw, or the two did not have the same keys.`;
    case 'other-past':
      return `Two lines: the receipt of epoch ${String(how.epoch)} in the one file was signed over another past than the other file has. The counter, or whoever has its key, has split this meeting. Both files are the proof.`;
    case 'apart':
      return 'Nothing to compare: the two files have no epoch in common, and neither goes on where the other ends.';
    case 'other-group':
      return 'The files are of different groups: of two meetings, or of two generations of one.';
    case 'other-key':
      return 'The files name different keys of the counter.';
  }
}

function jsonOf(outcome: Outcome): object {
  switch (outcome.kind) {
    case 'unreadable':
    case 'broken':
      return outcome;
    case 'compared': {
      const { how } = outcome;
      return {
        kind: how.kind,
        ...('epoch' in how ? { epoch: String(how.epoch) } : {}),
        ...('shared' in how ? { shared: how.shared, codes: how.codes } : {}),
      };
    }
    case 'holds': {
      const { header, epochs, begin, changes, fork, members } = outcome.report;
      return {
        kind: 'holds',
        title: header.title,
        counter: header.counter,
        group: encodeBase64Url(header.group),
        receiptKey: encodeBase64Url(header.receiptKey),
        epochs: epochs.map(({ epoch, time, commitHash, code }) => ({
          epoch: String(epoch),
          time: timeText(time),
          commitSha256: encodeHex(commitHash),
          code: code ?? null,
        })),
        begin:
          begin === undefined ? null : { epoch: String(begin.epoch), members: begin.members.map(memberJson) },
        changes: changes.map(({ epoch, by, removed, joined, barred }) => ({
          epoch: String(epoch),
          by: memberJson(by),
          removed: removed.map(memberJson),
          joined: joined.map(memberJson),
          barred: barred.map((key) => encodeBase64Url(key)),
        })),
        fork:
          fork === undefined
            ? null
            : { epoch: String(fork.epoch), time: timeText(fork.time), member: encodeBase64Url(fork.member) },
        members: members.map(memberJson),
      };
    }
  }
}

function memberJson({ leaf, key, name }: NamedMember): object {
  return { leaf, key: encodeBase64Url(key), fingerprint: fingerprintText(key), name: name ?? null };
}

function memberText(member: NamedMember): string {
  return `${nameOf(member)}  ${fingerprintText(member.key)}`;
}

function list(members: readonly NamedMember[]): string {
  return members.map((member) => `${nameOf(member)} (${fingerprintText(member.key)})`).join(', ');
}

function nameOf({ name, leaf }: NamedMember): string {
  return name === undefined || name === '' ? `(leaf ${String(leaf)}, no name)` : name;
}

function fingerprintText(key: Uint8Array): string {
  return fingerprintGroups(fingerprintOf(key, receiptVerifier)).join(' ');
}

/** A counter may have signed a time that no calendar has. */
function timeText(time: UnixMillis): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? `${String(time)} ms` : date.toISOString();
}
