/** The name that a joiner shows at the door: sealed for those who have the invitation. @see docs/protocol.md#mls */
import { createCipheriv } from 'node:crypto';
import { displayNameBytes } from '../../protocol/group/control.ts';
import { SEALED_NAME_BYTES } from '../../protocol/group/invitation-proof.ts';

/**
 * Seals a display name with AES-128-GCM.
 * @param key - the room's door name key, 16 bytes: secret.
 * @param nonce - 12 fresh random bytes.
 * @returns nonce, ciphertext and tag; zeros behind the name leave four sizes, so that they tell little of it.
 */
export function sealDoorName(name: string, key: Uint8Array, nonce: Uint8Array): Uint8Array {
  const bytes = displayNameBytes(name);
  const { step } = SEALED_NAME_BYTES;
  const padded = new Uint8Array(Math.max(1, Math.ceil(bytes.length / step)) * step);
  padded.set(bytes);
  const cipher = createCipheriv('aes-128-gcm', key, nonce);
  const sealed = [cipher.update(padded), cipher.final(), cipher.getAuthTag()];
  return new Uint8Array(Buffer.concat([nonce, ...sealed]));
}
