import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nodeGroupCrypto as crypto } from '../../../src/main/mls/node-group-crypto.ts';
import { encodeBase64Url } from '../../../src/protocol/bytes/base64url.ts';
import { ByteWriter } from '../../../src/protocol/bytes/byte-writer.ts';
import { decodeUtf8, encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import {
  checkInvitationProof,
  makeInvitationProof,
  PROOF_BYTES,
  SEALED_NAME_BYTES,
} from '../../../src/protocol/group/invitation-proof.ts';
import {
  decodeMeetingParameters,
  encodeMeetingParameters,
  isKicked,
  MAX_KICKED_KEYS,
  MAX_ORGANISERS,
  mayFollow,
  sameMeeting,
  sameSettings,
} from '../../../src/protocol/group/meeting-parameters.ts';
import type { MeetingParameters } from '../../../src/protocol/group/meeting-parameters.ts';
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
import type { Fingerprint } from '../../../src/protocol/group/names.ts';
import { decodeLeafJoin, encodeLeafJoin } from '../../../src/protocol/group/leaf-join.ts';
import type { JoinId } from '../../../src/protocol/group/leaf-join.ts';
import type { RoomKey } from '../../../src/protocol/group/room-keys.ts';
import { InvariantError } from '../../../src/protocol/errors.ts';
import type { FullTrackName } from '../../../src/protocol/moqt/model.ts';
import { isOrganiser, rolesOf } from '../../../src/protocol/group/roles.ts';
import { compareRosters, leafIndex } from '../../../src/protocol/group/roster.ts';
import type { Member } from '../../../src/protocol/group/roster.ts';
import { securityCodeOf } from '../../../src/protocol/group/security-code.ts';
import { epoch } from '../../../src/protocol/units.ts';
import { joinId } from '../../harness/group/membership.ts';

const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);
const room = bytes(32, 1) as RoomKey;

describe('invitation proofs', () => {
  const subject = {
    joinProofKey: bytes(32, 1),
    group: bytes(16, 2),
    signatureKey: bytes(32, 3),
    initKey: bytes(32, 4),
    leafExtension: encodeLeafJoin({ asOf: epoch(5n), joinId: joinId(6) }),
  };
  const sealedName = bytes(92, 7);
  const proof = makeInvitationProof(subject, sealedName, crypto);

  test('a proof holds for its subject and for nothing else', () => {
    expect(checkInvitationProof(proof, subject, crypto)).toBe('valid');
    for (const other of [
      { ...subject, joinProofKey: bytes(32, 9) },
      { ...subject, group: bytes(16, 9) },
      { ...subject, signatureKey: bytes(32, 9) },
      { ...subject, initKey: bytes(32, 9) },
      { ...subject, leafExtension: encodeLeafJoin({ asOf: epoch(6n), joinId: joinId(6) }) },
      { ...subject, leafExtension: encodeLeafJoin({ asOf: epoch(5n), joinId: joinId(7) }) },
    ]) {
      expect(checkInvitationProof(proof, other, crypto)).toBe('forged');
    }
    for (let at = 0; at < PROOF_BYTES; at += 1) {
      const changed = proof.map((byte, index) => (index === at ? byte ^ 1 : byte));
      expect(checkInvitationProof(changed, subject, crypto)).toBe('forged');
    }
  });

  test('it has a sealed name behind it, of any size up to 256 bytes', () => {
    const { most } = SEALED_NAME_BYTES;
    expect([PROOF_BYTES, most]).toEqual([32, 284]);
    const verdict = (length: number) =>
      checkInvitationProof(makeInvitationProof(subject, bytes(length, 7), crypto), subject, crypto);
    expect([0, 27, 28, most, most + 1].map(verdict)).toEqual([
      'malformed',
      'malformed',
      'valid',
      'valid',
      'malformed',
    ]);
    expect(checkInvitationProof(new Uint8Array(0), subject, crypto)).toBe('malformed');
  });

  test('its bytes are those of docs/protocol.md', () => {
    const text = Buffer.concat([bytes(16, 2), bytes(32, 3), bytes(32, 4), subject.leafExtension]);
    const tag = createHmac('sha256', bytes(32, 1)).update(text).digest();
    expect(Buffer.from(proof)).toEqual(Buffer.concat([tag, sealedName]));
  });
});

