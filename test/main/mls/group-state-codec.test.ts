import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { decodeGroupRecord, encodeGroupRecord } from '../../../src/main/mls/group-state-codec.ts';
import { TsMlsAdapter } from '../../../src/main/mls/ts-mls-adapter.ts';
import { ByteReader } from '../../../src/protocol/bytes/byte-reader.ts';
import { ByteWriter } from '../../../src/protocol/bytes/byte-writer.ts';
import { founding, joinRequest, makeMembership } from '../../harness/group/membership.ts';

/** A group of one as it is saved: alone, and with a staged Commit that adds two. */
let alone: Uint8Array;
let staged: Uint8Array;
beforeAll(async () => {
  const mls = new TsMlsAdapter();
  const [groupId, secret] = [randomBytes(16), randomBytes(32)];
  const { group } = await mls.createGroup(makeMembership(groupId, secret), founding());
  alone = await mls.serialise(group);
  const joiners = [makeMembership(groupId, secret), makeMembership(groupId, secret)];
  const packages = await Promise.all(joiners.map((joiner) => mls.keyPackage(joiner, joinRequest())));
  const adds = packages.map(({ keyPackage }) => keyPackage);
  await mls.stageCommit(group, { adds, removes: [], kicks: [] });
  staged = await mls.serialise(group);
});

function read(bytes: Uint8Array) {
  const record = decodeGroupRecord(bytes);
  if (record === undefined) throw new Error('a group reads back');
  return record;
}

describe('a saved group', () => {
  test('is written again as it was read', () => {
    expect(read(alone).staged).toBeUndefined();
    expect(encodeGroupRecord(read(alone))).toEqual(alone);
    expect(read(staged).staged?.welcomes.length).toBe(2);
    expect(encodeGroupRecord(read(staged))).toEqual(staged);
  });

  test('is not overwritten with the bytes that it was read from, nor they with it', () => {
    const source = staged.slice();
    const record = read(source);
    source.fill(0);
    expect(encodeGroupRecord(record)).toEqual(staged);
    const again = staged.slice();
    const { state, staged: own } = read(again);
    for (const bytes of [state.signaturePrivateKey, state.keySchedule.exporterSecret]) bytes.fill(0);
    for (const { ref, welcome } of own?.welcomes ?? []) for (const bytes of [ref, welcome]) bytes.fill(0);
    own?.commit.fill(0);
    expect(again).toEqual(staged);
  });

  test('is none when it ends early', () => {
    for (const whole of [alone, staged]) {
      for (let length = 0; length < whole.length; length += length < 40 ? 1 : 97) {
        expect(decodeGroupRecord(whole.subarray(0, length))).toBeUndefined();
      }
      expect(decodeGroupRecord(whole.subarray(0, -1))).toBeUndefined();
    }
  });

  test('changed in any one place is a group or none, and nothing is thrown', () => {
    for (let at = 0; at < staged.length; at += 7) {
      const changed = staged.slice();
      changed[at] = (changed[at] ?? 0) ^ 0xff;
      expect(() => decodeGroupRecord(changed)).not.toThrow();
    }
  });

  test('is none in the format of another version', () => {
    for (const version of [0, 1, 3]) {
      expect(decodeGroupRecord(Uint8Array.of(version, ...alone.subarray(1)))).toBeUndefined();
    }
  });

  test('is none with a byte too many, inside its states or behind them', () => {
    expect(decodeGroupRecord(Uint8Array.of(...alone, 0))).toBeUndefined();
    expect(decodeGroupRecord(Uint8Array.of(...staged, 0))).toBeUndefined();
    const reader = new ByteReader(staged);
    const version = reader.u8();
    const state = reader.lengthPrefixed(staged.length);
    reader.u8();
    const newState = reader.lengthPrefixed(staged.length);
    const rest = reader.rest();
    const saved = (before: Uint8Array, after: Uint8Array): Uint8Array =>
      new ByteWriter().u8(version).lengthPrefixed(before).u8(1).lengthPrefixed(after).bytes(rest).finish();
    expect(saved(state, newState)).toEqual(staged);
    expect(decodeGroupRecord(saved(Uint8Array.of(...state, 0), newState))).toBeUndefined();
    expect(decodeGroupRecord(saved(state, Uint8Array.of(...newState, 0)))).toBeUndefined();
  });
});
