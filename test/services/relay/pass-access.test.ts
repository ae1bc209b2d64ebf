import { describe, expect, test } from 'vitest';
import { nodeGroupCrypto as crypto } from '../../../src/main/mls/node-group-crypto.ts';
import { groupNameOf, groupNamespace } from '../../../src/protocol/group/names.ts';
import { makeRelayPass, RELAY_PASS_TYPE } from '../../../src/protocol/group/relay-pass.ts';
import type { RoomKey } from '../../../src/protocol/group/room-keys.ts';
import { RequestErrorCode } from '../../../src/protocol/moqt/codes.ts';
import type { TrackNamespace } from '../../../src/protocol/moqt/model.ts';
import type { AuthorizationToken } from '../../../src/protocol/moqt/session-api.ts';
import { passAccess, PASS_LIMITS } from '../../../src/services/relay/pass-access.ts';

const RELAY = 'relay.example:4443';
const signer = crypto.ed25519Signer(new Uint8Array(32).fill(7));
const namespaceOf = (generation: number): TrackNamespace =>
  groupNamespace(groupNameOf(signer.publicKey as RoomKey, generation, crypto));
const pass = (generation: number, authority = RELAY): AuthorizationToken => ({
  type: RELAY_PASS_TYPE,
  value: makeRelayPass(signer, generation, authority, crypto),
});

/** An access whose verifications are counted. */
function counted(ofSession: readonly AuthorizationToken[] = []): {
  ask: (namespace: TrackNamespace, ...tokens: readonly AuthorizationToken[]) => number | undefined;
  verified: () => number;
} {
  let verifications = 0;
  const access = passAccess(() => [RELAY], {
    sha256: (bytes) => crypto.sha256(bytes),
    verifyEd25519: (...call) => {
      verifications += 1;
      return crypto.verifyEd25519(...call);
    },
  }).accessOf(ofSession);
  return {
    ask: (namespace, ...tokens) => access.refusal(namespace, tokens)?.code,
    verified: () => verifications,
  };
}

describe('a session at a relay that asks for passes', () => {
  test('may do everything in the group of its pass, and nothing in another', () => {
    const { ask } = counted();
    expect(ask(namespaceOf(0), pass(0))).toBeUndefined();
    expect(ask([...namespaceOf(0), new Uint8Array(3)], pass(0))).toBeUndefined();
    expect(ask(namespaceOf(1), pass(0))).toBe(RequestErrorCode.UNAUTHORIZED);
    expect(ask([], pass(0))).toBe(RequestErrorCode.UNAUTHORIZED);
    expect(ask([new Uint8Array(0)], pass(0))).toBe(RequestErrorCode.UNAUTHORIZED);
    // A pass counts for the request that shows it.
    expect(ask(namespaceOf(0))).toBe(RequestErrorCode.UNAUTHORIZED);
  });

  test('may show several, and tokens that this relay does not know', () => {
    const { ask } = counted();
    const foreign = { type: 1n, value: new Uint8Array(7) };
    expect(ask(namespaceOf(1), foreign, pass(0), pass(1))).toBeUndefined();
    expect(ask(namespaceOf(1), foreign)).toBe(RequestErrorCode.UNAUTHORIZED);
  });

  test('may show them once and for all in its SETUP', () => {
    const { ask } = counted([pass(0), pass(1)]);
    expect([ask(namespaceOf(0)), ask(namespaceOf(1)), ask(namespaceOf(2))]).toEqual([
      undefined,
      undefined,
      RequestErrorCode.UNAUTHORIZED,
    ]);
  });

  test('has each pass verified once', () => {
    const { ask, verified } = counted();
    for (let request = 0; request < 10; request += 1) {
      ask(namespaceOf(0), pass(0));
      ask(namespaceOf(1), pass(1));
    }
    expect(verified()).toBe(2);
  });

  test('has no more looked at after many that were worth nothing, but goes on with those that it has', () => {
    const { ask, verified } = counted();
    expect(ask(namespaceOf(0), pass(0))).toBeUndefined();
    for (let generation = 1; generation <= 40; generation += 1) {
      expect(ask(namespaceOf(generation), pass(generation, 'elsewhere.example:443'))).toBe(
        RequestErrorCode.UNAUTHORIZED,
      );
    }
    expect(verified()).toBe(1 + PASS_LIMITS.failures);
    expect(ask(namespaceOf(0), pass(0))).toBeUndefined();
    expect(ask(namespaceOf(0), { type: RELAY_PASS_TYPE, value: new Uint8Array(99) })).toBe(
      RequestErrorCode.MALFORMED_AUTH_TOKEN,
    );
  });

  test('may use any number of groups, of which the last are remembered', () => {
    const { ask, verified } = counted();
    for (let generation = 0; generation < 20; generation += 1)
      expect(ask(namespaceOf(generation), pass(generation))).toBeUndefined();
    expect(verified()).toBe(20);
    ask(namespaceOf(19), pass(19));
    expect(verified()).toBe(20);
    ask(namespaceOf(20 - PASS_LIMITS.remembered), pass(20 - PASS_LIMITS.remembered));
    expect(verified()).toBe(20);
    ask(namespaceOf(0), pass(0));
    expect(verified()).toBe(21);
  });
});
