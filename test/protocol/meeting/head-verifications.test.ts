/** What is spent on heads that are nobody's, and who is heard all the same. */
import { beforeEach, expect, test } from 'vitest';
import { encodeHex } from '../../../src/protocol/bytes/hex.ts';
import { receiptHash } from '../../../src/protocol/counter/receipt.ts';
import type { Ed25519Signer } from '../../../src/protocol/group/crypto-port.ts';
import { ForkWatch } from '../../../src/protocol/group/fork-watch.ts';
import { signedPartOfHead, signHead, type Head } from '../../../src/protocol/group/heads.ts';
import { fingerprintOf, type Fingerprint } from '../../../src/protocol/group/names.ts';
import { HeadVerifications } from '../../../src/protocol/meeting/head-verifications.ts';
import { millis } from '../../../src/protocol/units.ts';
import { chainOf, receiptFor } from '../../harness/group/receipts.ts';
import { fakeCrypto, serviceKey } from '../../harness/group/simulation.ts';
import { GROUP } from './people.ts';

const chain = chainOf(GROUP, 20);
const signerOf = (name: number): Ed25519Signer => fakeCrypto.ed25519Signer(new Uint8Array(32).fill(name));
const fingerprint = (name: number): Fingerprint => fingerprintOf(signerOf(name).publicKey, fakeCrypto);
const names = (from: number, count: number): number[] => Array.from({ length: count }, (_, at) => from + at);
/** What the counter signed for the same epoch in another line. */
function otherOf(of: number): Uint8Array {
  const previousHash = receiptHash(chain[of - 1]!.receipt, fakeCrypto);
  return receiptFor(GROUP, BigInt(of), { previousHash, commitHash: new Uint8Array(32).fill(7) });
}

let now: number;
let verified: number;
let watch: ForkWatch;
let verifications: HeadVerifications;
beforeEach(() => {
  now = 0;
  verified = 0;
  watch = new ForkWatch(GROUP, serviceKey, {
    ...fakeCrypto,
    verifyEd25519: (...given) => {
      verified += 1;
      return fakeCrypto.verifyEd25519(...given);
    },
  });
  verifications = new HeadVerifications(() => millis(now));
});

/** We enter an epoch with these people. */
function enter(of: number, roster: readonly number[]): void {
  const fingerprints = roster.map(fingerprint);
  verifications.present(fingerprints.map(encodeHex));
  watch.entered(
    chain[of]!.bytes,
    fingerprints.map((each) => ({ fingerprint: each })),
  );
}
/** Whether somebody is heard that follows another line. */
const isHeard = (name: number): boolean =>
  watch.heard(signHead(otherOf(3), signerOf(name)), verifications) !== undefined;

/** What whoever has the link can make of somebody's key, and of what the counter has signed. */
function junk(of: number, at: number): Head {
  const receipt = at % 2 === 0 ? otherOf(1 + (at % 5)) : otherOf(3).with(-1, at % 251);
  const { publicKey: signatureKey } = signerOf(of);
  const { signature } = signHead(receipt, signerOf(255));
  return { signatureKey, receipt, signed: signedPartOfHead(signatureKey, receipt), signature };
}
/** A hundred a second in the name of each. */
function flood(seconds: number, ...of: readonly number[]): void {
  for (const end = now + 1_000 * seconds; now < end; now += 10)
    for (const name of of) expect(watch.heard(junk(name, now), verifications)).toBeUndefined();
}

test('junk in the names of some keeps nobody else from being heard', () => {
  for (const of of names(0, 6)) enter(of, names(1, 4));
  flood(5, 1, 2, 3);
  // Of each one a second, with two signatures at most.
  expect(verified).toBeGreaterThan(3 * 5);
  expect(verified).toBeLessThanOrEqual(2 * 3 * 5);
  expect(isHeard(4)).toBe(true);
});

test('junk keeps nobody in whose name it was from being heard a second after it', () => {
  for (const of of names(0, 6)) enter(of, names(1, 2));
  flood(3, 1);
  now += 1_000;
  expect(isHeard(1)).toBe(true);
});

test('junk in the names of all members of a large meeting costs no more, and new epochs bring no more of it', () => {
  const all = names(1, 96);
  for (const of of names(0, 6)) enter(of, all);
  for (const of of names(6, 6)) {
    flood(0.5, ...all);
    enter(of, all);
  }
  // Each of them once in three seconds.
  expect(verified).toBeGreaterThan(0);
  expect(verified).toBeLessThanOrEqual(2 * 96);
  now += 3_000;
  expect(isHeard(96)).toBe(true);
});

test('junk in the names of those who have left takes nothing from those who are there, and little in all', () => {
  for (const of of names(0, 5)) enter(of, names(1, 20));
  enter(5, names(1, 2));
  flood(3.5, ...names(3, 18));
  expect(verified).toBeLessThanOrEqual(2 * 16 * 4);
  expect([isHeard(20), isHeard(1)]).toEqual([false, true]);
  now += 1_000;
  expect(isHeard(20)).toBe(true);
});
