import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nodeGroupCrypto as crypto } from '../../../src/main/mls/node-group-crypto.ts';
import { decodeBase64Url, encodeBase64Url } from '../../../src/protocol/bytes/base64url.ts';
import { encodeHex } from '../../../src/protocol/bytes/hex.ts';
import { decodeUtf8, encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import {
  encodeInvitation,
  INVITATION_LIMITS,
  INVITATION_PREFIX,
  parseInvitation,
} from '../../../src/protocol/group/invitation.ts';
import type { Invitation } from '../../../src/protocol/group/invitation.ts';
import {
  checkInvitationProof,
  makeInvitationProof,
  MAX_PROOF_LIFETIME,
} from '../../../src/protocol/group/invitation-proof.ts';
import {
  decodeMeetingParameters,
  encodeMeetingParameters,
  mayFollow,
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
  welcomeTrack,
} from '../../../src/protocol/group/names.ts';
import type { RoomId } from '../../../src/protocol/group/names.ts';
import type { FullTrackName } from '../../../src/protocol/moqt/model.ts';
import { compareRosters, leafIndex } from '../../../src/protocol/group/roster.ts';
import type { Member } from '../../../src/protocol/group/roster.ts';
import { securityCodeOf } from '../../../src/protocol/group/security-code.ts';
import { unixMillis } from '../../../src/protocol/units.ts';

const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);
const room = bytes(16, 1) as RoomId;
const invitation: Invitation = {
  room,
  name: 'Budget 2027 – Übersicht',
  mode: 'fenced',
  suite: 0x0001,
  secret: bytes(32, 2),
  relays: ['https://relay.example:4433/', 'moqt://[::1]:4443'],
  counter: 'https://counter.example/',
  receiptKey: bytes(32, 3),
  counterToken: 'abc.DEF',
  anchors: [
    { kind: 'ca-certificate', der: bytes(400, 4) },
    { kind: 'certificate-hash', sha256: bytes(32, 5) },
  ],
};
const faultOf = (link: string): string => {
  const outcome = parseInvitation(link, crypto);
  return outcome.kind === 'invalid' ? outcome.fault : 'none';
};
/** The link with its bytes changed and its check made right again. */
const forged = (change: (body: Uint8Array) => Uint8Array): string => {
  const link = encodeInvitation(invitation, crypto);
  const all = decodeBase64Url(link.slice(INVITATION_PREFIX.length)) ?? bytes(0, 0);
  const body = change(all.slice(0, -4));
  const check = crypto.sha256(body).subarray(0, 4);
  return INVITATION_PREFIX + encodeBase64Url(new Uint8Array([...body, ...check]));
};

describe('invitations', () => {
  test('a link says all that was put in', () => {
    const link = encodeInvitation(invitation, crypto);
    expect(parseInvitation(` ${link}/\n`, crypto)).toEqual({ kind: 'invitation', invitation });
    const plain: Invitation = {
      ...invitation,
      mode: 'plain',
      suite: 0x0053,
      receiptKey: undefined,
      counterToken: '',
      anchors: [],
    };
    expect(parseInvitation(encodeInvitation(plain, crypto), crypto)).toMatchObject({ invitation: plain });
  });

  test('what is wrong is said exactly', () => {
    const link = encodeInvitation(invitation, crypto);
    expect(faultOf('https://example.com')).toBe('not-an-invitation');
    expect(faultOf(link.padEnd(INVITATION_LIMITS.link + 1, 'A'))).toBe('too-long');
    expect(faultOf(`${link.slice(0, 60)}%${link.slice(61)}`)).toBe('damaged-characters');
    expect(faultOf(link.slice(0, -8))).toBe('cut-off-or-changed');
    expect(faultOf(link.replace(/^(.{80})./, '$1_'))).toBe('cut-off-or-changed');
    const put = (at: number, value: number) =>
      forged((body) => body.map((byte, index) => (index === at ? value : byte)));
    expect(faultOf(put(0, 2))).toBe('unknown-version');
    expect(faultOf(put(1, 7))).toBe('unknown-mode');
    expect(faultOf(put(3, 77))).toBe('unknown-suite');
    expect(faultOf(forged((body) => new Uint8Array([...body, 0])))).toBe('malformed');
    expect(faultOf(forged((body) => body.slice(0, 40)))).toBe('malformed');
    const encoded = (change: Partial<Invitation>): string => {
      try {
        return faultOf(encodeInvitation({ ...invitation, ...change }, crypto));
      } catch {
        return 'refused';
      }
    };
    const swap = (from: string, to: string): string =>
      faultOf(
        forged((body) => {
          const text = Buffer.from(body).toString('latin1').replace(from, to);
          return new Uint8Array(Buffer.from(text, 'latin1'));
        }),
      );
    expect(swap('https://counter', 'http:///counter')).toBe('bad-counter-address');
    expect(swap('https://counter.example', 'https://counter@example')).toBe('bad-counter-address');
    expect(swap('moqt://[::1]:4443', 'moqt://[::1]:99999'.slice(0, 17))).toBe('none');
    expect(swap('moqt://[::1]', 'file://[::1]')).toBe('bad-relay-address');
    expect(swap('abc.DEF', 'abc DEF')).toBe('bad-counter-token');
    expect(swap('Budget', 'Bud\u0007et')).toBe('bad-name');
    expect(encoded({ relays: [] })).toBe('refused');
    expect(encoded({ anchors: [{ kind: 'certificate-hash', sha256: bytes(31, 0) }] })).toBe('refused');
  });

  test('any text gives an invitation or a fault', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        expect(['invitation', 'invalid']).toContain(parseInvitation(INVITATION_PREFIX + text, crypto).kind);
      }),
    );
    fc.assert(
      fc.property(fc.nat(400), fc.nat(255), (at, value) => {
        const link = forged((body) => body.map((byte, index) => (index === at ? value : byte)));
        expect(['invitation', 'invalid']).toContain(parseInvitation(link, crypto).kind);
      }),
    );
  });
});

