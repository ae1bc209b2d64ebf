/**
 * Writes `test/vectors/membership.json`: what follows from an invitation's secret, for independent implementers.
 * Run with `npx tsx scripts/vectors/membership.ts`; the same bytes come out each time.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { nodeGroupCrypto } from '../../src/main/mls/node-group-crypto.ts';
import { encodeHex } from '../../src/protocol/bytes/hex.ts';
import { groupNameOf } from '../../src/protocol/group/names.ts';
import { invitationPskIdOf, invitationPskOf, roomKeysOf } from '../../src/protocol/group/room-keys.ts';

const GENERATIONS = [0, 1, 4_294_967_295];

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
  const vectors = { secret: encodeHex(secret), room_public: encodeHex(room), groups, psks };
  return `${JSON.stringify(vectors, undefined, 2)}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = fileURLToPath(new URL('../../test/vectors/membership.json', import.meta.url));
  writeFileSync(path, membershipVectorsText());
}
