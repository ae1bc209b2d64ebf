import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { nodeGroupCrypto as crypto } from '../../../src/main/mls/node-group-crypto.ts';
import { encodeBase64Url } from '../../../src/protocol/bytes/base64url.ts';
import { decodeUtf8, encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import { InvariantError } from '../../../src/protocol/errors.ts';
import type { JoinId } from '../../../src/protocol/group/leaf-join.ts';
import {
  classifyTrack,
  commitTrack,
  controlTrack,
  fingerprintOf,
  fingerprintOfSender,
  groupNameOf,
  keyPackageTrack,
  mediaTrack,
  senderIdOf,
  trackShape,
  welcomeTrack,
} from '../../../src/protocol/group/names.ts';
import type { RoomKey } from '../../../src/protocol/group/room-keys.ts';
import { compareRosters, leafIndex } from '../../../src/protocol/group/roster.ts';
import type { Member } from '../../../src/protocol/group/roster.ts';
import { securityCodeOf } from '../../../src/protocol/group/security-code.ts';
import type { FullTrackName } from '../../../src/protocol/moqt/model.ts';
import { epoch } from '../../../src/protocol/units.ts';
import { joinId } from '../../harness/group/membership.ts';

const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);
const room = bytes(32, 1) as RoomKey;

describe('names', () => {
  const group = groupNameOf(room, 0, crypto);
  const sender = senderIdOf(fingerprintOf(bytes(32, 3), crypto), joinId(4));

  test('each generation has its own group', () => {
    const input = new Uint8Array([...encodeUtf8('conclave group v2'), ...room, 0, 0, 0, 1]);
    expect(groupNameOf(room, 1, crypto)).toEqual(crypto.sha256(input).slice(0, 16));
    expect(groupNameOf(room, 1, crypto)).not.toEqual(group);
  });

  test('are, byte for byte, those of the draft and of docs/protocol.md', () => {
    const instance = encodeUtf8('video.x');
    const text = ({ namespace, name }: FullTrackName): string[] =>
      [...namespace, name].map((field) => Buffer.from(field).toString());
    const [root, id] = [encodeBase64Url(group), Buffer.from(sender).toString()];
    expect(text(keyPackageTrack(group, sender))).toEqual([root, 'keypackages', id]);
    expect(text(welcomeTrack(group, sender))).toEqual([root, 'welcome', id]);
    expect(text(commitTrack(group))).toEqual([root, 'commits']);
    expect(text(controlTrack(group, sender, instance))).toEqual([root, 'control', id, 'video.x', 'o']);
    expect(text(mediaTrack(group, sender, instance))).toEqual([root, 'media', id, 'video.x', 'o']);
    const digest = createHash('sha256').update(bytes(32, 3)).digest();
    expect(id).toBe(Buffer.concat([digest, bytes(8, 4)]).toString('base64url'));
  });

  test('tracks say what they are', () => {
    const instance = encodeUtf8('video.x');
    expect(classifyTrack(group, keyPackageTrack(group, sender))).toEqual({ kind: 'key-packages', sender });
    expect(classifyTrack(group, welcomeTrack(group, sender))).toEqual({ kind: 'welcome', recipient: sender });
    expect(classifyTrack(group, commitTrack(group))).toEqual({ kind: 'commits' });
    expect(classifyTrack(group, controlTrack(group, sender, instance))).toMatchObject({ kind: 'control' });
    expect(classifyTrack(group, mediaTrack(group, sender, instance))).toEqual({
      kind: 'media',
      sender,
      instance,
    });
    const other = groupNameOf(room, 1, crypto);
    expect(classifyTrack(other, commitTrack(group))).toEqual({ kind: 'foreign' });
    const { namespace } = keyPackageTrack(group, sender);
    expect(classifyTrack(group, { namespace, name: encodeUtf8('somebody') })).toEqual({ kind: 'foreign' });
  });

  test('that only look like those of a group are of no group', () => {
    const { namespace } = mediaTrack(group, sender, encodeUtf8('x'));
    const [root, media, ofSender, instance] = namespace;
    if (root === undefined || media === undefined || ofSender === undefined || instance === undefined)
      throw new Error('four fields');
    const o = encodeUtf8('o');
    const welcome = encodeUtf8('welcome');
    for (const [fields, name] of [
      [[], encodeUtf8('commits')],
      [[root], o],
      [[root], sender],
      [[root, encodeUtf8('commits')], sender],
      [[root, media], sender],
      [[root, welcome], encodeUtf8('somebody')],
      [[root, media, ofSender], o],
      [[root, welcome, ofSender, instance], o],
      [[root, media, ofSender, instance], encodeUtf8('p')],
      [[root, media, encodeUtf8('somebody'), instance], o],
      [[root, encodeUtf8('control'), encodeUtf8('somebody'), instance], o],
      [[root, media, ofSender, instance, instance], o],
      [[encodeUtf8('other'), media, ofSender, instance], o],
    ] as const) {
      expect(classifyTrack(group, { namespace: fields, name })).toEqual({ kind: 'foreign' });
    }
    expect(classifyTrack(group, controlTrack(group, sender, instance))).toEqual({
      kind: 'control',
      sender,
      instance,
    });
  });

  test('have a shape that a relay can tell without knowing group or sender', () => {
    const somebody = encodeUtf8('somebody');
    const shape = (fields: readonly string[], name: string): string =>
      trackShape({ namespace: fields.map(encodeUtf8), name: encodeUtf8(name) });
    expect(shape(['g'], 'commits')).toBe('commits');
    expect(shape(['g', 'keypackages'], 's')).toBe('key-packages');
    expect(shape(['g', 'welcome'], 's')).toBe('welcome');
    expect(shape(['g', 'control', 's', 'i'], 'o')).toBe('control');
    expect(shape(['g', 'media', 's', 'i'], 'o')).toBe('media');
    for (const [fields, name] of [
      [['g'], 'o'],
      [['g', 'media'], 's'],
      [['g', 'keypackages', 's'], 'o'],
      [['g', 'keypackages', 's', 'i'], 'o'],
      [['g', 'media', 's', 'i'], 'x'],
    ] as const)
      expect(shape(fields, name)).toBe('foreign');
    expect(trackShape({ namespace: [somebody, encodeUtf8('welcome')], name: somebody })).toBe('welcome');
  });

  test('of rooms and joins have their sizes', () => {
    expect(() => groupNameOf(bytes(31, 1) as RoomKey, 0, crypto)).toThrow(InvariantError);
    expect(() => senderIdOf(fingerprintOf(bytes(32, 3), crypto), bytes(7, 4) as JoinId)).toThrow(
      InvariantError,
    );
    expect(group.length).toBe(16);
  });

  test('a SenderId begins with the fingerprint', () => {
    expect(fingerprintOfSender(sender)).toEqual(fingerprintOf(bytes(32, 3), crypto));
    expect(decodeUtf8(sender)).toMatch(/^[\w-]{54}$/);
    expect(fingerprintOfSender(sender.subarray(1))).toBeUndefined();
    expect(fingerprintOfSender(encodeUtf8(encodeBase64Url(bytes(39, 1))))).toBeUndefined();
    expect(fingerprintOfSender(encodeUtf8(encodeBase64Url(bytes(41, 1))))).toBeUndefined();
    expect(fingerprintOfSender(bytes(54, 0xff))).toBeUndefined();
  });
});

