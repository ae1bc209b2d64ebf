import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
} from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { membershipVectorsText } from '../../../scripts/vectors/membership.ts';
import { receiptVerifier } from '../../../src/io/counter/receipt-crypto.ts';
import { rawPublicKey } from '../../../src/io/crypto/raw-keys.ts';
import {
  callSignatureBase,
  contentDigest,
  isSignedWith,
  signatureBase,
  signatureFields,
} from '../../../src/protocol/counter/message-signature.ts';
import type { SignedCall } from '../../../src/protocol/counter/message-signature.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const bytes = (of: string): Uint8Array => new Uint8Array(Buffer.from(of));

describe('the RFCs’ own vectors', () => {
  // RFC 9421 B.1.4, and the message of B.2.
  const key = createPrivateKey(
    '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n-----END PRIVATE KEY-----\n',
  );

  test('RFC 9421 B.2.6: the base, and with it the signature', () => {
    const base = signatureBase(
      [
        ['date', 'Tue, 20 Apr 2021 02:07:55 GMT'],
        ['@method', 'POST'],
        ['@path', '/foo'],
        ['@authority', 'example.com'],
        ['content-type', 'application/json'],
        ['content-length', '18'],
      ],
      ';created=1618884473;keyid="test-key-ed25519"',
    );
    expect(sign(null, base, key).toString('base64')).toBe(
      'wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==',
    );
  });

  test('RFC 9530: the digest of a body', () => {
    expect(contentDigest(bytes('{"hello": "world"}'), receiptVerifier)).toBe(
      'sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:',
    );
  });
});

interface CallVector {
  readonly keyid: 'room' | 'epoch';
  readonly seed: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly query: string;
  readonly body: string;
  readonly signature_base: string;
  readonly signature_input: string;
  readonly signature: string;
}

describe('published vectors of signed calls', () => {
  const file = readFileSync('test/vectors/membership.json', 'utf8');
  const { calls } = JSON.parse(file) as { readonly calls: readonly CallVector[] };

  test('are what the generator writes: with and without body and query', () => {
    expect(membershipVectorsText()).toBe(file);
    expect(calls.map(({ keyid, body, query }) => [keyid, body !== '', query !== ''])).toEqual([
      ['room', false, false],
      ['epoch', false, true],
      ['epoch', true, false],
    ]);
  });

  // From docs/protocol.md and the RFC alone, with nothing of the product.
  test.each(calls.map((call, index) => [index, call] as const))('call %i', (_, call) => {
    const digest = createHash('sha256').update(Buffer.from(call.body, 'hex')).digest('base64');
    const input = `("@method" "@path" "@query"${call.body === '' ? '' : ' "content-digest"'});keyid="${call.keyid}";alg="ed25519"`;
    const base = [
      `"@method": ${call.method}`,
      `"@path": ${call.path}`,
      `"@query": ${call.query === '' ? '?' : call.query}`,
      ...(call.body === '' ? [] : [`"content-digest": sha-256=:${digest}:`]),
      `"@signature-params": ${input}`,
    ].join('\n');
    expect([call.signature_base, call.signature_input]).toEqual([base, `conclave=${input}`]);
    const der = Buffer.concat([
      Buffer.from('302e020100300506032b657004220420', 'hex'),
      Buffer.from(call.seed, 'hex'),
    ]);
    const publicKey = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
    expect(verify(null, Buffer.from(base), publicKey, Buffer.from(call.signature, 'hex'))).toBe(true);

    const body = new Uint8Array(Buffer.from(call.body, 'hex'));
    const made: SignedCall = { method: call.method, target: call.path + call.query, body };
    expect(text(callSignatureBase(call.keyid, made, receiptVerifier))).toBe(base);
  });
});

describe('a call that a service received', () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const publicKey = rawPublicKey(privateKey);
  const call: SignedCall = { method: 'POST', target: '/increment/f.AAAA?x=1', body: bytes('{"val":3}') };
  const signature = new Uint8Array(sign(null, callSignatureBase('epoch', call, receiptVerifier), privateKey));
  const fields = signatureFields('epoch', call, signature, receiptVerifier);
  const accepts = (
    changed: Partial<SignedCall>,
    headers: Record<string, string | undefined> = {},
    key = publicKey,
  ) => isSignedWith('epoch', key, { ...call, ...changed }, { ...fields, ...headers }, receiptVerifier);

  test('is signed with the key, and with no other', () => {
    expect(accepts({})).toBe(true);
    expect(accepts({}, {}, rawPublicKey(generateKeyPairSync('ed25519').privateKey))).toBe(false);
  });

  test('is signed under the name of the key alone that the signer gave', () => {
    expect(isSignedWith('room', publicKey, call, fields, receiptVerifier)).toBe(false);
  });

  test('is not, once anything in it was changed', () => {
    expect(accepts({ method: 'GET' })).toBe(false);
    expect(accepts({ target: '/increment/f.AAAB?x=1' })).toBe(false);
    expect(accepts({ target: '/increment/f.AAAA?x=2' })).toBe(false);
    expect(accepts({ target: '/increment/f.AAAA' })).toBe(false);
    expect(accepts({ body: bytes('{"val":4}') })).toBe(false);
    expect(accepts({ body: new Uint8Array(0) })).toBe(false);
  });

  test.each([
    ['without a signature', { signature: undefined }],
    ['without what it covers', { 'signature-input': undefined }],
    ['without the digest of its body', { 'content-digest': undefined }],
    ['with the digest of another body', { 'content-digest': contentDigest(bytes('other'), receiptVerifier) }],
    ['that covers less', { 'signature-input': 'conclave=("@method" "@path");keyid="epoch";alg="ed25519"' }],
    ['under another label', { signature: fields.signature?.replace('conclave', 'another') }],
    ['with two signatures', { signature: `${String(fields.signature)}, ${String(fields.signature)}` }],
    ['with a signature that is too short', { signature: 'conclave=:AAAA:' }],
    ['with a signature of zeros', { signature: `conclave=:${'A'.repeat(86)}==:` }],
  ])('%s is not', (_, headers) => {
    expect(accepts({}, headers)).toBe(false);
  });

  test('a GET without a query is signed over a lone question mark, and carries no digest', () => {
    const bare: SignedCall = { method: 'GET', target: '/lock/f.AAAA', body: new Uint8Array(0) };
    expect(text(callSignatureBase('epoch', bare, receiptVerifier))).toContain('\n"@query": ?\n');
    const made = new Uint8Array(sign(null, callSignatureBase('epoch', bare, receiptVerifier), privateKey));
    const sent = signatureFields('epoch', bare, made, receiptVerifier);
    expect(Object.keys(sent)).toEqual(['signature-input', 'signature']);
    expect(isSignedWith('epoch', publicKey, bare, sent, receiptVerifier)).toBe(true);
  });
});
