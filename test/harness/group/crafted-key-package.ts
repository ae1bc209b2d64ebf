import { encodeMlsMessage } from 'ts-mls';
import type { KeyPackage } from 'ts-mls';
import { signKeyPackage } from 'ts-mls/keyPackage.js';
import { signLeafNodeKeyPackage } from 'ts-mls/leafNode.js';
import { suiteImplementation } from '../../../src/main/mls/client-config.ts';
import { decodeKeyPackage } from '../../../src/main/mls/mls-messages.ts';
import type { MlsMembership } from '../../../src/main/mls/mls-port.ts';
import { TsMlsAdapter } from '../../../src/main/mls/ts-mls-adapter.ts';
import { wallClock } from './membership.ts';

/** What a peer that knows the invitation changes in its KeyPackage before it signs it. */
export interface Craft {
  readonly leaf?: Partial<KeyPackage['leafNode']>;
  readonly keyPackage?: Partial<Omit<KeyPackage, 'leafNode' | 'signature'>>;
}

/** A KeyPackage of `membership` with a valid proof of the invitation and valid signatures, changed by `craft`. */
export async function craftKeyPackage(membership: MlsMembership, craft: Craft): Promise<Uint8Array> {
  const honest = await new TsMlsAdapter().keyPackage(membership, wallClock());
  const decoded = decodeKeyPackage(honest.keyPackage);
  if (decoded === undefined) throw new Error('the adapter makes KeyPackages');
  const { signature } = await suiteImplementation(membership.suite);
  const leaf = { ...decoded.leafNode, ...craft.leaf } as KeyPackage['leafNode'];
  const leafNode = await signLeafNodeKeyPackage(leaf, membership.identity.seed, signature);
  const crafted = { ...decoded, ...craft.keyPackage, leafNode };
  const keyPackage = await signKeyPackage(crafted, membership.identity.seed, signature);
  return encodeMlsMessage({ version: 'mls10', wireformat: 'mls_key_package', keyPackage });
}
