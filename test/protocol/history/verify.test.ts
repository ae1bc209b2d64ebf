import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { receiptSigner, receiptVerifier } from '../../../src/io/counter/receipt-crypto.ts';
import { ed25519Signer } from '../../../src/io/crypto/raw-keys.ts';
import { decodeBase64, encodeBase64 } from '../../../src/protocol/counter/base64.ts';
import { encodeReceipt, parseReceipt } from '../../../src/protocol/counter/receipt.ts';
import type { ReceiptBody } from '../../../src/protocol/counter/receipt.ts';
import type { Fork } from '../../../src/protocol/group/fork-watch.ts';
import { signedPartOfHead } from '../../../src/protocol/group/heads.ts';
import { compareHistories } from '../../../src/protocol/history/compare.ts';
import { verifyHistory } from '../../../src/protocol/history/verify.ts';
import type { HistoryReport, HistoryVerdict } from '../../../src/protocol/history/verify.ts';
import { epoch, unixMillis } from '../../../src/protocol/units.ts';
import { historyVerifier } from '../../../src/services/verify/check.ts';
import { RecordedMeeting } from '../../harness/history/recorded-meeting.ts';

interface Line {
  kind: string;
  epoch: number;
  receipt: string;
  [field: string]: unknown;
}

let meeting: RecordedMeeting;
/** As Ana, who was there from the beginning, and Cy, who came in at epoch 2, save it. */
let anas: string;
let cys: string;
beforeAll(async () => {
  meeting = await RecordedMeeting.ofFour();
  const [ana, cy] = [meeting.members[0], meeting.members[1]];
  if (ana === undefined || cy === undefined) throw new Error('they are there');
  anas = await meeting.save(ana);
  cys = await meeting.save(cy);
});

const check = (text: string): HistoryVerdict => verifyHistory(text, historyVerifier);
function reportOf(text: string): HistoryReport {
  const verdict = check(text);
  if (verdict.kind !== 'holds') throw new Error(verdict.reason);
  return verdict.report;
}
const linesOf = (text: string): Line[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
const textOf = (lines: readonly object[]): string =>
  lines.map((line) => `${JSON.stringify(line)}\n`).join('');
/** The file with one line changed. @param at - counts from 0, the header. */
function changed(at: number, change: (line: Line) => void, text = anas): string {
  const lines = linesOf(text);
  const line = lines[at];
  if (line !== undefined) change(line);
  return textOf(lines);
}
function flipped(base64: unknown, bit: number): string {
  const bytes = decodeBase64(String(base64)) ?? new Uint8Array(0);
  const at = Math.floor(bit / 8) % bytes.length;
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit % 8));
  return encodeBase64(bytes);
}
/** A receipt with another content, signed by the counter all the same. */
function resigned(base64: string, change: Partial<ReceiptBody>, signer = meeting.signer): string {
  const receipt = parseReceipt(decodeBase64(base64) ?? new Uint8Array(0));
  return encodeBase64(encodeReceipt({ ...receipt, ...change }, signer, receiptVerifier));
}
const members = (line: Line, field: string): { leaf: number; key: string; name: string | null }[] =>
  line[field] as { leaf: number; key: string; name: string | null }[];

