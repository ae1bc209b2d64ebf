/**
 * The bytes ended before the value did.
 *
 * Not yet a fault: a stream parser waits for more bytes, a parser of a complete message turns it into a
 * {@link PeerViolation} of the clause it was reading. The reader that threw stands where it stood before.
 */
export class Truncated extends Error {
  override readonly name = 'Truncated';
  /** How many bytes are missing at least; 1 or more. */
  readonly missing: number;

  /** @param missing - bytes that are missing at least. */
  constructor(missing: number) {
    super(`${String(missing)} or more bytes are missing`);
    this.missing = missing;
  }
}
