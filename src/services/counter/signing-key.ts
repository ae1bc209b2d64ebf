import { generateKeyPairSync, randomBytes } from 'node:crypto';
import path from 'node:path';
import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import type { ReceiptSigner } from '../../protocol/counter/receipt.ts';
import { receiptSigner } from '../../io/counter/receipt-crypto.ts';

/** The key file is missing or cannot be used; the message says why. */
export class SigningKeyError extends Error {
  override readonly name = 'SigningKeyError';
}

/**
 * Reads the key that signs receipts, making it on first start (mode 0600, on the disk before this returns).
 * Members trust this one key for as long as their meetings live, so it is never replaced.
 * @param file - PKCS #8 PEM of an Ed25519 private key.
 * @param isFirstStart - whether the file may be made.
 * @throws {SigningKeyError} the file holds something else, or is gone.
 */
export function ensureSigningKey(file: string, isFirstStart: boolean): ReceiptSigner {
  const stored = readIfPresent(file);
  if (stored === undefined && !isFirstStart) {
    throw new SigningKeyError(
      `the receipt key ${file} is gone; give it back, or start with an empty data directory ` +
        '(meetings then go on in a new generation)',
    );
  }
  const pem = stored ?? createOnce(file);
  chmodSync(file, 0o600);
  try {
    return receiptSigner(pem);
  } catch (cause) {
    throw new SigningKeyError(`${file} is not an Ed25519 private key in PEM (PKCS #8)`, { cause });
  }
}

function readIfPresent(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** link(2) makes the file appear whole, and makes the first of two starts the winner. */
function createOnce(file: string): string {
  const { privateKey } = generateKeyPairSync('ed25519');
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  const descriptor = openSync(temporary, 'wx', 0o600);
  try {
    writeSync(descriptor, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
    fsyncSync(descriptor);
    linkSync(temporary, file);
    syncDirectory(path.dirname(file));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    closeSync(descriptor);
    unlinkSync(temporary);
  }
  return readFileSync(file, 'utf8');
}

/** Puts the new name on the disk too; Windows has no such call and needs none. */
function syncDirectory(directory: string): void {
  if (process.platform === 'win32') return;
  const descriptor = openSync(directory, 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
}
