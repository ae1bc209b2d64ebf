import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** The token file cannot be used; the message says why and in which line. */
export class TokenFileError extends Error {
  override readonly name = 'TokenFileError';
}

/** A fixed set of bearer tokens, kept as hashes. */
export class BearerTokens {
  readonly #hashes: readonly Buffer[];

  constructor(tokens: readonly string[]) {
    this.#hashes = tokens.map(hashOf);
  }

  /**
   * Reads a file with one token a line; empty lines and lines that begin with # are skipped.
   * @throws {TokenFileError} a line is not a token, or there is no token.
   */
  static fromFile(file: string): BearerTokens {
    const tokens: string[] = [];
    readFileSync(file, 'utf8')
      .split(/\r?\n/)
      .forEach((line, index) => {
        const token = line.trim();
        if (token === '' || token.startsWith('#')) return;
        // RFC 6750 §2.1; shorter ones could be guessed.
        if (!/^[A-Za-z0-9._~+/-]{16,512}=*$/.test(token)) {
          throw new TokenFileError(
            `${file}, line ${String(index + 1)}: a token has 16 to 512 characters of A-Z a-z 0-9 - . _ ~ + /`,
          );
        }
        tokens.push(token);
      });
    if (tokens.length === 0) throw new TokenFileError(`${file} holds no token`);
    return new BearerTokens(tokens);
  }

  /** Whether an Authorization header carries one of the tokens; a near miss takes as long as any wrong token. */
  accepts(header: string | undefined): boolean {
    const token = /^Bearer +([\x21-\x7e]{1,1024})$/i.exec(header ?? '')?.[1];
    if (token === undefined) return false;
    const given = hashOf(token);
    let isKnown = false;
    for (const hash of this.#hashes) isKnown = timingSafeEqual(hash, given) || isKnown;
    return isKnown;
  }
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
