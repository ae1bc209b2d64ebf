import { decodeKeyValuePairs } from '../../bytes/key-value-pairs.ts';
import type { KeyValuePair } from '../../bytes/key-value-pairs.ts';
import { OutOfRange } from '../../bytes/out-of-range.ts';
import { Truncated } from '../../bytes/truncated.ts';
import { SessionCode } from '../codes.ts';
import { violation } from './violations.ts';

/**
 * Reads setup options or properties.
 * @param block - borrowed: values of odd types are views of it.
 * @returns the pairs in their order.
 * @throws {PeerViolation} when the block is not a sequence of pairs.
 * @see moqt-18 #key-value-pair-structure
 */
export function readPairs(block: Uint8Array): KeyValuePair[] {
  try {
    return decodeKeyValuePairs(block);
  } catch (error) {
    if (error instanceof Truncated) {
      const code = SessionCode.KEY_VALUE_FORMATTING_ERROR;
      throw violation('key-value-pair-structure', 'the block ends inside a pair', code);
    }
    if (error instanceof OutOfRange) throw violation('key-value-pair-structure', error.message);
    throw error;
  }
}