describe('a history', () => {
  test('of whoever was there from the beginning shows each change, who made it, and who is there at the end', () => {
    const report = reportOf(anas);
    expect(report.epochs.map((each) => each.epoch)).toEqual([0n, 1n, 2n, 3n, 4n, 5n]);
    const shown = report.changes.map(({ by, joined, removed, barred }) => [
      by.name,
      joined.map(({ name, leaf }) => `${String(name)} ${String(leaf)}`),
      removed.map(({ name }) => name),
      barred.length,
    ]);
    expect(shown).toEqual([
      ['Ana', ['Bo 1'], [], 0],
      ['Bo', ['Cy 2'], [], 0],
      ['Bo', [], [], 0],
      ['Cy', [], ['Bo'], 1],
      ['Ana', ['Dee 1'], [], 0],
    ]);
    expect(report.members.map(({ name }) => name)).toEqual(['Ana', 'Dee', 'Cy']);
    expect(new Set(report.epochs.map(({ code }) => code)).size).toBe(6);
  });

  test('of whoever came later begins with the counter’s receipts, and shows members from then on', () => {
    const report = reportOf(cys);
    expect(report.epochs.map(({ code }) => code === undefined)).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
    expect(report.begin?.epoch).toBe(2n);
    expect(report.begin?.members.map(({ name }) => name)).toEqual(['Ana', 'Bo', 'Cy']);
    expect(report.changes.map(({ epoch: at }) => at)).toEqual([3n, 4n, 5n]);
  });

  test('holds under the post-quantum suite, too', async () => {
    const other = await RecordedMeeting.ofFour(0x0053);
    const [ana] = other.members;
    expect(ana && reportOf(await other.save(ana)).changes.length).toBe(5);
  });

  test('is made of the receipts that a member was given, whatever the counter shows later', async () => {
    const [ana] = meeting.members;
    const logged = new Map([[epoch(0n), new Uint8Array(9)]]);
    expect(ana && (await meeting.save(ana, { logged }))).toBe(anas);
    const [, cy] = meeting.members;
    // What does not lead to one's own receipts is left out.
    const cut = cy && reportOf(await meeting.save(cy, { logged }));
    expect(cut?.epochs.map((each) => each.epoch)).toEqual([2n, 3n, 4n, 5n]);
  });

  test('has no secret of the meeting', () => {
    const secrets = meeting.members.flatMap(({ membership }) => [
      membership.identity.seed,
      membership.joinProofKey,
      membership.invitationPsk,
    ]);
    for (const secret of secrets) expect(anas).not.toContain(encodeBase64(secret).slice(0, 40));
    const bytes = linesOf(anas).flatMap(({ commit }) =>
      typeof commit === 'string' ? [decodeBase64(commit)] : [],
    );
    for (const secret of secrets)
      expect(bytes.some((each) => Buffer.from(each ?? []).includes(Buffer.from(secret)))).toBe(false);
  });
});

