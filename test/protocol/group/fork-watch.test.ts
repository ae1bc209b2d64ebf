import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nodeCrypto } from '../../../src/io/crypto/node-crypto.ts';
import { parseReceipt, receiptHash } from '../../../src/protocol/counter/receipt.ts';
import type { Ed25519Signer } from '../../../src/protocol/group/crypto-port.ts';
import { ForkWatch, WATCH_LIMITS } from '../../../src/protocol/group/fork-watch.ts';
import { openHead, sealHead, signHead } from '../../../src/protocol/group/heads.ts';
import type { Head } from '../../../src/protocol/group/heads.ts';
import { fingerprintOf, senderIdOf } from '../../../src/protocol/group/names.ts';
import type { JoinId } from '../../../src/protocol/group/leaf-join.ts';
import type { Member } from '../../../src/protocol/group/roster.ts';
import { unixMillis } from '../../../src/protocol/units.ts';
import { chainOf, receiptFor } from '../../harness/group/receipts.ts';
import { fakeCrypto, serviceKey } from '../../harness/group/simulation.ts';

const GROUP = new Uint8Array(16).fill(5);
const KEY = new Uint8Array(16).fill(6);
const CIPHER = nodeCrypto.aead(4);
const NONCE = new Uint8Array(12).fill(1);

const signerOf = (name: number): Ed25519Signer => fakeCrypto.ed25519Signer(new Uint8Array(32).fill(name));
const memberOf = (name: number): Pick<Member, 'fingerprint'> => ({
  fingerprint: fingerprintOf(signerOf(name).publicKey, fakeCrypto),
});
function headOf(receipt: Uint8Array, name: number): Head {
  const sealed = sealHead(
    signHead(receipt, signerOf(name)),
    { key: KEY, group: GROUP, nonce: NONCE },
    CIPHER,
  );
  const head = openHead(sealed, { key: KEY, group: GROUP }, CIPHER);
  if (head === undefined) throw new Error('a head opens');
  return head;
}
const chain = chainOf(GROUP, 12).map(({ bytes }) => bytes);
/** The same up to epoch 3, and another line from then on. */
const other = chain.slice(0, 4);
for (let of = 4n; of < 12n; of += 1n) {
  const previous = parseReceipt(other.at(-1) ?? new Uint8Array(0));
  const previousHash = receiptHash(previous, fakeCrypto);
  other.push(receiptFor(GROUP, of, { previousHash, commitHash: new Uint8Array(32).fill(7) }));
}
const receipt = (line: readonly Uint8Array[], of: number): Uint8Array => line[of] ?? new Uint8Array(0);

/** Somebody who entered these epochs, with members 1 to 3 in the tree. */
function watching(from: number, to: number, roster = [1, 2, 3]): ForkWatch {
  const watch = new ForkWatch(GROUP, serviceKey, fakeCrypto);
  for (let of = from; of <= to; of += 1)
    expect(watch.entered(receipt(chain, of), roster.map(memberOf))).toBeUndefined();
  return watch;
}

describe('a head', () => {
  const said = signHead(receipt(chain, 3), signerOf(1));
  const sealed = sealHead(said, { key: KEY, group: GROUP, nonce: NONCE }, CIPHER);

  test('says the receipt and whose it is to whoever has the invitation, and to nobody else', () => {
    const head = openHead(sealed, { key: KEY, group: GROUP }, CIPHER);
    expect(head?.receipt).toEqual(receipt(chain, 3));
    expect(head?.signatureKey).toEqual(signerOf(1).publicKey);
    expect(openHead(sealed, { key: new Uint8Array(16), group: GROUP }, CIPHER)).toBeUndefined();
    expect(openHead(sealed, { key: KEY, group: new Uint8Array(16) }, CIPHER)).toBeUndefined();
  });

  test('of any bytes is one or none', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1_100 }), (bytes) => {
        const inside = CIPHER.seal(KEY, NONCE, GROUP, bytes);
        expect(openHead(bytes, { key: KEY, group: GROUP }, CIPHER)).toBeUndefined();
        expect(
          openHead(new Uint8Array([...NONCE, ...inside]), { key: KEY, group: GROUP }, CIPHER),
        ).toBeUndefined();
      }),
    );
  });
});

