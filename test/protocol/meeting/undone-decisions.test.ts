import { describe, expect, test } from 'vitest';
import { nodeGroupCrypto as crypto } from '../../../src/main/mls/node-group-crypto.ts';
import type { Decision } from '../../../src/protocol/group/coordination/decisions.ts';
import { MAX_KICKED_KEYS } from '../../../src/protocol/group/meeting-parameters.ts';
import type { MeetingParameters } from '../../../src/protocol/group/meeting-parameters.ts';
import type { EpochView } from '../../../src/protocol/group/mls.ts';
import { fingerprintOf, senderIdOf } from '../../../src/protocol/group/names.ts';
import { leafIndex } from '../../../src/protocol/group/roster.ts';
import { UndoneDecisions } from '../../../src/protocol/meeting/undone-decisions.ts';
import { epoch } from '../../../src/protocol/units.ts';
import { joinId, testParameters } from '../../harness/group/membership.ts';

const keyOf = (number: number): Uint8Array => new Uint8Array(32).fill(number);
const fingerprint = (number: number) => fingerprintOf(keyOf(number), crypto);

/** An epoch with these members, of whom we are the first, who organises it. */
function viewOf(members: readonly number[], parameters: Partial<MeetingParameters> = {}): EpochView {
  const none = new Uint8Array(0);
  return {
    groupId: none,
    epoch: epoch(1n),
    transcript: none,
    epochAuthenticator: none,
    epochKey: none,
    suite: 0x0001,
    ownLeaf: leafIndex(0),
    roster: members.map((number, leaf) => ({
      leaf: leafIndex(leaf),
      signatureKey: keyOf(number),
      fingerprint: fingerprint(number),
      senderId: senderIdOf(fingerprint(number), joinId(leaf)),
      asOf: epoch(0n),
    })),
    parameters: { ...testParameters, organisers: [fingerprint(1)], ...parameters },
  };
}
const kick = (number: number): Decision => ({ kind: 'kick', signatureKey: keyOf(number) });
const here = viewOf([1, 2, 3]);

describe('what is decided and not done', () => {
  test.each<[string, Decision, EpochView, EpochView]>([
    ['a kick', kick(2), viewOf([1, 3]), viewOf([1, 3], { kickedKeys: [keyOf(2)] })],
    [
      'a kick for which there is no room',
      kick(2),
      viewOf([1, 2], { kickedKeys: Array.from({ length: MAX_KICKED_KEYS }, () => keyOf(9)) }),
      viewOf([1], { kickedKeys: Array.from({ length: MAX_KICKED_KEYS }, () => keyOf(9)) }),
    ],
    ['the door', { kind: 'admission', admission: 'ask' }, here, viewOf([1], { admission: 'ask' })],
    ['an admission', { kind: 'admit', fingerprint: fingerprint(4) }, here, viewOf([1, 4])],
    ['a refusal', { kind: 'decline', fingerprint: fingerprint(4) }, here, viewOf([1, 4])],
    [
      'a role',
      { kind: 'organiser', fingerprint: fingerprint(2), isOrganiser: true },
      here,
      viewOf([1, 2], { organisers: [fingerprint(1), fingerprint(2)] }),
    ],
    [
      'a role of somebody who goes',
      { kind: 'organiser', fingerprint: fingerprint(2), isOrganiser: true },
      here,
      viewOf([1, 3]),
    ],
  ])('is told to each membership until it is: %s', (_, decision, before, after) => {
    const undone = new UndoneDecisions();
    undone.decided(decision);
    undone.epochBegan(before, false);
    expect(undone.forMembership(before).decisions).toEqual([decision]);
    undone.epochBegan(after, false);
    expect(undone.forMembership(after)).toEqual({ decisions: [], renews: false, areRefused: false });
  });

  test('is the last word about each', () => {
    const undone = new UndoneDecisions();
    const admit: Decision = { kind: 'admit', fingerprint: fingerprint(4) };
    const decline: Decision = { kind: 'decline', fingerprint: fingerprint(4) };
    for (const decision of [decline, kick(2), admit, kick(2)]) undone.decided(decision);
    expect(undone.forMembership(here).decisions).toEqual([admit, kick(2)]);
  });

  test('opens no door that a kick has closed', () => {
    const undone = new UndoneDecisions();
    const opens: Decision = { kind: 'admission', admission: 'open' };
    const closed = viewOf([1, 2], { admission: 'ask' });
    undone.decided(opens);
    undone.decided(kick(2));
    expect(undone.forMembership(closed).decisions).toEqual([kick(2)]);
    // Opened after that, it is meant so.
    undone.decided(opens);
    expect(undone.forMembership(closed).decisions).toEqual([kick(2), opens]);
  });

  test('is given up where we decide nothing, once, but for a fresh key', () => {
    const undone = new UndoneDecisions();
    undone.decided(kick(2));
    undone.renews();
    const others = viewOf([1, 2], { organisers: [fingerprint(2)] });
    expect(undone.forMembership(others)).toEqual({ decisions: [], renews: true, areRefused: true });
    expect(undone.forMembership(here)).toEqual({ decisions: [], renews: true, areRefused: false });
    undone.epochBegan(here, true);
    expect(undone.forMembership(here).renews).toBe(false);
  });

  test('is bounded', () => {
    const undone = new UndoneDecisions();
    const key = (at: number): Uint8Array =>
      keyOf(7)
        .with(0, at % 256)
        .with(1, at >> 8);
    for (let at = 0; at < 1_030; at += 1) undone.decided({ kind: 'kick', signatureKey: key(at) });
    const { decisions } = undone.forMembership(here);
    expect([decisions.length, decisions[0], decisions.at(-1)]).toEqual([
      1_024,
      { kind: 'kick', signatureKey: key(6) },
      { kind: 'kick', signatureKey: key(1_029) },
    ]);
  });

  test('shows who is to be removed', () => {
    const undone = new UndoneDecisions();
    undone.decided(kick(3));
    expect(undone.kickedAmong(here.roster)).toEqual([Buffer.from(fingerprint(3)).toString('base64url')]);
  });
});
