/** Moves of a meeting, with real MLS: who can make one, who can open it, and what is refused. */
import { randomBytes } from 'node:crypto';
import { encryptWithLabel } from 'ts-mls/crypto/hpke.js';
import { signWithLabel } from 'ts-mls/crypto/signature.js';
import { describe, expect, test } from 'vitest';
import { suiteImplementation } from '../../../src/main/mls/client-config.ts';
import { decodeGroupRecord } from '../../../src/main/mls/group-state-codec.ts';
import type { MlsMembership } from '../../../src/main/mls/mls-port.ts';
import { nodeGroupCrypto } from '../../../src/main/mls/node-group-crypto.ts';
import { TsMlsAdapter } from '../../../src/main/mls/ts-mls-adapter.ts';
import type { GroupHandle, MlsSuite, OpenMoveOutcome } from '../../../src/protocol/group/mls.ts';
import {
  commitmentOf,
  decodeMove,
  encodeMove,
  encodeMoveContent,
  encodeMoveHeader,
  MOVE_KEY_LABEL,
  MOVE_SIGNATURE_LABEL,
  partContextOf,
  type MoveContent,
} from '../../../src/protocol/group/move.ts';
import { leafIndex } from '../../../src/protocol/group/roster.ts';
import { epoch } from '../../../src/protocol/units.ts';
import { founding, joinRequest, makeMembership } from '../../harness/group/membership.ts';

const NOBODY = { adds: [], removes: [], kicks: [] };
const LINK = new Uint8Array(Buffer.from('conclave://join/the-new-room'));
const ZERO = epoch(0n);

/** A group of Ana (leaf 0), Bo (1) and Cy (2). */
async function three(suite: MlsSuite = 0x0001) {
  const mls = new TsMlsAdapter();
  const [groupId, secret] = [new Uint8Array(randomBytes(16)), new Uint8Array(randomBytes(32))];
  const people = [1, 2, 3].map(() => makeMembership(groupId, secret, suite));
  const [ana, ...others] = people as [MlsMembership, MlsMembership, MlsMembership];
  const all = [(await mls.createGroup(ana, founding())).group];
  for (const other of others) {
    const { keyPackage } = await mls.keyPackage(other, joinRequest());
    const welcome = await commit(mls, all, { ...NOBODY, adds: [keyPackage] });
    const joined = await mls.join(other, welcome!);
    if (joined.kind !== 'joined') throw new Error(joined.reason);
    all.push(joined.group);
  }
  const [a, b, c] = all as [GroupHandle, GroupHandle, GroupHandle];
  return { mls, a, b, c, all, people };
}

async function commit(mls: TsMlsAdapter, all: readonly GroupHandle[], plan: object) {
  const [first, ...others] = all as [GroupHandle, ...GroupHandle[]];
  const outcome = await mls.stageCommit(first, { ...NOBODY, ...plan });
  if (outcome.kind !== 'staged') throw new Error(outcome.reason);
  for (const other of others) {
    const seen = await mls.processCommit(other, outcome.commit.commit);
    if (seen.kind !== 'staged') throw new Error(seen.kind);
    await mls.apply(other, seen.staged);
  }
  await mls.apply(first, outcome.commit.staged);
  return outcome.commit.welcomes[0]?.welcome;
}

async function moveOf(
  mls: TsMlsAdapter,
  group: GroupHandle,
  recipients: readonly number[],
  leftBehind: readonly number[] = [],
) {
  const sealed = await mls.sealMove(group, {
    invitation: LINK,
    number: 7,
    since: ZERO,
    recipients: recipients.map(leafIndex),
    leftBehind: leftBehind.map(leafIndex),
  });
  if (sealed.kind !== 'sealed') throw new Error(sealed.reason);
  return sealed.move;
}

const read = (move: Uint8Array): MoveContent => {
  const reading = decodeMove(move);
  if (reading.kind !== 'move') throw new Error(reading.fault);
  return reading.content;
};

/** Signs what somebody made of a move. */
async function signed(content: MoveContent, by: MlsMembership): Promise<Uint8Array> {
  const { signature } = await suiteImplementation(by.suite);
  const bytes = encodeMoveContent(content);
  return encodeMove(bytes, await signWithLabel(by.identity.seed, MOVE_SIGNATURE_LABEL, bytes, signature));
}

const reasonOf = (outcome: OpenMoveOutcome): string | undefined =>
  outcome.kind === 'refused' ? outcome.reason : undefined;
/** What is wrong with our part of a move that is in order for others, and leads us nowhere. */
const faultOf = (outcome: OpenMoveOutcome): string | undefined =>
  outcome.kind === 'opened' && outcome.invitation === undefined ? outcome.fault : undefined;

