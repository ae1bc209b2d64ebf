/** The name that a joiner shows at the door: sealed for those who have the invitation. @see docs/protocol.md#mls */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { displayNameBytes, readDisplayName } from '../../protocol/group/control.ts';
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

/**
 * Opens a name that somebody shows at the door.
 * @param sealed - nonce, ciphertext and tag.
 * @param key - the room's door name key, 16 bytes: secret.
 * @returns undefined when it is none that the key sealed, or is empty.
 */
export function openDoorName(sealed: Uint8Array, key: Uint8Array): string | undefined {
  const { nonce, tag, most } = SEALED_NAME_BYTES;
  if (sealed.length < nonce + tag || sealed.length > most) return undefined;
  const decipher = createDecipheriv('aes-128-gcm', key, sealed.subarray(0, nonce));
  decipher.setAuthTag(sealed.subarray(-tag));
  try {
    const padded = Buffer.concat([decipher.update(sealed.subarray(nonce, -tag)), decipher.final()]);
    const end = padded.indexOf(0);
    const name = readDisplayName(end < 0 ? padded : padded.subarray(0, end));
    return name === '' ? undefined : name;
  } catch {
    // Whoever made it does not have the invitation's key, and then no name either.
    return undefined;
  }
}
