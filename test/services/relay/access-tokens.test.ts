import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import type { CryptoKey, JWK } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { SessionCode } from '../../../src/protocol/moqt/codes.ts';
import { namespace } from '../../harness/moqt/names.ts';
import {
  ACCESS_TOKEN_LIMITS,
  ACCESS_TOKEN_TYPE,
  AccessTokens,
} from '../../../src/services/relay/access-tokens.ts';
import { parseCommandLine } from '../../../src/services/relay/options.ts';
import type { AsyncClient } from '../../harness/moqt/async-client.ts';
import { startRelayProcess, until } from '../../harness/relay/relay-process.ts';

const ISSUER = 'https://id.example';
const AUDIENCE = 'relay.example';
const URL_OF_KEYS = 'https://id.example/keys';

interface Signer {
  readonly key: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly jwk: JWK;
  readonly alg: string;
}

async function signer(alg: 'EdDSA' | 'RS256' | 'ES256', kid: string): Promise<Signer> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { key: privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, alg }, alg };
}

let edwards: Signer;
let rsa: Signer;
let elliptic: Signer;
let stranger: Signer;
let folder: string;
let file: string;
beforeAll(async () => {
  [edwards, rsa, elliptic, stranger] = await Promise.all([
    signer('EdDSA', 'ed'),
    signer('RS256', 'rsa'),
    signer('ES256', 'ec'),
    signer('EdDSA', 'ed'),
  ]);
  folder = await mkdtemp(path.join(tmpdir(), 'conclave-access-'));
  file = path.join(folder, 'jwks.json');
  await writeFile(file, keysText());
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const keysText = (...more: readonly JWK[]): string =>
  JSON.stringify({ keys: [edwards.jwk, rsa.jwk, elliptic.jwk, ...more] });

interface Claims {
  readonly iss?: string;
  readonly aud?: string;
  readonly exp?: number | undefined;
  readonly nbf?: number;
}
const now = (): number => Math.floor(Date.now() / 1_000);

async function token(by: Signer, claims: Claims = {}): Promise<Uint8Array> {
  const all = { iss: ISSUER, aud: AUDIENCE, exp: now() + 600, ...claims };
  const jwt = new SignJWT(all).setProtectedHeader({ alg: by.alg, kid: String(by.jwk.kid) });
  return new TextEncoder().encode(await jwt.sign(by.key));
}

const fromFile = (): Promise<AccessTokens> =>
  AccessTokens.of({ jwks: file, issuer: ISSUER, audience: AUDIENCE });
const fromUrl = (): Promise<AccessTokens> =>
  AccessTokens.of({ jwks: URL_OF_KEYS, issuer: ISSUER, audience: AUDIENCE });
const shown = (value: Uint8Array): { type: bigint; value: Uint8Array }[] => [
  { type: ACCESS_TOKEN_TYPE, value },
];
async function verdictOn(tokens: AccessTokens, value: Uint8Array): Promise<unknown> {
  const admission = await tokens.judge(shown(value));
  return admission.kind === 'admitted' ? 'admitted' : admission.code;
}

describe('a token', () => {
  test('of the issuer for this relay lets in, until it expires', async () => {
    vi.useFakeTimers({ now: 1_900_000_000_000, toFake: ['Date'] });
    const tokens = await fromFile();
    for (const by of [edwards, rsa]) {
      expect(await tokens.judge(shown(await token(by)))).toEqual({
        kind: 'admitted',
        expiresIn: 1_000 * (600 + ACCESS_TOKEN_LIMITS.clockTolerance),
      });
    }
    const forever = await token(edwards, { exp: now() + 10 ** 9 });
    expect(await tokens.judge(shown(forever))).toEqual({ kind: 'admitted', expiresIn: 2 ** 31 - 1 });
  });

  test.each<[string, () => Promise<Uint8Array>, number]>([
    ['of another issuer', () => token(edwards, { iss: 'https://else.example' }), SessionCode.UNAUTHORIZED],
    ['for another relay', () => token(edwards, { aud: 'other.example' }), SessionCode.UNAUTHORIZED],
    ['that never expires', () => token(edwards, { exp: undefined }), SessionCode.UNAUTHORIZED],
    ['that is not valid yet', () => token(edwards, { nbf: now() + 300 }), SessionCode.UNAUTHORIZED],
    ['that a stranger signed under a known key id', () => token(stranger), SessionCode.UNAUTHORIZED],
    ['of another algorithm, though its key is in the set', () => token(elliptic), SessionCode.UNAUTHORIZED],
    ['that has expired', () => token(edwards, { exp: now() - 300 }), SessionCode.EXPIRED_AUTH_TOKEN],
    [
      'that is no JWT',
      () => Promise.resolve(new Uint8Array([0x61, 0x2e, 0x62])),
      SessionCode.MALFORMED_AUTH_TOKEN,
    ],
    ['that is no text', () => Promise.resolve(new Uint8Array([0xff])), SessionCode.MALFORMED_AUTH_TOKEN],
    [
      'that is too long',
      () => Promise.resolve(new Uint8Array(ACCESS_TOKEN_LIMITS.token + 1).fill(0x61)),
      SessionCode.MALFORMED_AUTH_TOKEN,
    ],
    ['that is signed with the public key as a secret', forgedWithPublicKey, SessionCode.UNAUTHORIZED],
    ['that is not signed', unsigned, SessionCode.UNAUTHORIZED],
  ])('%s lets nobody in', async (_, make, code) => {
    expect(await verdictOn(await fromFile(), await make())).toBe(code);
  });

  test('is needed, and of the right type', async () => {
    const tokens = await fromFile();
    expect(await tokens.judge([])).toMatchObject({ code: SessionCode.UNAUTHORIZED });
    const other = [{ type: 0xf0c0n, value: await token(edwards) }];
    expect(await tokens.judge(other)).toMatchObject({ code: SessionCode.UNAUTHORIZED });
  });
});

/** HS256 with the RSA key as everybody knows it. */
async function forgedWithPublicKey(): Promise<Uint8Array> {
  const secret = new TextEncoder().encode(await exportSPKI(rsa.publicKey));
  const claims = { iss: ISSUER, aud: AUDIENCE, exp: now() + 600 };
  return new TextEncoder().encode(
    await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'rsa' }).sign(secret),
  );
}

