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
import { sealDoorName } from '../../src/main/mls/door-name.ts';
import { makeInvitationProof } from '../../src/protocol/group/invitation-proof.ts';
import { encodeLeafJoin, JOIN_ID_BYTES } from '../../src/protocol/group/leaf-join.ts';
import type { JoinId } from '../../src/protocol/group/leaf-join.ts';
import { encodeMeetingParameters } from '../../src/protocol/group/meeting-parameters.ts';
import type { MeetingParameters } from '../../src/protocol/group/meeting-parameters.ts';
import { fingerprintOf, groupNameOf, senderIdOf } from '../../src/protocol/group/names.ts';
import { epoch } from '../../src/protocol/units.ts';
import { invitationPskIdOf, invitationPskOf, roomKeysOf } from '../../src/protocol/group/room-keys.ts';

const KEY_PACKAGES = [
  { generation: 0, asOf: 0n, name: '' },
  { generation: 0, asOf: 5n, name: 'Ana' },
  {
    generation: 1,
    asOf: (1n << 40n) + 1n,
    name: 'Ünsal Çağlar Öztürk, who has a name that is longer than one step of it',
  },
];
const PARAMETERS = [
  { mode: 'plain', kicked: 0, admission: 'open', organisers: 0 },
  { mode: 'fenced', kicked: 0, admission: 'open', organisers: 1 },
  { mode: 'fenced', kicked: 2, admission: 'ask', organisers: 3 },
] as const;
const GENERATIONS = [0, 1, 4_294_967_295];

/** Calls of members, of whom the service asks for a signature. */
const CALLS = [
  {
    keyid: 'room',
    method: 'GET',
    path: '/room/fmpvJeogxVqqjjp_bTl1tPaSo-otR5i-pb7tS7dl0vs',
    query: '',
    body: '',
  },
  {
    keyid: 'epoch',
    method: 'GET',
    path: '/lock/f.59UglyiodDqc_bJDobFH5g',
    query: '?val=3&mode=fenced&nonce=AAAAAAAAAAAAAAAAAAAAAA',
    body: '',
  },
  {
    keyid: 'epoch',
    method: 'POST',
    path: '/increment/f.59UglyiodDqc_bJDobFH5g',
    query: '',
    body: '{"val":3}',
  },
] as const;

function signedCall({ keyid, method, path, query, body }: (typeof CALLS)[number]): unknown {
  const seed = new Uint8Array(
    createHash('sha256').update(`conclave membership vectors ${keyid} key`).digest(),
  );
  const call = { method, target: path + query, body: encodeUtf8(body) };
  const base = callSignatureBase(keyid, call, nodeGroupCrypto);
  const signature = nodeGroupCrypto.ed25519Signer(seed).sign(base);
  return {
    keyid,
    seed: encodeHex(seed),
    method,
    path,
    query,
    body: encodeHex(call.body),
    signature_base: decodeUtf8(base),
    signature_input: signatureFields(keyid, call, signature, nodeGroupCrypto)['signature-input'],
    signature: encodeHex(signature),
  };
}

/** Bytes that anybody can make again. */
function bytes(of: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(`conclave membership vectors ${of}`).digest());
}

/** The meeting's parameters in a GroupContext. */
function parametersOf({ mode, kicked, admission, organisers }: (typeof PARAMETERS)[number]): unknown {
  const keys = (of: string, count: number): Uint8Array[] =>
    Array.from({ length: count }, (_, at) => bytes(`${of} ${String(at)}`));
  const parameters: MeetingParameters = {
    secureObjectsSuite: 4,
    profile: '01',
    mode,
    receiptKey: mode === 'fenced' ? bytes('receipt key') : undefined,
    kickedKeys: keys('kicked key', kicked),
    admission,
    organisers: keys('organiser', organisers).map((key) => fingerprintOf(key, nodeGroupCrypto)),
  };
  return {
    suite: parameters.secureObjectsSuite,
    profile: parameters.profile,
    mode,
    receipt_key: encodeHex(parameters.receiptKey ?? new Uint8Array(0)),
    kicked_keys: parameters.kickedKeys.map(encodeHex),
    admission,
    organiser_keys: keys('organiser', organisers).map(encodeHex),
    extension: encodeHex(encodeMeetingParameters(parameters)),
  };
}

/** The published vectors as the file has them. */
export function membershipVectorsText(): string {
  const secret = bytes('secret');
  const { room, joinProofKey, doorNameKey } = roomKeysOf(secret, nodeGroupCrypto);
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
  const key_packages = KEY_PACKAGES.map(({ generation, asOf, name }, at) => {
    const group = groupNameOf(room, generation, nodeGroupCrypto);
    const [signatureKey, initKey] = [bytes(`signature key ${String(at)}`), bytes(`init key ${String(at)}`)];
    const joinId = bytes(`join id ${String(at)}`).slice(0, JOIN_ID_BYTES) as JoinId;
    const leafExtension = encodeLeafJoin({ asOf: epoch(asOf), joinId });
    const subject = { joinProofKey, group, signatureKey, initKey, leafExtension };
    const sealedName = sealDoorName(name, doorNameKey, bytes(`nonce ${String(at)}`).slice(0, 12));
    return {
      group: encodeHex(group),
      signature_key: encodeHex(signatureKey),
      init_key: encodeHex(initKey),
      as_of: String(asOf),
      join_id: encodeHex(joinId),
      leaf_extension: encodeHex(leafExtension),
      sender_id: decodeUtf8(senderIdOf(fingerprintOf(signatureKey, nodeGroupCrypto), joinId)),
      proof: encodeHex(makeInvitationProof(subject, new Uint8Array(0), nodeGroupCrypto)),
      name,
      sealed_name: encodeHex(sealedName),
      key_package_extension: encodeHex(makeInvitationProof(subject, sealedName, nodeGroupCrypto)),
    };
  });
  const vectors = {
    secret: encodeHex(secret),
    room_public: encodeHex(room),
    groups,
    key_packages,
    psks,
    calls,
    parameters: PARAMETERS.map(parametersOf),
  };
  return `${JSON.stringify(vectors, undefined, 2)}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = fileURLToPath(new URL('../../test/vectors/membership.json', import.meta.url));
  writeFileSync(path, membershipVectorsText());
}