describe('the alarm rings', () => {
  test.each([
    ['at the epoch where the lines part', 4],
    ['at one long after', 9],
  ])('%s', (_, of) => {
    const fork = watching(0, 10).heard(headOf(receipt(other, of), 2));
    expect(fork?.epoch).toBe(BigInt(of));
    expect(fork?.ours).toEqual(receipt(chain, of));
    expect(fork?.theirs).toEqual(receipt(other, of));
    expect(fork?.member).toEqual(signerOf(2).publicKey);
  });

  test('for who is one ahead, over another past', () => {
    expect(watching(0, 4).heard(headOf(receipt(other, 5), 2))?.epoch).toBe(5n);
  });

  test('for who came in behind the split, of the epoch before', () => {
    expect(watching(5, 5).heard(headOf(receipt(other, 4), 2))?.epoch).toBe(4n);
  });

  test('later, for a head of an epoch that one has not reached', () => {
    const watch = watching(0, 4);
    expect(watch.heard(headOf(receipt(other, 7), 2))).toBeUndefined();
    expect(watch.entered(receipt(chain, 5), [1].map(memberOf))).toBeUndefined();
    expect(watch.entered(receipt(chain, 6), [1].map(memberOf))?.epoch).toBe(7n);
  });

  test('though whoever says it goes on being ahead of us', () => {
    const watch = watching(0, 4);
    for (const of of [7, 8, 9, 11]) expect(watch.heard(headOf(receipt(other, of), 2))).toBeUndefined();
    expect(watch.entered(receipt(chain, 5), [])).toBeUndefined();
    expect(watch.entered(receipt(chain, 6), [])?.theirs).toEqual(receipt(other, 7));
  });

  test('for who was shown one line, and has come back into another', () => {
    const watch = watching(0, 6);
    watch.entered(receipt(other, 6), [1, 2].map(memberOf));
    expect(watch.heard(headOf(receipt(other, 6), 2))?.ours).toEqual(receipt(chain, 6));
    const later = watching(0, 6);
    expect(later.heard(headOf(receipt(other, 7), 1))?.theirs).toEqual(receipt(other, 7));
  });

  test('also when whoever says it was removed since, as the two sides remove each other', () => {
    const watch = watching(0, 4);
    watch.entered(receipt(chain, 5), [1].map(memberOf));
    expect(watch.heard(headOf(receipt(other, 5), 3))?.epoch).toBe(5n);
  });
});

