/**
 * The three kinds of failure in Conclave's protocols.
 *
 * A peer's fault is a {@link PeerViolation}; an expected outcome is a value (a tagged union), never an
 * exception; a fault of our own is an {@link InvariantError} and stops loudly.
 */

/** A peer broke a clause of a specification; only the owner of the connection catches it. */
export class PeerViolation extends Error {
  override readonly name = 'PeerViolation';
  /** Code to close the session with, in the code space of the protocol that was broken. */
  readonly code: number;
  /** Specification and anchor of the broken clause, for example `moqt-18#message-publish`. */
  readonly clause: string;

  /**
   * @param code - session termination code of the broken protocol.
   * @param clause - specification and anchor, for example `moqt-18#message-publish`.
   * @param detail - what was wrong, in words; never carries the peer's payload bytes.
   */
  constructor(code: number, clause: string, detail: string) {
    super(`${detail} [${clause}]`);
    this.code = code;
    this.clause = clause;
  }
}

/** Our own code broke a promise it made to itself; the process is to stop, not to go on. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/**
 * Stops when our own promise does not hold.
 * @throws {InvariantError} when `condition` is false.
 */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** Marks a place that exhaustive handling of a union makes unreachable. */
export function unreachable(value: never): never {
  throw new InvariantError(`unhandled case ${JSON.stringify(value)}`);
}
