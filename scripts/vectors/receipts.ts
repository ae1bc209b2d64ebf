/**
 * Writes `test/vectors/receipts.json`: receipts of a fixed key, for independent implementers.
 * Run with `npx tsx scripts/vectors/receipts.ts`; the same bytes come out each time.
 */

import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { receiptSigner, receiptVerifier } from '../../src/io/counter/receipt-crypto.ts';
import { privateKeyFrom } from '../../src/io/crypto/raw-keys.ts';
import { encodeHex } from '../../src/protocol/bytes/hex.ts';
import {
  encodeReceipt,
  NO_PREVIOUS_RECEIPT,
  parseReceipt,
  receiptHash,
} from '../../src/protocol/counter/receipt.ts';
import { epoch, unixMillis } from '../../src/protocol/units.ts';

const FILE = 'test/vectors/receipts.json';

/** Bytes that anybody can make again: SHA-256 or SHA-512 of a text. */
const derived = (text: string, hash = 'sha256'): Buffer => createHash(hash).update(text).digest();

const signer = receiptSigner(privateKeyFrom('ed25519', derived('conclave receipt vectors key')));

interface Chain {
  readonly group: Buffer;
  readonly hash: string;
  /** Attempt of each epoch. */
  readonly attempts: readonly number[];
}

const CHAINS: readonly Chain[] = [
  {
    group: derived('conclave receipt vectors group').subarray(0, 16),
    hash: 'sha256',
    attempts: [0, 0, 2, 0, 1, 0],
  },
  // The longest group id and transcript hash, and the largest attempt.
  { group: Buffer.alloc(255, 0xa5), hash: 'sha512', attempts: [0, 4_294_967_295] },
];

function receiptsOf({ group, hash, attempts }: Chain): unknown[] {
  let previousHash = NO_PREVIOUS_RECEIPT;
  return attempts.map((attempt, index) => {
    const commit = Buffer.from(index === 0 ? 'GroupContext of epoch 0' : `Commit of epoch ${String(index)}`);
    const transcript = index === 0 ? Buffer.alloc(0) : derived(`transcript of epoch ${String(index)}`, hash);
    const nextKey = derived(`key of epoch ${String(index)}`);
    const time = 1_767_225_600_000 + index * 61_001;
    const body = {
      group,
      epoch: epoch(BigInt(index)),
      attempt,
      commitHash: receiptVerifier.sha256(commit),
      transcript,
      nextKey,
      time: unixMillis(time),
      previousHash,
    };
    const receipt = parseReceipt(encodeReceipt(body, signer, receiptVerifier));
    const previous = previousHash;
    previousHash = receiptHash(receipt, receiptVerifier);
    return {
      group: encodeHex(group),
      epoch: String(index),
      attempt,
      commit: encodeHex(commit),
      transcript: encodeHex(transcript),
      time_ms: String(time),
      next_key: encodeHex(nextKey),
      previous: encodeHex(previous),
      signed: encodeHex(receipt.signed),
      signature: encodeHex(receipt.signature),
    };
  });
}

const vectors = { public_key: encodeHex(signer.publicKey), receipts: CHAINS.flatMap(receiptsOf) };
writeFileSync(path.resolve(FILE), `${JSON.stringify(vectors, undefined, 2)}\n`);