function unsigned(): Promise<Uint8Array> {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { iss: ISSUER, aud: AUDIENCE, exp: now() + 600 };
  return Promise.resolve(new TextEncoder().encode(`${part({ alg: 'none', kid: 'ed' })}.${part(claims)}.`));
}

describe('keys at a URL', () => {
  /** An issuer that answers with a text. */
  function issuer(answer: () => Response | Promise<Response>): { asked: RequestInit[] } {
    const asked: RequestInit[] = [];
    vi.stubGlobal('fetch', (url: string, options: RequestInit) => {
      expect(url).toBe(URL_OF_KEYS);
      asked.push(options);
      return Promise.resolve(answer());
    });
    return { asked };
  }

  test('are fetched once for many tokens, from there and nowhere else', async () => {
    const { asked } = issuer(() => new Response(keysText()));
    const tokens = await fromUrl();
    expect(asked).toEqual([]);
    expect(
      await Promise.all([verdictOn(tokens, await token(edwards)), verdictOn(tokens, await token(rsa))]),
    ).toEqual(['admitted', 'admitted']);
    expect(await verdictOn(tokens, await token(edwards))).toBe('admitted');
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({ redirect: 'error', signal: expect.any(AbortSignal) as AbortSignal });
  });

  test('that nobody knows are asked for again, but not at once', async () => {
    vi.useFakeTimers({ now: Date.now(), toFake: ['Date'] });
    const fresh = await signer('EdDSA', 'fresh');
    let text = keysText();
    const { asked } = issuer(() => new Response(text));
    const tokens = await fromUrl();
    expect(await verdictOn(tokens, await token(edwards))).toBe('admitted');
    text = keysText(fresh.jwk);
    for (let time = 0; time < 5; time += 1)
      expect(await verdictOn(tokens, await token(fresh))).toBe(SessionCode.UNAUTHORIZED);
    expect(asked).toHaveLength(1);
    vi.advanceTimersByTime(ACCESS_TOKEN_LIMITS.askAgain + 1);
    expect(await verdictOn(tokens, await token(fresh))).toBe('admitted');
    expect(asked).toHaveLength(2);
  });

  test('that were withdrawn count no longer than they are kept, and nobody is let in while the issuer is silent', async () => {
    vi.useFakeTimers({ now: Date.now(), toFake: ['Date'] });
    let answers = true;
    issuer(() => (answers ? new Response(keysText()) : Promise.reject(new TypeError('nobody there'))));
    const tokens = await fromUrl();
    expect(await verdictOn(tokens, await token(edwards))).toBe('admitted');
    answers = false;
    vi.advanceTimersByTime(ACCESS_TOKEN_LIMITS.keepKeys - 1);
    expect(await verdictOn(tokens, await token(edwards))).toBe('admitted');
    vi.advanceTimersByTime(2);
    expect(await verdictOn(tokens, await token(edwards))).toBe(SessionCode.UNAUTHORIZED);
    answers = true;
    vi.advanceTimersByTime(ACCESS_TOKEN_LIMITS.askAgain);
    expect(await verdictOn(tokens, await token(edwards))).toBe('admitted');
  });

  test.each<[string, () => Response]>([
    ['more than keys', () => new Response(keysText().padEnd(ACCESS_TOKEN_LIMITS.jwks + 1))],
    ['an error', () => new Response(keysText(), { status: 500 })],
    ['no JSON', () => new Response('<html>')],
    ['no keys', () => new Response('{}')],
    ['nothing', () => new Response(null)],
  ])('let nobody in where the issuer sends %s', async (_, answer) => {
    issuer(answer);
    expect(await verdictOn(await fromUrl(), await token(edwards))).toBe(SessionCode.UNAUTHORIZED);
  });
});