/** Each changes the whole file; what the checker says of it, and of which line. */
const tamperings: [what: string, line: number, reason: string, tamper: () => string][] = [
  [
    'a bit of a signature',
    4,
    'the counter’s key has not signed this receipt',
    () => changed(3, (line) => (line.receipt = flipped(line.receipt, 8 * 200))),
  ],
  [
    'two entries that changed places',
    4,
    'the epoch does not follow the one before',
    () => {
      const [header, zero, one, two, three, ...rest] = linesOf(cys);
      return textOf([header, zero, one, three, two, ...rest].filter((line) => line !== undefined));
    },
  ],
  [
    'an entry that is missing',
    4,
    'the epoch does not follow the one before',
    () => textOf(linesOf(anas).filter((_, at) => at !== 3)),
  ],
  [
    'an epoch that is said to be another',
    4,
    'the receipt is of another epoch',
    () => changed(3, (line) => (line.epoch = 3)),
  ],
  [
    'a receipt of another past',
    4,
    'the receipt was signed over another past than the one before it here',
    () =>
      changed(
        3,
        (line) => (line.receipt = resigned(line.receipt, { previousHash: new Uint8Array(32).fill(1) })),
      ),
  ],
  [
    'a receipt that is changed and signed by somebody else',
    4,
    'the counter’s key has not signed this receipt',
    () => {
      const stranger = receiptSigner(generateKeyPairSync('ed25519').privateKey);
      const forged = {
        publicKey: meeting.signer.publicKey,
        sign: (message: Uint8Array) => stranger.sign(message),
      };
      return changed(3, (line) => (line.receipt = resigned(line.receipt, { time: unixMillis(0) }, forged)));
    },
  ],
  [
    'a receipt from before the one before',
    4,
    'the receipt is older than the one before',
    () => changed(3, (line) => (line.receipt = resigned(line.receipt, { time: unixMillis(5) }))),
  ],
  [
    'the receipt of another group',
    4,
    'the receipt is of another group',
    () => changed(3, (line) => (line.receipt = resigned(line.receipt, { group: new Uint8Array(16) }))),
  ],
  [
    'another next_key',
    5,
    'the receipt was signed over another past than the one before it here',
    () =>
      changed(3, (line) => (line.receipt = resigned(line.receipt, { nextKey: new Uint8Array(32).fill(9) }))),
  ],
  [
    'the next_key of an earlier epoch',
    7,
    'its next_key is that of an earlier epoch',
    () => {
      const { nextKey } = parseReceipt(decodeBase64(linesOf(anas)[2]?.receipt ?? '') ?? new Uint8Array(0));
      return changed(6, (line) => (line.receipt = resigned(line.receipt, { nextKey })));
    },
  ],
  [
    'the key of another counter',
    2,
    'the receipt names another key than that of the file’s counter',
    () => changed(0, (line) => (line.receipt_key = encodeBase64(new Uint8Array(32).fill(3)))),
  ],
  [
    'the name of another group',
    2,
    'the receipt is of another group',
    () => changed(0, (line) => (line.group = encodeBase64(new Uint8Array(16)))),
  ],
  [
    'the Commit of another epoch',
    5,
    'the Commit was made in another group or epoch',
    () => changed(4, (line) => (line.commit = linesOf(anas)[3]?.commit)),
  ],
  [
    'a Commit with another signature',
    4,
    'the Commit does not give the transcript hash that the counter signed',
    () =>
      changed(3, (line) => {
        const bytes = decodeBase64(String(line.commit)) ?? new Uint8Array(0);
        // Before the confirmation tag: a length and 32 bytes.
        line.commit = flipped(line.commit, 8 * (bytes.length - 40));
      }),
  ],
  [
    'a Commit with another confirmation tag',
    5,
    'the Commit does not give the transcript hash that the counter signed',
    () =>
      changed(3, (line) => {
        const bytes = decodeBase64(String(line.commit)) ?? new Uint8Array(0);
        line.commit = flipped(line.commit, 8 * (bytes.length - 1));
      }),
  ],
  ['no Commit', 4, 'what stands for the Commit is none', () => changed(3, (line) => (line.commit = 'AAAA'))],
  [
    'a tree that is said to be another',
    5,
    'the Commit is not signed by the member that made it',
    () => changed(3, (line) => (line.tree_hash = flipped(line.tree_hash, 3))),
  ],
  [
    'another author',
    4,
    'the Commit was made by somebody else than it says',
    () => changed(3, (line) => (line.by = 0)),
  ],
  [
    'somebody who is said to have joined under another key',
    3,
    'the Commit adds others than it says',
    () =>
      changed(
        2,
        (line) =>
          (line.joined = members(line, 'joined').map((each) => ({
            ...each,
            key: encodeBase64(new Uint8Array(32).fill(4)),
          }))),
      ),
  ],
  [
    'somebody who joined and is left out',
    3,
    'the Commit adds others than it says',
    () => changed(2, (line) => (line.joined = [])),
  ],
  [
    'a removal that is left out',
    6,
    'the Commit removes others than it says',
    () => changed(5, (line) => (line.removed = [])),
  ],
  [
    'a removal that is said to be of somebody else',
    6,
    'the Commit removes others than it says',
    () =>
      changed(5, (line) => (line.removed = members(line, 'removed').map((each) => ({ ...each, leaf: 0 })))),
  ],
  [
    'members at the beginning under another key, where they have signed since',
    5,
    'the Commit is not signed by the member that made it',
    () =>
      changed(
        3,
        (line) =>
          (line.members = members(line, 'members').map((each) =>
            each.name === 'Bo' ? { ...each, key: encodeBase64(new Uint8Array(32).fill(4)) } : each,
          )),
        cys,
      ),
  ],
  [
    'a member at the beginning that is left out, where it has signed since',
    5,
    'the Commit is of a leaf where nobody is',
    () =>
      changed(
        3,
        (line) => (line.members = members(line, 'members').filter(({ name }) => name !== 'Bo')),
        cys,
      ),
  ],
  [
    'another GroupContext at the beginning',
    2,
    'the receipt names another GroupContext',
    () => changed(1, (line) => (line.context = flipped(line.context, 8 * 40))),
  ],
  [
    'another confirmation tag at the beginning',
    3,
    'the Commit does not give the transcript hash that the counter signed',
    () => changed(1, (line) => (line.confirmation_tag = flipped(line.confirmation_tag, 1))),
  ],
  [
    'two members at the beginning of a group',
    2,
    'a group begins with one member',
    () =>
      changed(
        1,
        (line) =>
          (line.members = [
            ...members(line, 'members'),
            { leaf: 1, key: encodeBase64(new Uint8Array(32)), name: null },
          ]),
      ),
  ],
  [
    'a Commit that is left out of an entry',
    4,
    'the Commit is missing, though whoever saved the file was a member',
    () =>
      changed(3, (line) =>
        Object.keys(line).forEach((key) => {
          if (!['kind', 'epoch', 'receipt'].includes(key)) Reflect.deleteProperty(line, key);
          else if (key === 'kind') line.kind = 'receipt';
        }),
      ),
  ],
];

