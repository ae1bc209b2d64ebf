import { SessionCode } from './codes.ts';
import type { Draft } from './draft.ts';
import type { TokenOperation } from './messages.ts';
import type { AuthorizationToken } from './session-api.ts';

/** What a registered token takes of the cache beside its value. @see moqt-18 #max-auth-token-cache-size */
const TOKEN_COST = 16;

/** The tokens that the peer has registered in this session, by alias. @see moqt-18 #authorization-token */
export class TokenCache {
  readonly #draft: Draft;
  readonly #limit: number;
  readonly #tokens = new Map<bigint, AuthorizationToken>();
  #size = 0;

  /** @param limit - MAX_AUTH_TOKEN_CACHE_SIZE that we announce. */
  constructor(draft: Draft, limit: number) {
    this.#draft = draft;
    this.#limit = limit;
  }

  /**
   * Carries out what a message says about aliases.
   * @returns the tokens that it shows by them.
   * @throws {PeerViolation} for an alias that is taken or unknown, and for more than we announced.
   */
  apply(operations: readonly TokenOperation[]): AuthorizationToken[] {
    return operations.flatMap((operation) => {
      const { kind, alias } = operation;
      if (kind === 'register') {
        if (this.#tokens.has(alias))
          throw this.#violation('the alias is registered', SessionCode.DUPLICATE_AUTH_TOKEN_ALIAS);
        if (!this.#register(alias, operation.token))
          throw this.#draft.violation(
            'max-auth-token-cache-size',
            'more tokens are registered than we announced',
            SessionCode.AUTH_TOKEN_CACHE_OVERFLOW,
          );
        return [operation.token];
      }
      const token = this.#tokens.get(alias);
      if (token === undefined)
        throw this.#violation('no token is registered', SessionCode.UNKNOWN_AUTH_TOKEN_ALIAS);
      if (kind === 'use') return [token];
      this.#tokens.delete(alias);
      this.#size -= sizeOf(token);
      return [];
    });
  }

  /** What SETUP registers: a token that has no room counts as shown by value. @see moqt-18 #setup-auth-token */
  applySetup(operations: readonly (TokenOperation & { readonly kind: 'register' })[]): AuthorizationToken[] {
    return operations.map(({ alias, token }) => {
      if (this.#tokens.has(alias))
        throw this.#violation('the alias is registered', SessionCode.DUPLICATE_AUTH_TOKEN_ALIAS);
      this.#register(alias, token);
      return token;
    });
  }

  /** @returns whether there was room. */
  #register(alias: bigint, token: AuthorizationToken): boolean {
    const size = sizeOf(token);
    if (this.#size + size > this.#limit) return false;
    this.#tokens.set(alias, token);
    this.#size += size;
    return true;
  }

  #violation(detail: string, code: number): Error {
    return this.#draft.violation('authorization-token', detail, code);
  }
}

function sizeOf({ value }: AuthorizationToken): number {
  return TOKEN_COST + value.length;
}
