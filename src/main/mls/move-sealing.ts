/** Seals the invitation of a new room to members of a group, and opens what that made. @see docs/protocol.md#moving */
import type { CiphersuiteImpl, ClientState } from 'ts-mls';
import { decryptWithLabel, encryptWithLabel } from 'ts-mls/crypto/hpke.js';
import { signWithLabel, verifyWithLabel } from 'ts-mls/crypto/signature.js';
import { leafToNodeIndex, toLeafIndex } from 'ts-mls/treemath.js';
import { equal } from '../../protocol/bytes/equal.ts';
import type { MovePlan, OpenMoveOutcome, SealMoveOutcome } from '../../protocol/group/mls.ts';
import {
  commitmentOf,
  decodeMove,
  encodeMove,
  encodeMoveContent,
  encodeMoveHeader,
  MOVE_KEY_LABEL,
  MOVE_SIGNATURE_LABEL,
  partContextOf,
  type MoveContent,
  type MovePart,
} from '../../protocol/group/move.ts';
import { leafIndex, type LeafIndex } from '../../protocol/group/roster.ts';
import { epoch } from '../../protocol/units.ts';
import { nameOf, refused } from './mls-messages.ts';
import type { MlsMembership } from './mls-port.ts';
import { nodeGroupCrypto } from './node-group-crypto.ts';

interface MoveGroup {
  readonly state: ClientState;
  readonly suite: CiphersuiteImpl;
  readonly membership: MlsMembership;
}

const FORGOTTEN = 'a group that is not held any more';

/** Of the invitation's key: it seals one thing, once. */
const nonceOf = (suite: CiphersuiteImpl): Uint8Array => new Uint8Array(suite.hpke.nonceLength);

/** Makes a move in the epoch that a group is in. */
export async function sealMove(
  group: MoveGroup | undefined,
  { invitation, number, since, recipients, leftBehind }: MovePlan,
): Promise<SealMoveOutcome> {
  if (group === undefined) return refused(FORGOTTEN);
  const { state, suite, membership } = group;
  const mover = leafIndex(state.privatePath.leafIndex);
  const at = epoch(state.groupContext.epoch);
  const commitment = commitmentOf(invitation, nodeGroupCrypto);
  const base = { group: membership.groupId, epoch: at, since, mover, number, commitment };
  const header = encodeMoveHeader(base);
  const key = suite.rng.randomBytes(suite.hpke.keyLength);
  try {
    const sealedInvitation = await suite.hpke.encryptAead(key, nonceOf(suite), header, invitation);
    const others = inLeafOrder(recipients).filter((leaf) => leaf !== mover);
    const behind = inLeafOrder(leftBehind).filter((leaf) => leafOf(state, leaf) !== undefined);
    const parts: MovePart[] = [];
    for (const leaf of others) {
      const part = await sealPart({ state, suite }, leaf, key, partContextOf(header, leaf));
      if (part !== undefined) parts.push(part);
    }
    const signed = encodeMoveContent({ ...base, sealedInvitation, parts, leftBehind: behind });
    const { seed } = membership.identity;
    const signature = await signWithLabel(seed, MOVE_SIGNATURE_LABEL, signed, suite.signature);
    return { kind: 'sealed', move: encodeMove(signed, signature) };
  } finally {
    key.fill(0);
  }
}

const inLeafOrder = (leaves: readonly LeafIndex[]): readonly LeafIndex[] =>
  [...new Set(leaves)].sort((a, b) => a - b);

/** @returns undefined for a leaf that is not there, or whose key nothing can be sealed to: it keeps nobody else from coming. */
async function sealPart(
  { state, suite }: Pick<MoveGroup, 'state' | 'suite'>,
  leaf: LeafIndex,
  key: Uint8Array,
  context: Uint8Array,
): Promise<MovePart | undefined> {
  const node = leafOf(state, leaf);
  if (node === undefined) return undefined;
  try {
    const { enc, ct } = await encryptWithLabel(
      await suite.hpke.importPublicKey(node.hpkePublicKey),
      MOVE_KEY_LABEL,
      context,
      key,
      suite.hpke,
    );
    return { leaf, encapsulated: enc, sealedKey: ct };
  } catch {
    return undefined;
  }
}

