import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { receiptVerifier } from '../../../src/io/counter/receipt-crypto.ts';
import { ed25519Signer } from '../../../src/io/crypto/raw-keys.ts';
import { callSignatureBase, signatureFields } from '../../../src/protocol/counter/message-signature.ts';
import type { CallKey } from '../../../src/protocol/counter/message-signature.ts';
import { groupOfRoom } from '../../../src/protocol/counter/room.ts';
import { counterIdOf } from '../../../src/protocol/counter/rules.ts';
import { PROBLEMS } from '../../../src/protocol/counter/problems.ts';
import openapi from '../../../src/services/counter/openapi.json' with { type: 'json' };
import { ROUTES } from '../../../src/services/counter/routes.ts';
import { ask } from './raw-request.ts';
import { startRunningCounter } from './running-counter.ts';
import type { RunningCounter } from './running-counter.ts';

type Json = Readonly<Record<string, unknown>>;

/** Follows references inside the document. */
function resolve(node: Json): Json {
  const reference = node.$ref;
  if (typeof reference !== 'string') return node;
  const found = reference
    .slice('#/'.length)
    .split('/')
    .reduce<unknown>((at, key) => (at as Json | undefined)?.[key], openapi);
  if (found === undefined) throw new Error(`${reference} leads nowhere`);
  return resolve(found as Json);
}

/** Checks a value by the parts of JSON Schema that the document uses; gives what is wrong. */
function faultsOf(schema: Json, value: unknown, at = '$'): string[] {
  const rule = resolve(schema);
  const faults: string[] = [];
  const parts = (name: string): Json[] => (rule[name] as Json[] | undefined) ?? [];
  for (const part of parts('allOf')) faults.push(...faultsOf(part, value, at));
  if (
    parts('oneOf').length > 0 &&
    parts('oneOf').filter((part) => faultsOf(part, value).length === 0).length !== 1
  ) {
    faults.push(`${at}: not one of`);
  }
  if ('const' in rule && value !== rule.const) faults.push(`${at}: const`);
  if (rule.type !== undefined && rule.type !== typeOf(value)) faults.push(`${at}: ${typeOf(value)}`);
  if (typeof rule.pattern === 'string' && !new RegExp(rule.pattern).test(String(value)))
    faults.push(`${at}: pattern`);
  if (Array.isArray(value)) {
    value.forEach((item, index) =>
      faults.push(...faultsOf((rule.items ?? {}) as Json, item, `${at}[${String(index)}]`)),
    );
  } else if (typeof value === 'object' && value !== null) {
    const properties = (rule.properties ?? {}) as Record<string, Json>;
    for (const name of (rule.required as string[] | undefined) ?? []) {
      if (!(name in value)) faults.push(`${at}.${name}: missing`);
    }
    for (const [name, member] of Object.entries(value)) {
      const property = properties[name];
      if (property !== undefined) faults.push(...faultsOf(property, member, `${at}.${name}`));
      else if (rule.additionalProperties === false) faults.push(`${at}.${name}: not described`);
    }
  }
  return faults;
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
}