describe('invitation proofs', () => {
  const now = unixMillis(1_800_000_000_000);
  const subject = { secret: bytes(32, 1), group: bytes(16, 2), signatureKey: bytes(32, 3) };
  const proof = makeInvitationProof(subject, unixMillis(now + 60_000), crypto);

  test('a proof holds for its subject until its end', () => {
    expect(checkInvitationProof(proof, subject, now, crypto)).toBe('valid');
    expect(checkInvitationProof(proof, subject, unixMillis(now + 60_001), crypto)).toBe('expired');
    expect(checkInvitationProof(proof, subject, undefined, crypto)).toBe('valid');
    const early = unixMillis(now + 60_000 - MAX_PROOF_LIFETIME - 1);
    expect(checkInvitationProof(proof, subject, early, crypto)).toBe('too-far-ahead');
    expect(checkInvitationProof(proof.subarray(1), subject, now, crypto)).toBe('malformed');
  });

  test('it holds for nothing else', () => {
    for (const other of [
      { ...subject, secret: bytes(32, 9) },
      { ...subject, group: bytes(16, 9) },
      { ...subject, signatureKey: bytes(32, 9) },
    ]) {
      expect(checkInvitationProof(proof, other, now, crypto)).toBe('forged');
    }
    for (let at = 0; at < proof.length; at += 1) {
      const changed = proof.map((byte, index) => (index === at ? byte ^ 1 : byte));
      expect(checkInvitationProof(changed, subject, now, crypto)).toBe('forged');
    }
  });

  test('its bytes are those of the key profile', () => {
    // Computed with Python: hmac.new(hmac.new(b'\x01'*32, b'conclave invite v1\x01', 'sha256').digest(), …).
    expect(encodeHex(makeInvitationProof(subject, unixMillis(1), crypto))).toBe(
      '000000000000000146d94c2a284890dbf333e982b1274f680c555e338a8a66637f82416f4c34c351',
    );
  });
});

describe('meeting parameters', () => {
  const parameters: MeetingParameters = {
    secureObjectsSuite: 4,
    profile: '2026-03',
    mode: 'fenced',
    receiptKey: bytes(32, 6),
    kickedKeys: [bytes(32, 7), bytes(32, 8)],
  };

  test('are written and read', () => {
    expect(decodeMeetingParameters(encodeMeetingParameters(parameters))).toEqual(parameters);
    const plain: MeetingParameters = { ...parameters, mode: 'plain', receiptKey: undefined, kickedKeys: [] };
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

  test('a Commit may add kicked keys and change nothing else', () => {
    const more = { ...parameters, kickedKeys: [...parameters.kickedKeys, bytes(32, 9)] };
    expect(mayFollow(parameters, more)).toBe(true);
    expect(mayFollow(more, parameters)).toBe(false);
    expect(mayFollow(parameters, { ...parameters, secureObjectsSuite: 1 })).toBe(false);
    expect(mayFollow(parameters, { ...parameters, receiptKey: bytes(32, 0) })).toBe(false);
    expect(mayFollow(parameters, { ...parameters, mode: 'plain', receiptKey: undefined })).toBe(false);
    expect(mayFollow(parameters, { ...parameters, profile: '2026-04' })).toBe(false);
  });
});

describe('names', () => {
  const group = groupNameOf(room, 0, crypto);
  const sender = senderIdOf(fingerprintOf(bytes(32, 3), crypto), bytes(8, 4));

  test('each generation has its own group', () => {
    const input = new Uint8Array([...encodeUtf8('conclave room'), ...room, 0, 0, 0, 1]);
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

  test('a SenderId begins with the fingerprint', () => {
    expect(fingerprintOfSender(sender)).toEqual(fingerprintOf(bytes(32, 3), crypto));
    expect(decodeUtf8(sender)).toMatch(/^[\w-]{54}$/);
    expect(fingerprintOfSender(sender.subarray(1))).toBeUndefined();
  });
});

test('the security code depends on epoch and group, and is six groups of five digits', () => {
  const code = securityCodeOf(bytes(16, 1), bytes(32, 2), crypto);
  expect(code).toMatch(/^(\d{5} ){5}\d{5}$/);
  expect(securityCodeOf(bytes(16, 1), bytes(32, 2), crypto)).toBe(code);
  expect(securityCodeOf(bytes(16, 9), bytes(32, 2), crypto)).not.toBe(code);
  expect(securityCodeOf(bytes(16, 1), bytes(32, 9), crypto)).not.toBe(code);
});

test('a member that joins again is in both lists of a change, a committer in none', () => {
  const member = (leaf: number, key: number, encryption: number): Member => ({
    leaf: leafIndex(leaf),
    signatureKey: bytes(32, key),
    fingerprint: fingerprintOf(bytes(32, key), crypto),
    encryptionKey: bytes(32, encryption),
  });
  const before = [member(0, 1, 1), member(1, 2, 2), member(2, 3, 3)];
  const after = [member(0, 1, 9), member(1, 2, 8), member(3, 4, 4)];
  const change = compareRosters(before, after, leafIndex(0));
  expect(change.added.map(({ leaf }) => leaf)).toEqual([1, 3]);
  expect(change.removed.map(({ leaf }) => leaf)).toEqual([1, 2]);
});
