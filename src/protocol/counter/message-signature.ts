/**
 * HTTP Message Signatures as fenced calls carry them: Ed25519, one label, fixed components, so that nothing is parsed and a
 * signature has one form only.
 * @see RFC 9421, RFC 9530; docs/protocol.md#signed-calls
 */
import { encodeUtf8 } from '../bytes/utf8.ts';
import { decodeBase64, encodeBase64 } from './base64.ts';
import { SIGNATURE_BYTES } from './receipt.ts';
import type { ReceiptVerifier } from './receipt.ts';

/** Whose key signs a call: the room's, for whoever was invited, or an epoch's, for its members. */
export type CallKey = 'room' | 'epoch';

/** What of a call is signed. */
export interface SignedCall {
  readonly method: 'GET' | 'POST';
  /** Path and query below the counter's URL, as they are sent. */
  readonly target: string;
  /** Empty where there is none. */
  readonly body: Uint8Array;
}

/** The header fields of a signed call, in the letters in which Node gives them. */
export interface SignatureFields {
  readonly 'content-digest'?: string | undefined;
  readonly 'signature-input'?: string | undefined;
  readonly signature?: string | undefined;
}

const LABEL = 'conclave';
const SIGNATURE = new RegExp(`^${LABEL}=:([A-Za-z0-9+/]{86}==):$`);

/** Value of Content-Digest. @see RFC 9530 §2 */
export function contentDigest(body: Uint8Array, crypto: Pick<ReceiptVerifier, 'sha256'>): string {
  return `sha-256=:${encodeBase64(crypto.sha256(body))}:`;
}

/**
 * The bytes to sign.
 * @param components - names without quotes, with their values, in order.
 * @param parameters - of the signature: what follows the list of components, from the first semicolon on.
 * @see RFC 9421 §2.5
 */
export function signatureBase(
  components: readonly (readonly [name: string, value: string])[],
  parameters: string,
): Uint8Array {
  const lines = components.map(([name, value]) => `"${name}": ${value}\n`).join('');
  return encodeUtf8(`${lines}"@signature-params": ${inputOf(components, parameters)}`);
}

/** The bytes that are signed for a call. */
export function callSignatureBase(
  key: CallKey,
  call: SignedCall,
  crypto: Pick<ReceiptVerifier, 'sha256'>,
): Uint8Array {
  return signatureBase(componentsOf(call, crypto), parametersOf(key));
}

/** The header fields of a call. @param signature - over {@link callSignatureBase}, 64 bytes. */
export function signatureFields(
  key: CallKey,
  call: SignedCall,
  signature: Uint8Array,
  crypto: Pick<ReceiptVerifier, 'sha256'>,
): Readonly<Record<string, string>> {
  return {
    ...(call.body.length === 0 ? {} : { 'content-digest': contentDigest(call.body, crypto) }),
    'signature-input': `${LABEL}=${inputOf(componentsOf(call, crypto), parametersOf(key))}`,
    signature: `${LABEL}=:${encodeBase64(signature)}:`,
  };
}

/** Whether a call that was received is signed with a key, under its name. */
export function isSignedWith(
  key: CallKey,
  publicKey: Uint8Array,
  call: SignedCall,
  received: SignatureFields,
  crypto: ReceiptVerifier,
): boolean {
  const text = SIGNATURE.exec(received.signature ?? '')?.[1];
  const signature = text === undefined ? undefined : decodeBase64(text);
  if (signature?.length !== SIGNATURE_BYTES) return false;
  const expected = signatureFields(key, call, signature, crypto);
  const isWhole = (['content-digest', 'signature-input'] as const).every(
    (name) => received[name] === expected[name],
  );
  return isWhole && crypto.verifyEd25519(publicKey, callSignatureBase(key, call, crypto), signature);
}

function parametersOf(key: CallKey): string {
  return `;keyid="${key}";alg="ed25519"`;
}

function inputOf(components: readonly (readonly [string, string])[], parameters: string): string {
  return `(${components.map(([name]) => `"${name}"`).join(' ')})${parameters}`;
}

function componentsOf(
  { method, target, body }: SignedCall,
  crypto: Pick<ReceiptVerifier, 'sha256'>,
): (readonly [string, string])[] {
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  return [
    ['@method', method],
    ['@path', path],
    // A lone question mark where there is no query. @see RFC 9421 §2.2.7
    ['@query', mark < 0 ? '?' : target.slice(mark)],
    ...(body.length === 0 ? [] : [['content-digest', contentDigest(body, crypto)] as const]),
  ];
}
