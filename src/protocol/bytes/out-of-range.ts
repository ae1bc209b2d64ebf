/**
 * A well-formed integer or length is larger than the place it stands in allows.
 *
 * Unlike {@link Truncated} more bytes cannot mend it: whoever knows the clause makes it a
 * {@link PeerViolation}. The reader that threw stands where it stood before.
 */
export class OutOfRange extends Error {
  override readonly name = 'OutOfRange';

  /** @param limit - the largest value that was allowed. */
  constructor(limit: number) {
    super(`integer is larger than ${String(limit)}`);
  }
}
