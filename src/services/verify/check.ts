/** Reads and checks the files that a command line names. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { receiptVerifier } from '../../io/counter/receipt-crypto.ts';
import { equal } from '../../protocol/bytes/equal.ts';
import { decodeUtf8 } from '../../protocol/bytes/utf8.ts';
import { compareHistories } from '../../protocol/history/compare.ts';
import type { Comparison } from '../../protocol/history/compare.ts';
import { HISTORY_LIMITS } from '../../protocol/history/history-file.ts';
import { verifyHistory } from '../../protocol/history/verify.ts';
import type { HistoryReport, HistoryVerifier } from '../../protocol/history/verify.ts';
import type { VerifyOptions } from './options.ts';

/** The cryptography of this runtime. */
export const historyVerifier: HistoryVerifier = {
  ...receiptVerifier,
  sha512: (bytes) => new Uint8Array(createHash('sha512').update(bytes).digest()),
};

/** What comes of it. */
export type Outcome =
  | { readonly kind: 'holds'; readonly report: HistoryReport }
  | {
      readonly kind: 'compared';
      readonly reports: readonly [HistoryReport, HistoryReport];
      readonly how: Comparison;
    }
  | {
      readonly kind: 'broken';
      readonly file: string;
      readonly line: number;
      readonly epoch: string | undefined;
      readonly reason: string;
    }
  | {
      readonly kind: 'unreadable';
      readonly file: string;
      readonly line: number | undefined;
      readonly reason: string;
    };

/** 0: it holds; 1: it does not; 2: a file cannot be read. */
export function exitCodeOf(outcome: Outcome): number {
  switch (outcome.kind) {
    case 'holds':
      return outcome.report.fork === undefined ? 0 : 1;
    case 'compared':
      return outcome.how.kind === 'one-line' ? 0 : 1;
    case 'broken':
      return 1;
    case 'unreadable':
      return 2;
  }
}

/** Checks one file, or compares two. */
export async function checkFiles({ files, receiptKey }: VerifyOptions): Promise<Outcome> {
  const reports: HistoryReport[] = [];
  for (const file of files) {
    const outcome = await checkFile(file, receiptKey);
    if (outcome.kind !== 'holds') return outcome;
    reports.push(outcome.report);
  }
  const [a, b] = reports;
  if (a !== undefined && b !== undefined)
    return { kind: 'compared', reports: [a, b], how: compareHistories(a, b) };
  if (a === undefined) throw new TypeError('no file to check');
  return { kind: 'holds', report: a };
}

async function checkFile(
  file: string,
  receiptKey: Uint8Array | undefined,
): Promise<Exclude<Outcome, { kind: 'compared' }>> {
  let bytes: Uint8Array;
  try {
    bytes = await readAtMost(file, HISTORY_LIMITS.fileBytes);
  } catch (error) {
    return {
      kind: 'unreadable',
      file,
      line: undefined,
      reason: error instanceof Error ? error.message : String(error),
    };
  }
  if (bytes.length > HISTORY_LIMITS.fileBytes)
    return { kind: 'unreadable', file, line: undefined, reason: 'the file is larger than 64 MiB' };
  const text = decodeUtf8(bytes);
  if (text === undefined)
    return { kind: 'unreadable', file, line: undefined, reason: 'the file is not UTF-8' };
  const verdict = verifyHistory(text, historyVerifier);
  if (verdict.kind === 'unreadable') return { ...verdict, file };
  if (verdict.kind === 'broken') return { ...verdict, file, epoch: String(verdict.epoch) };
  const { header } = verdict.report;
  if (receiptKey !== undefined && !equal(header.receiptKey, receiptKey))
    return {
      kind: 'broken',
      file,
      line: 1,
      epoch: undefined,
      reason: 'it is of another counter’s key than the one asked for',
    };
  return verdict;
}

/** Reads a file, or its beginning where it is longer: one byte more than `most`. */
async function readAtMost(file: string, most: number): Promise<Uint8Array> {
  const handle = await open(file);
  try {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of handle.createReadStream({
      end: most,
      autoClose: false,
    }) as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > most) break;
    }
    return new Uint8Array(Buffer.concat(chunks));
  } finally {
    await handle.close();
  }
}
