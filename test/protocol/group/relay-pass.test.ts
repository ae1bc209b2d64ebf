import { createPublicKey, verify } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nodeGroupCrypto as crypto } from '../../../src/main/mls/node-group-crypto.ts';
import { groupNameOf } from '../../../src/protocol/group/names.ts';
import { judgeRelayPass, makeRelayPass, relayAuthorityOf } from '../../../src/protocol/group/relay-pass.ts';
import type { RoomKey } from '../../../src/protocol/group/room-keys.ts';

const signer = crypto.ed25519Signer(new Uint8Array(32).fill(7));
const room = signer.publicKey as RoomKey;
const RELAY = 'relay.example:4443';
const generations = fc.nat({ max: 0xffff_ffff });

describe('a relay pass', () => {
  test('has the bytes of docs/protocol.md', () => {
    const pass = Buffer.from(makeRelayPass(signer, 0x0102_0304, RELAY, crypto));
    const group = groupNameOf(room, 0x0102_0304, crypto);
    expect(pass.subarray(0, 32)).toEqual(Buffer.from(room));
    expect(pass.subarray(32, 36).toString('hex')).toBe('01020304');
    expect(pass).toHaveLength(100);
    const signed = Buffer.concat([Buffer.from('conclave relay pass v1\x12relay.example:4443'), group]);
    const key = createPublicKey({
      key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), room]),
      format: 'der',
      type: 'spki',
    });
    expect(verify(null, signed, key, pass.subarray(36))).toBe(true);
  });

  test('is for one group at one relay, whichever name of the relay it has', () => {
    fc.assert(
      fc.property(generations, (generation) => {
        const pass = makeRelayPass(signer, generation, RELAY, crypto);
        const group = groupNameOf(room, generation, crypto);
        expect(judgeRelayPass(pass, ['another.example:4443', RELAY], crypto)).toEqual({
          kind: 'valid',
          group,
        });
        expect(judgeRelayPass(pass, ['relay.example:443'], crypto)).toEqual({ kind: 'invalid' });
        expect(judgeRelayPass(pass, [], crypto)).toEqual({ kind: 'invalid' });
      }),
      { numRuns: 20 },
    );
  });

  test('is worth nothing with any bit changed, and anything else is none', () => {
    const pass = makeRelayPass(signer, 3, RELAY, crypto);
    fc.assert(
      fc.property(fc.nat({ max: pass.length * 8 - 1 }), (bit) => {
        const changed = pass.slice();
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(judgeRelayPass(changed, [RELAY], crypto)).toEqual({ kind: 'invalid' });
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const { kind } = judgeRelayPass(bytes, [RELAY], crypto);
        expect(kind).toBe(bytes.length === 100 ? 'invalid' : 'malformed');
      }),
    );
  });
});

describe('the authority of a relay', () => {
  test.each([
    ['https://Relay.Example/meet', 'relay.example:443'],
    ['moqt://relay.example:4443', 'relay.example:4443'],
    ['moqt://[::1]:4443/a?b', '[::1]:4443'],
    ['https://relay.example:04443/', 'relay.example:4443'],
    ['https://127.0.0.1', '127.0.0.1:443'],
  ])('of %s is %s', (url, authority) => {
    expect(relayAuthorityOf(url)).toBe(authority);
  });

  test.each(['relay.example', 'https://', 'https://:443/', `https://${'a'.repeat(252)}`])(
    '%s has none',
    (url) => {
      expect(relayAuthorityOf(url)).toBeUndefined();
    },
  );
});
