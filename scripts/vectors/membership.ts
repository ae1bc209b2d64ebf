/**
 * Writes `test/vectors/membership.json`: what follows from an invitation's secret, for independent implementers.
 * Run with `npx tsx scripts/vectors/membership.ts`; the same bytes come out each time.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { nodeGroupCrypto } from '../../src/main/mls/node-group-crypto.ts';
import { encodeHex } from '../../src/protocol/bytes/hex.ts';
import { decodeUtf8, encodeUtf8 } from '../../src/protocol/bytes/utf8.ts';
import { callSignatureBase, signatureFields } from '../../src/protocol/counter/message-signature.ts';
import { groupNameOf } from '../../src/protocol/group/names.ts';
import { invitationPskIdOf, invitationPskOf, roomKeysOf } from '../../src/protocol/group/room-keys.ts';

const GENERATIONS = [0, 1, 4_294_967_295];

/** Calls of members, of whom the service asks for a signature. */
const CALLS = [
  {
    method: 'GET',
    path: '/lock/f.59UglyiodDqc_bJDobFH5g',
    query: '?val=3&mode=fenced&nonce=AAAAAAAAAAAAAAAAAAAAAA',
    body: '',
  },
  { method: 'POST', path: '/increment/f.59UglyiodDqc_bJDobFH5g', query: '', body: '{"val":3}' },
] as const;

function signedCall({ method, path, query, body }: (typeof CALLS)[number]): unknown {
  const seed = new Uint8Array(createHash('sha256').update('conclave membership vectors epoch key').digest());
  const call = { method, target: path + query, body: encodeUtf8(body) };
  const base = callSignatureBase(call, nodeGroupCrypto);
  const signature = nodeGroupCrypto.ed25519Signer(seed).sign(base);
  return {
    keyid: 'epoch',
    seed: encodeHex(seed),
    method,
    path,
    query,
    body: encodeHex(call.body),
    signature_base: decodeUtf8(base),
    signature_input: signatureFields(call, signature, nodeGroupCrypto)['signature-input'],
    signature: encodeHex(signature),
  };
}

/** The published vectors as the file has them. */
export function membershipVectorsText(): string {
  // Bytes that anybody can make again.
  const secret = new Uint8Array(createHash('sha256').update('conclave membership vectors secret').digest());
  const { room } = roomKeysOf(secret, nodeGroupCrypto);
  const groups = GENERATIONS.map((generation) => ({
    // Numbers above 2^31 are texts.
    generation: generation < 2 ** 31 ? generation : String(generation),
    group: encodeHex(groupNameOf(room, generation, nodeGroupCrypto)),
  }));
  const psks = GENERATIONS.map((generation) => {
    const group = groupNameOf(room, generation, nodeGroupCrypto);
    return {
      group: encodeHex(group),
      psk_id: encodeHex(invitationPskIdOf(group)),
      psk: encodeHex(invitationPskOf(secret, group, nodeGroupCrypto)),
    };
  });
  const calls = CALLS.map(signedCall);
  const vectors = { secret: encodeHex(secret), room_public: encodeHex(room), groups, psks, calls };
  return `${JSON.stringify(vectors, undefined, 2)}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = fileURLToPath(new URL('../../test/vectors/membership.json', import.meta.url));
  writeFileSync(path, membershipVectorsText());
}
