/** Receipts of a counter whose signatures cost little. */
import {
  encodeReceipt,
  parseReceipt,
  receiptHash,
  type ReceiptBody,
} from '../../../src/protocol/counter/receipt.ts';
import type { KnownReceipt } from '../../../src/protocol/group/coordination/context.ts';
import { epoch, unixMillis } from '../../../src/protocol/units.ts';
import { fakeCrypto, fakeSignature, serviceKey } from './simulation.ts';

/** A receipt for an epoch. @param body - what is not as usual. @param key - whose it is, if not the counter's. */
export function receiptFor(
  group: Uint8Array,
  of: bigint,
  body: Partial<Omit<ReceiptBody, 'keyId'>> = {},
  key = serviceKey,
): Uint8Array {
  return encodeReceipt(
    {
      group,
      epoch: epoch(of),
      attempt: 0,
      commitHash: new Uint8Array(32),
      transcript: new Uint8Array(32).fill(Number(of % 256n)),
      nextKey: new Uint8Array(32).fill(Number(of % 255n) + 1),
      time: unixMillis(1_000_000),
      previousHash: new Uint8Array(32),
      ...body,
    },
    { publicKey: key, sign: (message) => fakeSignature(key, message) },
    fakeCrypto,
  );
}

/** Receipts of the epochs from 0 on, each following the one before. */
export function chainOf(group: Uint8Array, length: number): KnownReceipt[] {
  const chain: KnownReceipt[] = [];
  for (let of = 0n; of < BigInt(length); of += 1n) {
    const previous = chain.at(-1);
    const bytes = receiptFor(
      group,
      of,
      previous === undefined ? {} : { previousHash: receiptHash(previous.receipt, fakeCrypto) },
    );
    chain.push({ receipt: parseReceipt(bytes), bytes });
  }
  return chain;
}