describe('a move', () => {
  test.each<[MlsSuite]>([[0x0001], [0x0053]])('in suite %i opens for its recipients alone', async (suite) => {
    const { mls, a, b, c } = await three(suite);
    const move = await moveOf(mls, a, [0, 1, 7], [2, 7, 2]);
    const commitment = commitmentOf(LINK, nodeGroupCrypto);
    const people = { recipients: [leafIndex(1)], leftBehind: [leafIndex(2)] };
    const base = { kind: 'opened', mover: leafIndex(0), number: 7, since: ZERO, commitment, ...people };
    expect(await mls.openMove(b, move)).toEqual({ ...base, invitation: LINK, fault: undefined });
    expect(await mls.openMove(c, move)).toEqual({ ...base, invitation: undefined, fault: undefined });
    expect(reasonOf(await mls.openMove(a, move))).toBe('a move of our own leaf');
    expect(Buffer.from(move).includes(Buffer.from(LINK))).toBe(false);
  });

  test('in the name of another member is refused: only the leaf’s own key signs', async () => {
    const { mls, a, c, people } = await three();
    const [, bo] = people as [MlsMembership, MlsMembership];
    const content = read(await moveOf(mls, a, [2]));
    expect((await mls.openMove(c, await signed(content, people[0]!))).kind).toBe('opened');
    expect(reasonOf(await mls.openMove(c, await signed(content, bo)))).toBe(
      'a move that its mover has not signed',
    );
  });

  test('is refused when anything in it was changed', async () => {
    const { mls, a, b } = await three();
    const move = await moveOf(mls, a, [1, 2]);
    for (let at = 0; at < move.length; at += 1) {
      const changed = move.slice();
      changed[at]! ^= 1;
      expect((await mls.openMove(b, changed)).kind, String(at)).toBe('refused');
    }
  });

  test('is of one epoch of one group: a replay is refused', async () => {
    const { mls, a, b, all } = await three();
    const before = await moveOf(mls, a, [1, 2]);
    await commit(mls, all, { renews: true });
    expect(reasonOf(await mls.openMove(b, before))).toBe('a move of another epoch');
    expect((await mls.openMove(b, await moveOf(mls, a, [1, 2]))).kind).toBe('opened');
    const other = await three();
    expect(reasonOf(await other.mls.openMove(other.b, before))).toBe('a move of another group');
  });

  test('opens with the fresh key of a leaf, and with none of before', async () => {
    const { mls, a, b, c, all } = await three();
    await commit(mls, [b, a, c], { renews: true });
    expect(await mls.openMove(b, await moveOf(mls, a, [1, 2]))).toMatchObject({ invitation: LINK });
    expect(all).toHaveLength(3);
  });

  test('leads all to one room: a part under another key is refused', async () => {
    const { mls, a, b, c, people } = await three();
    const suite = await suiteImplementation(0x0001);
    const content = read(await moveOf(mls, a, [1, 2]));
    // Another room for Bo, for whom the sealed invitation is exchanged too; what all are told stays.
    const key = suite.rng.randomBytes(suite.hpke.keyLength);
    const header = encodeMoveHeader(content);
    const elsewhere = new Uint8Array(Buffer.from('conclave://join/another-room'));
    const nonce = new Uint8Array(suite.hpke.nonceLength);
    const sealedInvitation = await suite.hpke.encryptAead(key, nonce, header, elsewhere);
    const [bo] = content.parts;
    const { enc, ct } = await encryptWithLabel(
      await suite.hpke.importPublicKey(await leafKey(mls, b)),
      MOVE_KEY_LABEL,
      partContextOf(header, bo!.leaf),
      key,
      suite.hpke,
    );
    const parts = content.parts.map((part) =>
      part === bo ? { ...part, encapsulated: enc, sealedKey: ct } : part,
    );
    const forged = await signed({ ...content, sealedInvitation, parts }, people[0]!);
    expect(faultOf(await mls.openMove(b, forged))).toBe('a part that leads to another room than the others’');
    expect(await mls.openMove(c, forged)).toMatchObject({ kind: 'opened', invitation: undefined });
  });

  test('with a part for another leaf, or by or for nobody, is refused', async () => {
    const { mls, a, b, people } = await three();
    const content = read(await moveOf(mls, a, [1, 2]));
    const [bo, cy] = content.parts;
    const swapped = [{ ...cy!, leaf: bo!.leaf }, cy!];
    const open = async (change: Partial<MoveContent>) =>
      reasonOf(await mls.openMove(b, await signed({ ...content, ...change }, people[0]!)));
    const spoilt = await signed({ ...content, parts: swapped }, people[0]!);
    expect(faultOf(await mls.openMove(b, spoilt))).toBe('a part for us that cannot be opened');
    expect(await open({ mover: leafIndex(9) })).toBe('a move by nobody in the tree');
    expect(await open({ parts: [...content.parts, { ...cy!, leaf: leafIndex(9) }] })).toBe(
      'a part for nobody in the tree',
    );
    expect(await open({ leftBehind: [leafIndex(9)] })).toBe('nobody in the tree is left behind');
    expect(reasonOf(await mls.openMove(b, new Uint8Array(63)))).toBe(
      'a malformed move: shorter than a signature',
    );
  });

  test('of a group that is forgotten is refused and no fault', async () => {
    const { mls, a, b } = await three();
    const move = await moveOf(mls, a, [1, 2]);
    await mls.forget(b);
    expect(reasonOf(await mls.openMove(b, move))).toBe('a group that is not held any more');
    const plan = { invitation: LINK, number: 1, since: ZERO, recipients: [leafIndex(0)], leftBehind: [] };
    expect(await mls.sealMove(b, plan)).toEqual({
      kind: 'refused',
      reason: 'a group that is not held any more',
    });
  });
});

/** The public HPKE key of a group's own leaf, from its private one. */
async function leafKey(mls: TsMlsAdapter, group: GroupHandle): Promise<Uint8Array> {
  const record = decodeGroupRecord(await mls.serialise(group));
  const node = record?.state.ratchetTree[2 * record.state.privatePath.leafIndex];
  if (node?.nodeType !== 'leaf') throw new Error('no leaf');
  return node.leaf.hpkePublicKey;
}