describe('the join of a leaf', () => {
  const value = new Uint8Array([0, 0, 1, 0, 0, 0, 0, 5, 1, 2, 3, 4, 5, 6, 7, 8]);
  const join = { asOf: epoch((1n << 40n) + 5n), joinId: value.slice(8) as JoinId };

  test('is an epoch and 8 bytes', () => {
    expect(encodeLeafJoin(join)).toEqual(value);
    expect(decodeLeafJoin(value)).toEqual(join);
    expect(() => encodeLeafJoin({ ...join, joinId: bytes(7, 1) as JoinId })).toThrow(InvariantError);
  });

  test('is read from nothing else', () => {
    for (const length of [0, 8, 15]) expect(decodeLeafJoin(value.subarray(0, length))).toBeUndefined();
    expect(decodeLeafJoin(new Uint8Array([...value, 0]))).toBeUndefined();
  });
});

describe('meeting parameters', () => {
  const parameters: MeetingParameters = {
    secureObjectsSuite: 4,
    profile: '01',
    mode: 'fenced',
    receiptKey: bytes(32, 6),
    kickedKeys: [bytes(32, 7), bytes(32, 8)],
    admission: 'ask',
    organisers: [bytes(32, 10), bytes(32, 11)] as Fingerprint[],
  };

  test('are written and read', () => {
    expect(decodeMeetingParameters(encodeMeetingParameters(parameters))).toEqual(parameters);
    const plain: MeetingParameters = {
      ...parameters,
      mode: 'plain',
      receiptKey: undefined,
      kickedKeys: [],
      admission: 'open',
      organisers: [],
    };
    expect(decodeMeetingParameters(encodeMeetingParameters(plain))).toEqual(plain);
  });

  test('no other bytes are taken', () => {
    const encoded = encodeMeetingParameters(parameters);
    for (let length = 0; length < encoded.length; length += 1) {
      expect(decodeMeetingParameters(encoded.subarray(0, length))).toBeUndefined();
    }
    expect(decodeMeetingParameters(new Uint8Array([...encoded, 0]))).toBeUndefined();
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (any) => void decodeMeetingParameters(any)));
  });

  test('have the bytes of docs/protocol.md', () => {
    const profile = [2, ...Buffer.from('01')];
    expect([...encodeMeetingParameters(parameters)]).toEqual([
      ...[0, 4, ...profile, 1, 32, ...bytes(32, 6), 2],
      ...[32, ...bytes(32, 7), 32, ...bytes(32, 8)],
      ...[1, 2, ...bytes(32, 10), ...bytes(32, 11)],
    ]);
    const plain: MeetingParameters = {
      ...parameters,
      mode: 'plain',
      receiptKey: undefined,
      kickedKeys: [],
      admission: 'open',
      organisers: [],
    };
    expect([...encodeMeetingParameters(plain)]).toEqual([0, 4, ...profile, 0, 0, 0, 0, 0]);
  });

  /** The value of the extension with one field of it changed. */
  const changed = (field: {
    profile?: Uint8Array;
    mode?: number;
    receiptKey?: Uint8Array;
    kicked?: readonly Uint8Array[];
    admission?: number;
    organisers?: readonly Uint8Array[];
  }): MeetingParameters | undefined => {
    const { profile = encodeUtf8('01'), mode = 1, receiptKey = bytes(32, 6), kicked = [] } = field;
    const { admission = 0, organisers = [] } = field;
    const writer = new ByteWriter().u16(4).lengthPrefixed(profile).u8(mode).lengthPrefixed(receiptKey);
    writer.vi64(kicked.length);
    for (const key of kicked) writer.lengthPrefixed(key);
    writer.u8(admission).vi64(organisers.length);
    for (const organiser of organisers) writer.bytes(organiser);
    return decodeMeetingParameters(writer.finish());
  };

  test.each<[string, Parameters<typeof changed>[0], boolean]>([
    ['a profile of 32 bytes', { profile: bytes(32, 65) }, true],
    ['a profile of 33 bytes', { profile: bytes(33, 65) }, false],
    ['a profile that is no text', { profile: bytes(2, 0xff) }, false],
    ['an unknown mode', { mode: 2, receiptKey: bytes(0, 0) }, false],
    ['an unknown mode with a key', { mode: 2 }, false],
    ['no receipt key in fenced mode', { receiptKey: bytes(0, 0) }, false],
    ['a short receipt key', { receiptKey: bytes(31, 0) }, false],
    ['a long receipt key', { receiptKey: bytes(33, 0) }, false],
    ['a receipt key in plain mode', { mode: 0 }, false],
    ['a short kicked key', { kicked: [bytes(32, 1), bytes(31, 1)] }, false],
    ['a long kicked key', { kicked: [bytes(33, 1)] }, false],
    ['4,096 kicked keys', { kicked: Array.from({ length: MAX_KICKED_KEYS }, () => bytes(32, 1)) }, true],
    ['4,097 kicked keys', { kicked: Array.from({ length: MAX_KICKED_KEYS + 1 }, () => bytes(32, 1)) }, false],
    ['a door of a kind of its own', { admission: 2 }, false],
    ['a short organiser', { organisers: [bytes(32, 1), bytes(31, 2)] }, false],
    ['an organiser twice', { organisers: [bytes(32, 1), bytes(32, 2), bytes(32, 1)] }, false],
    ['64 organisers', { organisers: Array.from({ length: MAX_ORGANISERS }, (_, at) => bytes(32, at)) }, true],
    [
      '65 organisers',
      { organisers: Array.from({ length: MAX_ORGANISERS + 1 }, (_, at) => bytes(32, at)) },
      false,
    ],
  ])('%s: %o', (_, field, isTaken) => {
    expect(changed(field) !== undefined).toBe(isTaken);
  });

  test('are fresh, whatever becomes of the bytes', () => {
    const encoded = encodeMeetingParameters(parameters);
    const decoded = decodeMeetingParameters(encoded);
    encoded.fill(0);
    expect(decoded).toEqual(parameters);
  });

  test('a key is kicked when it is in the list, whole', () => {
    expect(isKicked(parameters, bytes(32, 8))).toBe(true);
    expect(isKicked(parameters, bytes(32, 9))).toBe(false);
    expect(isKicked({ ...parameters, kickedKeys: [] }, bytes(32, 8))).toBe(false);
  });

  test('a meeting is the same whoever was kicked from it', () => {
    expect(sameMeeting(parameters, { ...parameters, kickedKeys: [] })).toBe(true);
    const plain: MeetingParameters = { ...parameters, mode: 'plain', receiptKey: undefined };
    expect(sameMeeting(plain, { ...plain })).toBe(true);
    expect(sameMeeting(plain, { ...plain, mode: 'fenced' })).toBe(false);
    expect(sameMeeting(parameters, { ...parameters, receiptKey: undefined })).toBe(false);
    expect(sameMeeting({ ...parameters, receiptKey: undefined }, parameters)).toBe(false);
  });

  test('a Commit may add kicked keys and change nothing else', () => {
    const removed = [bytes(32, 9)];
    const more = { ...parameters, kickedKeys: [...parameters.kickedKeys, bytes(32, 9)] };
    expect(mayFollow(parameters, more, removed)).toBe(true);
    expect(mayFollow(more, parameters, removed)).toBe(false);
    expect(mayFollow(parameters, { ...parameters, secureObjectsSuite: 1 }, [])).toBe(false);
    expect(mayFollow(parameters, { ...parameters, receiptKey: bytes(32, 0) }, [])).toBe(false);
    expect(mayFollow(parameters, { ...parameters, mode: 'plain', receiptKey: undefined }, [])).toBe(false);
    expect(mayFollow(parameters, { ...parameters, profile: '2026-04' }, [])).toBe(false);
  });

  test('a Commit adds the kicked keys of members that it removes, each once, after those of before', () => {
    const first = { ...parameters, kickedKeys: [bytes(32, 7)] };
    const then = (...kickedKeys: Uint8Array[]) => ({ ...first, kickedKeys });
    const removed = [bytes(32, 8), bytes(32, 9)];
    expect(mayFollow(first, first, [])).toBe(true);
    expect(mayFollow(first, then(bytes(32, 7), bytes(32, 9), bytes(32, 8)), removed)).toBe(true);
    expect(mayFollow(first, then(bytes(32, 7), bytes(32, 10)), removed)).toBe(false);
    expect(mayFollow(first, then(bytes(32, 7), bytes(32, 9), bytes(32, 9)), removed)).toBe(false);
    expect(mayFollow(first, then(bytes(32, 7), bytes(32, 7)), [bytes(32, 7)])).toBe(false);
    expect(mayFollow(first, then(bytes(32, 9), bytes(32, 7)), removed)).toBe(false);
    expect(mayFollow(first, then(bytes(32, 9)), removed)).toBe(false);
    expect(mayFollow(first, then(), removed)).toBe(false);
  });

  test('a Commit may change the settings, but leaves the door closed where it kicks', () => {
    const open: MeetingParameters = { ...parameters, admission: 'open' };
    expect(mayFollow(parameters, open, [])).toBe(true);
    expect(mayFollow(open, parameters, [])).toBe(true);
    expect(mayFollow(parameters, { ...parameters, organisers: [] }, [])).toBe(true);
    const kickedKeys = [...parameters.kickedKeys, bytes(32, 9)];
    expect(mayFollow(open, { ...parameters, kickedKeys }, [bytes(32, 9)])).toBe(true);
    for (const before of [open, parameters]) {
      expect(mayFollow(before, { ...open, kickedKeys }, [bytes(32, 9)])).toBe(false);
    }
  });

  test('settings are the same when all of them are, in their order', () => {
    const [one, other] = [bytes(32, 10), bytes(32, 11)] as Fingerprint[];
    const settings = { admission: 'ask', organisers: [one!, other!] } as const;
    expect(sameSettings(settings, { ...settings, organisers: [...settings.organisers] })).toBe(true);
    expect(sameSettings(settings, { ...settings, admission: 'open' })).toBe(false);
    for (const organisers of [[], [one!], [other!, one!], [one!, other!, one!]]) {
      expect(sameSettings(settings, { ...settings, organisers })).toBe(false);
      expect(sameSettings({ ...settings, organisers }, settings)).toBe(false);
    }
  });
});

describe('who decides', () => {
  const of = (leaf: number) => ({ leaf: leafIndex(leaf), fingerprint: bytes(32, leaf) as Fingerprint });
  const roles = (leaves: number[], ...organisers: number[]) =>
    Object.fromEntries(
      rolesOf({ organisers: organisers.map((each) => of(each).fingerprint) }, leaves.map(of)),
    );

  test('is who is named among the organisers and in the tree', () => {
    expect(roles([0, 2, 5], 2, 5, 7)).toEqual({ 0: 'member', 2: 'organiser', 5: 'organiser' });
  });

  test('is the member of the lowest leaf where nobody is, whatever order they are in', () => {
    expect(roles([5, 2, 3], 0, 7)).toEqual({ 2: 'acting-organiser', 3: 'member', 5: 'member' });
    expect(roles([4])).toEqual({ 4: 'acting-organiser' });
    expect(roles([], 1)).toEqual({});
  });

  test('and nobody else', () => {
    expect([...(['organiser', 'acting-organiser', 'member', undefined] as const)].map(isOrganiser)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});

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