test('the security code depends on epoch and group, and is six groups of five digits', () => {
  const code = securityCodeOf(bytes(16, 1), bytes(32, 2), crypto);
  expect(code).toMatch(/^(\d{5} ){5}\d{5}$/);
  expect(securityCodeOf(bytes(16, 1), bytes(32, 2), crypto)).toBe(code);
  // Computed with Python: hmac.new(b'\x02'*32, b'conclave security code v1' + b'\x01'*16, 'sha256'), 5 bytes a group.
  expect(code).toBe('14257 36949 59758 30014 66889 35295');
  expect(securityCodeOf(bytes(16, 9), bytes(32, 2), crypto)).not.toBe(code);
  expect(securityCodeOf(bytes(16, 1), bytes(32, 9), crypto)).not.toBe(code);
  // With a leading zero.
  expect(securityCodeOf(bytes(16, 1), bytes(32, 5), crypto)).toBe('40609 44897 81313 02256 54179 51618');
});

test('a member that joins again is in both lists of a change, one that stays in none', () => {
  const member = (leaf: number, key: number, join: number): Member => ({
    leaf: leafIndex(leaf),
    signatureKey: bytes(32, key),
    fingerprint: fingerprintOf(bytes(32, key), crypto),
    senderId: senderIdOf(fingerprintOf(bytes(32, key), crypto), joinId(join)),
    asOf: epoch(0n),
  });
  const before = [member(0, 1, 1), member(1, 2, 2), member(2, 3, 3)];
  const after = [member(0, 1, 1), member(1, 2, 8), member(3, 4, 4)];
  const change = compareRosters(before, after);
  expect(change.added.map(({ leaf }) => leaf)).toEqual([1, 3]);
  expect(change.removed.map(({ leaf }) => leaf)).toEqual([1, 2]);
  expect(compareRosters(before, before)).toEqual({ added: [], removed: [] });
  // Another leaf of the same join, or another key at the leaf, is somebody else.
  const moved = compareRosters([member(0, 1, 1)], [member(1, 1, 1)]);
  expect([moved.added.length, moved.removed.length]).toEqual([1, 1]);
  const replaced = compareRosters([member(0, 1, 1)], [member(0, 2, 1)]);
  expect([replaced.added.length, replaced.removed.length]).toEqual([1, 1]);
});