describe('the alarm does not ring', () => {
  test('for somebody with the link alone, though what it shows be true', () => {
    expect(watching(0, 6).heard(headOf(receipt(other, 5), 9))).toBeUndefined();
  });

  test('for whoever lies, a member or one who was: nobody makes up what the counter signed', () => {
    const watch = watching(0, 6);
    watch.entered(receipt(chain, 7), [1, 2].map(memberOf));
    const strange = new Uint8Array(32).fill(3);
    for (const of of [5n, 7n, 8n, 9n]) {
      const commitHash = new Uint8Array(32).fill(9);
      expect(watch.heard(headOf(receiptFor(GROUP, of, { commitHash }, strange), 3))).toBeUndefined();
      const forged = receiptFor(GROUP, of, { commitHash }).with(-1, 0xee);
      expect(watch.heard(headOf(forged, 3))).toBeUndefined();
    }
    expect(watch.entered(receipt(chain, 8), [1].map(memberOf))).toBeUndefined();
    expect(watch.entered(receipt(chain, 9), [1].map(memberOf))).toBeUndefined();
  });

  test('for what a member has not signed', () => {
    const head = headOf(receipt(other, 5), 2);
    expect(watching(0, 6).heard({ ...head, signature: new Uint8Array(64) })).toBeUndefined();
  });

  test('for what was signed before our time, of a group of this name that the service has forgotten', () => {
    const watch = new ForkWatch(GROUP, serviceKey, fakeCrypto);
    const time = unixMillis(2_000_000);
    watch.entered(receiptFor(GROUP, 0n, { time }), [1, 2].map(memberOf));
    for (const of of [0, 1]) expect(watch.heard(headOf(receipt(chain, of), 2))).toBeUndefined();
    // What was signed since is heard.
    expect(watch.heard(headOf(receiptFor(GROUP, 1n, { time }), 2))?.epoch).toBe(1n);
  });

  test('before there is anything of our own', () => {
    const watch = new ForkWatch(GROUP, serviceKey, fakeCrypto);
    expect(watch.heard(headOf(receipt(other, 5), 1))).toBeUndefined();
  });

  test('for another generation of the room', () => {
    expect(watching(0, 6).heard(headOf(receiptFor(new Uint8Array(16), 5n), 2))).toBeUndefined();
  });

  test('in 1,000 honest runs, whoever came when, and in whatever order heads come', () => {
    let heads = 0;
    fc.assert(
      fc.property(
        fc.array(fc.record({ step: fc.boolean(), who: fc.integer({ min: 1, max: 3 }), of: fc.nat(11) }), {
          maxLength: 60,
        }),
        fc.nat(11),
        (steps, from) => {
          const watch = watching(from, from);
          let reached = from;
          for (const { step, who, of } of steps) {
            if (step && reached < 11) {
              reached += 1;
              expect(watch.entered(receipt(chain, reached), [who].map(memberOf))).toBeUndefined();
            } else {
              heads += 1;
              expect(watch.heard(headOf(receipt(chain, of), who))).toBeUndefined();
            }
          }
        },
      ),
      { numRuns: 1_000 },
    );
    expect(heads).toBeGreaterThan(1_000);
  });
});

test('heads of epochs to come are kept up to a bound, one for each member', () => {
  const many = Array.from({ length: WATCH_LIMITS.early + 10 }, (_, at) => at + 1);
  const watch = watching(0, 1, many);
  for (const who of many) watch.heard(headOf(receipt(chain, 9), who));
  // Nobody else is listened to any more, and of who was heard what we come to first is kept.
  watch.heard(headOf(receipt(other, 7), WATCH_LIMITS.early + 5));
  watch.heard(headOf(receipt(other, 10), 1));
  watch.heard(headOf(receipt(other, 8), 1));
  const found = [2, 3, 4, 5, 6, 7, 8, 9].map((of) => watch.entered(receipt(chain, of), [memberOf(1)])?.epoch);
  expect(found).toEqual([...Array.from({ length: 5 }, () => undefined), 8n, undefined, undefined]);
});

test('only tracks of who was in our tree are listened to', () => {
  const joinId = new Uint8Array(8) as JoinId;
  const senderOf = (name: number) => senderIdOf(memberOf(name).fingerprint, joinId);
  const watch = watching(0, 1);
  expect(watch.knows(senderOf(2))).toBe(true);
  watch.entered(receipt(chain, 2), [memberOf(1)]);
  expect(watch.knows(senderOf(2))).toBe(true);
  expect(watch.knows(senderOf(9))).toBe(false);
});

test('what a head says that changes nothing costs no verification, however often it is said', () => {
  let verified = 0;
  const watch = new ForkWatch(GROUP, serviceKey, {
    ...fakeCrypto,
    verifyEd25519: (...given) => {
      verified += 1;
      return fakeCrypto.verifyEd25519(...given);
    },
  });
  for (let of = 3; of <= 6; of += 1) watch.entered(receipt(chain, of), [1, 2].map(memberOf));
  // Ours, of before our time, of after a gap, of another group.
  for (const of of [2, 3, 4, 5, 6, 7]) expect(watch.heard(headOf(receipt(chain, of), 2))).toBeUndefined();
  watch.heard(headOf(receipt(other, 1), 2));
  watch.heard(headOf(receiptFor(new Uint8Array(16), 5n), 2));
  watch.heard({ ...headOf(receipt(chain, 4), 2), receipt: new Uint8Array(40) });
  expect(verified).toBe(0);
  // The counter's signature and the member's, once.
  for (let again = 0; again < 100; again += 1)
    for (const of of [9, 10]) watch.heard(headOf(receipt(other, of), 2));
  expect(verified).toBe(2);
});