const epochSigner = ed25519Signer(new Uint8Array(32).fill(5));
/** The key of an epoch. */
const NEXT_KEY = Buffer.from(epochSigner.publicKey).toString('base64');
describe('the OpenAPI document', () => {
  let counter: RunningCounter;
  beforeAll(async () => {
    counter = await startRunningCounter();
  });
  afterAll(async () => {
    await counter.close();
  });

  test('describes exactly the routes that there are', () => {
    const described = Object.entries(openapi.paths).flatMap(([path, operations]) =>
      Object.entries(operations as Record<string, { operationId: string }>).map(
        ([method, { operationId }]) => `${method.toUpperCase()} ${path} ${operationId}`,
      ),
    );
    const served = ROUTES.map(({ method, path, name }) => `${method} ${path} ${name}`);
    expect(described.sort()).toEqual(served.sort());
  });

  test('is served as it is checked in, and no reference is broken', async () => {
    const answer = await ask(counter, 'GET', '/openapi.json');
    expect(answer.json).toEqual(openapi);
    const references = [...answer.text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference]) => reference);
    expect(references.length).toBeGreaterThan(20);
    for (const $ref of references) resolve({ $ref });
  });

  test('names every problem that a route can answer, and no other', () => {
    const named = new Set(
      [...JSON.stringify(openapi).matchAll(/urn:conclave:counter:([a-z-]+)/g)].map((match) => match[1]),
    );
    // Before there is a path, no document of paths can speak of an answer.
    const beforeRouting = ['not-found', 'method-not-allowed', 'timeout'];
    expect([...named, ...beforeRouting].sort()).toEqual(Object.keys(PROBLEMS).sort());
  });

  test('describes what is answered', async () => {
    const { room, roomSigner } = counter;
    const id = counterIdOf(groupOfRoom(room, 0, receiptVerifier), 'fenced');
    const plain = randomBytes(16).toString('base64url');
    const nonce = randomBytes(16).toString('base64url');
    const seen = new Set<string>();
    const check = async (
      method: 'GET' | 'POST',
      target: string,
      body?: unknown,
      key: CallKey = 'room',
    ): Promise<Json> => {
      const sent = body === undefined ? undefined : JSON.stringify(body);
      const call = { method, target, body: new Uint8Array(Buffer.from(sent ?? '')) };
      const signer = key === 'room' ? roomSigner : epochSigner;
      const signature = signer.sign(callSignatureBase(key, call, receiptVerifier));
      const headers = signatureFields(key, call, signature, receiptVerifier);
      const answer = await ask(counter, method, target, {
        headers,
        ...(sent === undefined ? {} : { body: sent }),
      });
      const path = (target.split('?')[0] ?? '').replace(
        /^(\/(?:lock|increment|history|room|alive|close)\/).*/,
        '$1{id}',
      );
      const operation = resolve(
        (openapi.paths as Record<string, Json>)[path]?.[method.toLowerCase()] as Json,
      );
      const response = (operation.responses as Record<string, Json>)[String(answer.status)];
      if (response === undefined)
        throw new Error(`${method} ${target}: ${String(answer.status)} is not described`);
      const content = resolve(response).content as Record<string, { schema: Json }>;
      const contentType = answer.headers['content-type']?.split(';')[0] ?? '';
      const schema = content[contentType]?.schema;
      if (schema === undefined) throw new Error(`${method} ${target}: ${contentType} is not described`);
      expect(faultsOf(schema, answer.json ?? answer.text)).toEqual([]);
      seen.add(`${String(operation.operationId)} ${String(answer.status)}`);
      return answer.json ?? {};
    };

    const home = `room=${Buffer.from(room).toString('base64url')}&generation=0`;
    const { token } = await check('GET', `/lock/${id}?val=0&mode=fenced&nonce=${nonce}&${home}`);
    await check('GET', `/lock/${id}?val=0&mode=fenced&${home}`);
    await check('GET', `/lock/${id}?val=7&mode=fenced`);
    await check('GET', `/lock/${id}?val=0`);
    await check('GET', `/lock/${id}`);
    const increment = { val: 0, token, commit: 'AAAA', transcript: '', next_key: NEXT_KEY };
    await check('POST', `/increment/${id}`, { ...increment, token: 'A'.repeat(22) });
    await check('POST', `/increment/${id}`, { ...increment, val: 4, transcript: 'AAAA' });
    await check('POST', `/increment/${id}`, { ...increment, val: '4' });
    await check('POST', `/increment/${id}`, {});
    const { receipt } = await check('POST', `/increment/${id}`, increment);
    await check('GET', `/lock/${plain}?val=0`);
    await check('POST', `/increment/${plain}`, {});
    await check('POST', `/increment/${plain}`, {});
    await check('GET', `/lock/${id}?val=1&mode=fenced`);
    await check('POST', `/increment/${id}`, { ...increment, val: 1, transcript: 'AAAA' });
    await check('GET', `/history/${id}?from=0`);
    await check('GET', `/history/${id}?from=-`);
    await check('POST', `/history/${id}?${home}`, { entries: [{ receipt }] });
    await check('POST', `/history/${id}?${home}`, { entries: [{ receipt, commit: 'AAAB' }] });
    await check('POST', `/history/${id}?${home}`, {});
    await check('GET', `/room/${Buffer.from(room).toString('base64url')}`);
    await check('GET', `/room/${Buffer.from(room).toString('base64url')}`, undefined, 'epoch');
    await check('GET', '/room/short');
    const next = counterIdOf(groupOfRoom(room, 1, receiptVerifier), 'fenced');
    await check('GET', `/lock/${next}?val=0&mode=fenced&${home.replace(/0$/, '1')}`);
    for (const call of ['alive', 'close']) {
      await check('POST', `/${call}/${id}?val=0`, undefined, 'epoch');
      await check('POST', `/${call}/${id}?val=0`);
      await check('POST', `/${call}/${id}?val=1`);
      await check('POST', `/${call}/${id}`);
    }
    await check('GET', `/history/${id}?from=0`, undefined, 'epoch');
    await check('POST', `/history/${id}?${home}`, { entries: [] }, 'epoch');
    await check('GET', '/receipt-key');
    await check('GET', '/metrics');
    await check('GET', '/healthz');
    await check('GET', '/openapi.json');
    counter.backUp();
    await counter.restore(true);
    await check('GET', `/lock/${id}?val=1&mode=fenced`, undefined, 'epoch');
    await check('POST', `/increment/${id}`, { ...increment, val: 1, transcript: 'AAAA' }, 'epoch');
    await check('POST', `/close/${id}?val=0`, undefined, 'epoch');
    expect(seen.size).toBe(37);
  });

  test('the check of the description would notice', () => {
    const grant = { $ref: '#/components/schemas/Grant' };
    expect(faultsOf(grant, { attempt: 0, expires_in: 5 })).toEqual([]);
    expect(faultsOf(grant, { attempt: 0.5, expires_in: 5 })).toEqual(['$.attempt: number']);
    expect(faultsOf(grant, { attempt: 0, expires_in: 5, more: 1 })).toEqual(['$.more: not described']);
    expect(faultsOf(grant, { attempt: 0 })).toEqual(['$.expires_in: missing']);
  });
});
