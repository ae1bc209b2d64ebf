import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nodeGroupCrypto as crypto } from '../../../src/main/mls/node-group-crypto.ts';
import { ByteWriter } from '../../../src/protocol/bytes/byte-writer.ts';
import { encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
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
import type { Fingerprint } from '../../../src/protocol/group/names.ts';
import { decodeLeafJoin, encodeLeafJoin } from '../../../src/protocol/group/leaf-join.ts';
import type { JoinId } from '../../../src/protocol/group/leaf-join.ts';
import { InvariantError } from '../../../src/protocol/errors.ts';
import { hasOrganiser, organisersAmong, roleOf, successionOf } from '../../../src/protocol/group/roles.ts';
import { leafIndex } from '../../../src/protocol/group/roster.ts';
import { epoch } from '../../../src/protocol/units.ts';
import { joinId } from '../../harness/group/membership.ts';

const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);

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
  const named = (...leaves: number[]) => ({ organisers: leaves.map((leaf) => of(leaf).fingerprint) });
  const commit = (committer: number, removed: number[], added: number[] = []) => ({
    committer: leafIndex(committer),
    removed: new Set(removed.map(leafIndex)),
    added: added.map((leaf) => of(leaf).fingerprint),
  });
  const tree = [5, 0, 2, 3].map(of);

  test('is who is named among the organisers and in the tree', () => {
    expect([...organisersAmong(named(2, 5, 7), tree)]).toEqual([5, 2]);
    expect([2, 7, 0].map((leaf) => roleOf(named(2, 7), of(leaf).fingerprint))).toEqual([
      'organiser',
      'organiser',
      'member',
    ]);
  });

  test.each<[string, number[], ReturnType<typeof commit>, boolean]>([
    ['one stays', [0, 2], commit(3, [0]), true],
    ['the only one goes', [0], commit(3, [0]), false],
    ['both go', [0, 2], commit(3, [0, 2]), false],
    ['the only one joins again', [0], commit(3, [0], [0]), true],
    ['one who was gone comes', [0, 7], commit(3, [0], [7]), true],
    ['others come', [0], commit(3, [0], [7]), false],
    ['none was ever in the tree', [7], commit(3, []), false],
  ])('is left when %s: %o', (_, organisers, change, is) => {
    expect(hasOrganiser(named(...organisers), tree, change)).toBe(is);
    expect(successionOf(named(...organisers), tree, change) === undefined).toBe(is);
  });

  test('is, when the last one goes, the lowest leaf that stays; the author of the Commit only where nobody else does', () => {
    const heir = (...change: Parameters<typeof commit>) =>
      successionOf(named(7, 0), tree, commit(...change))?.map(([leaf]) => leaf);
    expect(heir(3, [0])).toEqual([7, 0, 2]);
    expect(heir(2, [0])).toEqual([7, 0, 3]);
    expect(heir(5, [0, 2])).toEqual([7, 0, 3]);
    expect(heir(2, [0], [1])).toEqual([7, 0, 3]);
    expect(heir(5, [0, 2, 3])).toEqual([7, 0, 5]);
  });

  test('are never more than there can be: the first of those who are gone makes room', () => {
    const gone = Array.from({ length: MAX_ORGANISERS }, (_, at) => 100 + at);
    const next = successionOf(named(...gone), tree, commit(0, []))?.map(([leaf]) => leaf);
    expect(next).toEqual([...gone.slice(1), 2]);
  });
});
