/** A joiner as a member keeps it in mind, until a Commit lets it in. */
import type { Millis } from '../../units.ts';
import type { AcceptableKeyPackage } from '../mls.ts';
import type { Fingerprint } from '../names.ts';

/** Somebody who waits to be added. */
export interface WaitingJoin extends AcceptableKeyPackage {
  readonly fingerprint: Fingerprint;
  readonly keyPackage: Uint8Array;
  /** When it was heard of first. */
  readonly since: Millis;
}
