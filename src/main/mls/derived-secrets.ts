/** Secrets on the way to a state that is not kept. @see RFC 9420 §9.2 */
import type { CiphersuiteImpl, ClientState } from 'ts-mls';
import { eraseSecrets } from './group-secrets.ts';

/**
 * What a suite derives and opens while something is tried. Where ts-mls throws half-way, nobody else has hold of it: ratchets of
 * the sender, path secrets, the key schedule of an epoch that does not begin.
 */
export class DerivedSecrets {
  /** The suite to try it with. */
  readonly suite: CiphersuiteImpl;
  readonly #made: Uint8Array[] = [];

  constructor(suite: CiphersuiteImpl) {
    const { kdf, hpke } = suite;
    const keep = (secret: Uint8Array): Uint8Array => {
      this.#made.push(secret);
      return secret;
    };
    this.suite = {
      ...suite,
      kdf: {
        size: kdf.size,
        extract: (...parameters) => kdf.extract(...parameters).then(keep),
        expand: (...parameters) => kdf.expand(...parameters).then(keep),
      },
      hpke: {
        ...hpke,
        open: (...parameters) => hpke.open(...parameters).then(keep),
        exportPrivateKey: (key) => hpke.exportPrivateKey(key).then(keep),
      },
    };
  }

  /** Overwrites all of it: it came to nothing. @param kept - the state that goes on, whose secrets are left alone. */
  erase(kept?: ClientState): void {
    eraseSecrets(this.#made, kept);
    this.#made.length = 0;
  }
}