describe('a history that was tampered with', () => {
  test.each(tamperings)('%s', (_, line, reason, tamper) => {
    const verdict = check(tamper());
    expect(verdict).toMatchObject({ kind: 'broken', line, reason });
  });

  test('in any bit of a receipt or a Commit', () => {
    const lines = linesOf(anas);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: lines.length - 1 }),
        fc.constantFrom('receipt', 'commit'),
        fc.nat(),
        (at, field, bit) => {
          // The last tag is looked at by whoever makes the next Commit, and there is none.
          if (lines[at]?.[field] === undefined || (field === 'commit' && at === lines.length - 1)) return;
          expect(check(changed(at, (line) => (line[field] = flipped(line[field], bit)))).kind).toBe('broken');
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('what is no history', () => {
  test.each<[string, () => string, number, string]>([
    ['an empty file', () => '', 1, 'the line is not JSON'],
    ['another file', () => '{"a":1}\n', 1, 'format is not a text'],
    [
      'another version',
      () => changed(0, (line) => (line.version = 2)),
      1,
      'this key history is of another version',
    ],
    ['a header alone', () => `${anas.split('\n')[0] ?? ''}\n`, 2, 'there is no epoch in it'],
    [
      'a file that ends within a line',
      () => anas.slice(0, -1),
      7,
      'the file ends within a line, or is too long',
    ],
    [
      'spaces',
      () => anas.replace('{"kind"', '{ "kind"'),
      2,
      'the line is not in the form in which Conclave writes it',
    ],
    [
      'a field that nobody knows',
      () => changed(2, (line) => (line.more = 1)),
      3,
      'the line is not in the form in which Conclave writes it',
    ],
    [
      'a name that turns the text around',
      () =>
        changed(
          2,
          (line) => (line.joined = members(line, 'joined').map((each) => ({ ...each, name: '\u202egro' }))),
        ),
      3,
      'name is not a name',
    ],
    [
      'a line that is too long',
      () => `${anas.split('\n')[0] ?? ''}\n"${'x'.repeat(3 * 1024 * 1024)}"\n`,
      2,
      'the line is too long',
    ],
  ])('%s', (_, make, line, reason) => {
    expect(check(make())).toEqual({ kind: 'unreadable', line, reason });
  });

  test('whatever the bytes: it is told, and nothing is thrown', () => {
    const lines = anas.trimEnd().split('\n');
    const piece = fc.oneof(
      fc.constantFrom(...lines),
      fc.string({ unit: 'binary' }),
      fc
        .constantFrom(...lines)
        .chain((line) =>
          fc
            .tuple(fc.nat(line.length), fc.nat(line.length), fc.string({ maxLength: 4 }))
            .map(([from, to, middle]) => line.slice(0, from) + middle + line.slice(to)),
        ),
      fc.json(),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), fc.boolean(), (pieces, whole) => {
        const text = [...(whole ? [lines[0] ?? ''] : []), ...pieces].map((each) => `${each}\n`).join('');
        expect(['holds', 'broken', 'unreadable']).toContain(check(text).kind);
      }),
      { numRuns: 150 },
    );
  });
});

describe('two histories', () => {
  test('of one meeting are one line, and their codes are the same', () => {
    expect(compareHistories(reportOf(anas), reportOf(cys))).toEqual({
      kind: 'one-line',
      shared: 6,
      codes: 4,
    });
  });

  test('of a meeting that the counter has split part where it signed twice', async () => {
    const split = new RecordedMeeting();
    const ana = await split.begin('Ana');
    const bo = await split.join(ana, 'Bo');
    const before = new Map(split.receipts);
    const everybody = split.members;
    split.members = [ana];
    await split.commit(ana, { adds: [], removes: [], kicks: [] });
    const left = await split.save(ana);
    split.receipts.clear();
    for (const [at, receipt] of before) split.receipts.set(at, receipt);
    split.members = everybody.filter((each) => each === bo);
    await split.commit(bo, { adds: [], removes: [], kicks: [] });
    const right = await split.save(bo);
    expect(compareHistories(reportOf(left), reportOf(right))).toMatchObject({ kind: 'parted', epoch: 2n });
    expect(compareHistories(reportOf(right), reportOf(left))).toMatchObject({ kind: 'parted', epoch: 2n });
  });

  test('of which one has the head of somebody on the other side proves the split by itself', async () => {
    const split = new RecordedMeeting();
    const ana = await split.begin('Ana');
    const bo = await split.join(ana, 'Bo');
    const { publicKey, seed } = bo.membership.identity;
    const ours = split.receipts.get(epoch(1n)) ?? new Uint8Array(0);
    const changedReceipt = { ...parseReceipt(ours), commitHash: new Uint8Array(32) };
    const theirs = encodeReceipt(changedReceipt, split.signer, receiptVerifier);
    const forkOf = (receipt: Uint8Array): Fork => {
      const signature = ed25519Signer(seed).sign(signedPartOfHead(publicKey, receipt));
      return { epoch: epoch(1n), ours, theirs: receipt, member: publicKey, signature };
    };
    const text = await split.save(ana, { fork: forkOf(theirs) });
    expect(reportOf(text).fork).toMatchObject({ epoch: 1n, member: publicKey });
    const lines = linesOf(text);
    const last = lines.length - 1;
    expect(check(changed(last, (line) => (line.receipt = encodeBase64(ours)), text))).toMatchObject({
      kind: 'broken',
      reason: 'the member has not signed that it follows this receipt',
    });
    expect(check(await split.save(ana, { fork: forkOf(ours) }))).toMatchObject({
      kind: 'broken',
      reason: 'the receipt is of this line: it proves no split',
    });
    expect(check(textOf([...lines, lines[last] ?? {}]))).toMatchObject({
      reason: 'nothing follows the proof of a split',
    });
  });

  test('that differ in a code alone are not of one group', () => {
    const other = changed(4, (line) => (line.code = '00000 00000 00000 00000 00000 00000'));
    expect(compareHistories(reportOf(other), reportOf(cys))).toEqual({ kind: 'other-code', epoch: 3n });
  });

  test('adjoin, or have nothing in common', () => {
    const lines = linesOf(cys);
    const [early, late] = [
      textOf(lines.slice(0, 3)),
      textOf([lines[0], ...lines.slice(3)].filter((line) => line !== undefined)),
    ];
    expect(compareHistories(reportOf(early), reportOf(late))).toEqual({
      kind: 'one-line',
      shared: 0,
      codes: 0,
    });
    expect(compareHistories(reportOf(late), reportOf(early))).toEqual({
      kind: 'one-line',
      shared: 0,
      codes: 0,
    });
    const first = textOf(lines.slice(0, 2));
    expect(compareHistories(reportOf(first), reportOf(late))).toEqual({ kind: 'apart' });
  });

  test('of two meetings are told apart', async () => {
    const other = new RecordedMeeting();
    const dee = await other.begin('Dee');
    expect(compareHistories(reportOf(anas), reportOf(await other.save(dee)))).toEqual({
      kind: 'other-group',
    });
  });
});
