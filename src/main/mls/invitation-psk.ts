/**
 * The invitation's PSK in a group: every Commit with an Add names it, and so does every Welcome, so that only who was
 * invited lets somebody in.
 * @see RFC 9420 §8.4; docs/protocol.md#mls
 */
import type { CiphersuiteImpl, PreSharedKeyID, Proposal, PskIndex } from 'ts-mls';
import { equal } from '../../protocol/bytes/equal.ts';
import { invitationPskIdOf } from '../../protocol/group/room-keys.ts';
import type { MlsMembership } from './mls-port.ts';

/** A PreSharedKey proposal for the invitation's PSK, with a fresh nonce. */
export function invitationPskProposal({ groupId }: MlsMembership, { kdf, rng }: CiphersuiteImpl): Proposal {
  const pskId = invitationPskIdOf(groupId);
  const preSharedKeyId: PreSharedKeyID = { psktype: 'external', pskId, pskNonce: rng.randomBytes(kdf.size) };
  return { proposalType: 'psk', psk: { preSharedKeyId } };
}

/** Whether an id is that of the group's invitation, with a nonce of the size that RFC 9420 asks for. */
export function isInvitationPsk(id: PreSharedKeyID, groupId: Uint8Array, { kdf }: CiphersuiteImpl): boolean {
  return (
    id.psktype === 'external' &&
    equal(id.pskId, invitationPskIdOf(groupId)) &&
    id.pskNonce.length === kdf.size
  );
}

/** Where ts-mls looks for PSKs: there is one, and what was looked for is kept. */
export class InvitationPskIndex implements PskIndex {
  readonly #membership: MlsMembership;
  readonly #suite: CiphersuiteImpl;
  readonly #asked: PreSharedKeyID[] = [];

  constructor(membership: MlsMembership, suite: CiphersuiteImpl) {
    this.#membership = membership;
    this.#suite = suite;
  }

  /** Whether exactly one PSK was looked for, and it was the invitation's. */
  get wasAskedOnce(): boolean {
    const [first, ...others] = this.#asked;
    return first !== undefined && others.length === 0 && this.#isOurs(first);
  }

  findPsk(id: PreSharedKeyID): Uint8Array | undefined {
    this.#asked.push(id);
    return this.#isOurs(id) ? this.#membership.invitationPsk : undefined;
  }

  #isOurs(id: PreSharedKeyID): boolean {
    return isInvitationPsk(id, this.#membership.groupId, this.#suite);
  }
}
