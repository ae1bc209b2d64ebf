/**
 * A company's own word on who may connect to its relay at all: JSON Web Tokens of its issuer, shown in SETUP. What whoever
 * is connected may do is for passes to say.
 * @see RFC 7519, RFC 7517
 */
import { readFile } from 'node:fs/promises';
import { createLocalJWKSet, createRemoteJWKSet, customFetch, errors, jwtVerify } from 'jose';
import type { JSONWebKeySet, JWTVerifyGetKey } from 'jose';
import { decodeUtf8 } from '../../protocol/bytes/utf8.ts';
import { SessionCode } from '../../protocol/moqt/codes.ts';
import type { AuthorizationToken } from '../../protocol/moqt/session-api.ts';
import type { Admission } from '../../protocol/relay/relay-node.ts';
import { millis } from '../../protocol/units.ts';

/** The type of the MOQT authorization token that is such a JWT. */
export const ACCESS_TOKEN_TYPE = 0xf0c1n;

/** Whose tokens count. */
export interface AccessTokenOptions {
  /** Where the issuer's public keys are: an `https://` URL, or a file. */
  readonly jwks: string;
  /** What `iss` has to be. */
  readonly issuer: string;
  /** What `aud` has to name: this relay. */
  readonly audience: string;
}

/** Bounds of what comes from outside. */
export const ACCESS_TOKEN_LIMITS = {
  /** Bytes of a token. */
  token: 8_192,
  /** Bytes of the issuer's keys. */
  jwks: 65_536,
  /** How long they may take to come, ms. */
  fetch: 5_000,
  /** How long they are used without being asked for again, ms: a key that was withdrawn counts no longer than this. */
  keepKeys: 10 * 60_000,
  /** How often a key that is not known has them asked for, ms at least. */
  askAgain: 30_000,
  /** How far the clocks of issuer and relay may be apart, s. */
  clockTolerance: 30,
} as const;

/** A session lasts no longer than timers can count. */
const LONGEST_SESSION = 2 ** 31 - 1;
const ALGORITHMS = ['EdDSA', 'RS256'];
const NO_TOKEN: Admission = {
  kind: 'refused',
  code: SessionCode.UNAUTHORIZED,
  reason: 'this relay asks for an access token',
};
const MALFORMED: Admission = {
  kind: 'refused',
  code: SessionCode.MALFORMED_AUTH_TOKEN,
  reason: 'the access token is no JWT',
};
const EXPIRED: Admission = {
  kind: 'refused',
  code: SessionCode.EXPIRED_AUTH_TOKEN,
  reason: 'the access token has expired',
};
const NOT_ACCEPTED: Admission = {
  kind: 'refused',
  code: SessionCode.UNAUTHORIZED,
  reason: 'the access token is not accepted',
};

/** Judges tokens by the issuer's keys. Whatever goes wrong, nobody is let in. */
export class AccessTokens {
  readonly #keys: JWTVerifyGetKey;
  readonly #options: AccessTokenOptions;

  private constructor(options: AccessTokenOptions, keys: JWTVerifyGetKey) {
    this.#options = options;
    this.#keys = keys;
  }

  /** @throws when a file of keys cannot be read or holds none; keys at a URL are fetched when they are needed. */
  static async of(options: AccessTokenOptions): Promise<AccessTokens> {
    const { jwks } = options;
    if (!jwks.startsWith('https://')) {
      const set = JSON.parse(await readFile(jwks, 'utf8')) as JSONWebKeySet;
      return new AccessTokens(options, createLocalJWKSet(set));
    }
    const keys = createRemoteJWKSet(new URL(jwks), {
      timeoutDuration: ACCESS_TOKEN_LIMITS.fetch,
      cacheMaxAge: ACCESS_TOKEN_LIMITS.keepKeys,
      cooldownDuration: ACCESS_TOKEN_LIMITS.askAgain,
      [customFetch]: boundedFetch,
    });
    return new AccessTokens(options, keys);
  }

  /** Whether a session that shows these tokens may stay, and how long. */
  async judge(tokens: readonly AuthorizationToken[]): Promise<Admission> {
    const token = tokens.find(({ type }) => type === ACCESS_TOKEN_TYPE);
    if (token === undefined) return NO_TOKEN;
    const text = token.value.length <= ACCESS_TOKEN_LIMITS.token ? decodeUtf8(token.value) : undefined;
    if (text === undefined) return MALFORMED;
    const { issuer, audience } = this.#options;
    const { clockTolerance } = ACCESS_TOKEN_LIMITS;
    try {
      const { payload } = await jwtVerify(text, this.#keys, {
        issuer,
        audience,
        algorithms: ALGORITHMS,
        requiredClaims: ['exp'],
        clockTolerance,
      });
      const left = ((payload.exp ?? 0) + clockTolerance) * 1_000 - Date.now();
      return { kind: 'admitted', expiresIn: millis(Math.max(0, Math.min(left, LONGEST_SESSION))) };
    } catch (error) {
      if (error instanceof errors.JWTExpired) return EXPIRED;
      if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) return MALFORMED;
      return NOT_ACCEPTED;
    }
  }
}

/** Fetches no more than keys can be, and from nowhere else than asked. */
async function boundedFetch(url: string, options: RequestInit): Promise<Response> {
  const response = await fetch(url, { ...options, redirect: 'error' });
  const parts: Uint8Array[] = [];
  let length = 0;
  // Its chunks are bytes: https://fetch.spec.whatwg.org/#body-mixin
  const body = (response.body ?? []) as AsyncIterable<Uint8Array> | [];
  for await (const part of body) {
    length += part.length;
    if (length > ACCESS_TOKEN_LIMITS.jwks) throw new RangeError('the issuer sends more than keys');
    parts.push(part);
  }
  return new Response(Buffer.concat(parts), { status: response.status, headers: response.headers });
}