/** Looks at a move: whom it is of is verified before anything in it is opened. */
export async function openMove(group: MoveGroup | undefined, bytes: Uint8Array): Promise<OpenMoveOutcome> {
  if (group === undefined) return refused(FORGOTTEN);
  const { state, suite, membership } = group;
  const reading = decodeMove(bytes);
  if (reading.kind === 'malformed') return refused(`a malformed move: ${reading.fault}`);
  const { content, signed, signature } = reading;
  if (!equal(content.group, membership.groupId)) return refused('a move of another group');
  if (content.epoch !== state.groupContext.epoch) return refused('a move of another epoch');
  const own = leafIndex(state.privatePath.leafIndex);
  if (content.mover === own) return refused('a move of our own leaf');
  const mover = leafOf(state, content.mover);
  if (mover === undefined) return refused('a move by nobody in the tree');
  if (content.parts.some(({ leaf }) => leafOf(state, leaf) === undefined))
    return refused('a part for nobody in the tree');
  if (content.leftBehind.some((leaf) => leafOf(state, leaf) === undefined))
    return refused('nobody in the tree is left behind');
  // Taken before anything is awaited: the epoch may end meanwhile, and its keys with it.
  const privateKey = state.privatePath.privateKeys[leafToNodeIndex(toLeafIndex(own))]?.slice();
  try {
    const key = mover.signaturePublicKey;
    const isSigned = await verifyWithLabel(key, MOVE_SIGNATURE_LABEL, signed, signature, suite.signature);
    if (!isSigned) return refused('a move that its mover has not signed');
    const part = content.parts.find(({ leaf }) => leaf === own);
    const opened = part && privateKey && (await openPart(suite, content, part, privateKey));
    return {
      kind: 'opened',
      mover: content.mover,
      number: content.number,
      since: content.since,
      commitment: content.commitment.slice(),
      recipients: content.parts.map(({ leaf }) => leaf),
      leftBehind: content.leftBehind,
      ...(typeof opened === 'string'
        ? { invitation: undefined, fault: opened }
        : { invitation: opened, fault: undefined }),
    };
  } catch (error) {
    return refused(nameOf(error));
  } finally {
    privateKey?.fill(0);
  }
}

/** @returns the invitation, or what is wrong with our part. */
async function openPart(
  suite: CiphersuiteImpl,
  content: MoveContent,
  { leaf, encapsulated, sealedKey }: MovePart,
  privateKey: Uint8Array,
): Promise<Uint8Array | string> {
  const header = encodeMoveHeader(content);
  const context = partContextOf(header, leaf);
  let key: Uint8Array | undefined;
  let invitation: Uint8Array;
  try {
    key = await decryptWithLabel(
      await suite.hpke.importPrivateKey(privateKey),
      MOVE_KEY_LABEL,
      context,
      encapsulated,
      sealedKey,
      suite.hpke,
    );
    if (key.length !== suite.hpke.keyLength) return 'a part that holds no key';
    invitation = await suite.hpke.decryptAead(key, nonceOf(suite), header, content.sealedInvitation);
  } catch {
    return 'a part for us that cannot be opened';
  } finally {
    key?.fill(0);
  }
  // One ciphertext can open to different things under different keys: nobody is led to a room of its own.
  if (!equal(commitmentOf(invitation, nodeGroupCrypto), content.commitment)) {
    invitation.fill(0);
    return 'a part that leads to another room than the others’';
  }
  return invitation;
}

function leafOf(
  { ratchetTree }: ClientState,
  leaf: LeafIndex,
): { readonly hpkePublicKey: Uint8Array; readonly signaturePublicKey: Uint8Array } | undefined {
  const node = ratchetTree[2 * leaf];
  return node?.nodeType === 'leaf' ? node.leaf : undefined;
}
