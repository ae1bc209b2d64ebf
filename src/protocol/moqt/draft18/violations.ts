import { OutOfRange } from '../../bytes/out-of-range.ts';
import { Truncated } from '../../bytes/truncated.ts';
import { PeerViolation } from '../../errors.ts';
import { SessionCode } from '../codes.ts';

/**
 * The peer broke a clause of draft-18.
 * @param anchor - of the clause in the draft, for example `message-publish`.
 * @param code - session termination code; PROTOCOL_VIOLATION unless the clause names another.
 */
export function violation(
  anchor: string,
  detail: string,
  code: number = SessionCode.PROTOCOL_VIOLATION,
): PeerViolation {
  return new PeerViolation(code, `moqt-18#${anchor}`, detail);
}

/**
 * Reads a structure that is wholly there: bytes that end too early or a length out of range break `anchor`.
 * @throws {PeerViolation} instead of Truncated and OutOfRange.
 */
export function whole<T>(anchor: string, read: () => T, code?: number): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof Truncated) throw violation(anchor, 'it ends before its fields do', code);
    if (error instanceof OutOfRange) throw violation(anchor, error.message, code);
    throw error;
  }
}