test('a file of keys that is none stops the relay', async () => {
  const none = path.join(folder, 'none.json');
  await writeFile(none, '{"keys": 3}');
  for (const jwks of [none, path.join(folder, 'missing.json')])
    await expect(AccessTokens.of({ jwks, issuer: ISSUER, audience: AUDIENCE })).rejects.toThrow();
});

test('the options go together, and keys come by TLS', () => {
  const read = (...args: string[]): unknown => {
    const line = parseCommandLine(['--dev-ca', 'x', ...args]);
    return line.kind === 'run' ? line.options.accessTokens : line.kind;
  };
  const rest = ['--token-issuer', ISSUER, '--token-audience', AUDIENCE];
  expect(read()).toBeUndefined();
  expect(read('--token-jwks', URL_OF_KEYS, ...rest)).toEqual({
    jwks: URL_OF_KEYS,
    issuer: ISSUER,
    audience: AUDIENCE,
  });
  expect([
    read('--token-jwks', file),
    read(...rest),
    read('--token-jwks', 'http://id.example', ...rest),
  ]).toEqual(['wrong', 'wrong', 'wrong']);
});

/** Why a session that the relay does not want ended, which may be before it stood. */
async function endOf(connecting: Promise<AsyncClient>): Promise<string> {
  try {
    return (await (await connecting).closed).reason;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

test('a real relay lets in whoever shows a token, and closes on everybody else', async () => {
  const relay = await startRelayProcess(
    ...['--open', '--token-jwks', file, '--token-issuer', ISSUER, '--token-audience', AUDIENCE],
  );
  try {
    for (const scheme of ['moqt', 'https'] as const) {
      const member = await relay.connect(scheme, undefined, shown(await token(rsa)));
      expect(await member.publishNamespace(namespace('room', scheme))).toMatchObject({ kind: 'published' });
      expect(await endOf(relay.connect(scheme))).toBe('this relay asks for an access token');
      const late = shown(await token(rsa, { exp: now() - 300 }));
      expect(await endOf(relay.connect(scheme, undefined, late))).toBe('the access token has expired');
      member.close(0, 'done');
    }
    // What a process prints arrives after what it sends.
    const refused = (): number => relay.log.filter((line) => line.includes('session-refused')).length;
    await until('all refusals are logged', () => refused() >= 4);
    expect(refused()).toBe(4);
  } finally {
    await relay.stop();
  }
});
