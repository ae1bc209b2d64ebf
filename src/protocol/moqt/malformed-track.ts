/**
 * A track breaks a rule of MOQT in itself. Unlike a PeerViolation it ends only the subscription or fetch, since the
 * fault may be an original publisher's and not the peer's.
 * @see moqt-18 #malformed-tracks
 */
export class MalformedTrack extends Error {
  override readonly name = 'MalformedTrack';
  /** Specification and anchor of the broken clause. */
  readonly clause: string;

  constructor(clause: string, detail: string) {
    super(`${detail} [${clause}]`);
    this.clause = clause;
  }
}
