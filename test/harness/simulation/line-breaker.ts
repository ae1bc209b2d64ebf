/** A member that logs at the counter what nobody can follow. */
import { invariant } from '../../../src/protocol/errors.ts';
import { parseInvitation } from '../../../src/protocol/group/invitation.ts';
import type { StagedCommit } from '../../../src/protocol/group/mls.ts';
import type { GroupName } from '../../../src/protocol/group/names.ts';
import { roomKeysOf } from '../../../src/protocol/group/room-keys.ts';
import type { LeafIndex } from '../../../src/protocol/group/roster.ts';
import type { LockOutcome } from '../../../src/protocol/counter/client.ts';
import { epoch } from '../../../src/protocol/units.ts';
import { FakeMls, fakeProof } from '../group/fake-mls.ts';
import { fakeCrypto } from '../group/simulation.ts';
import type { SimulatedMeeting } from './simulated-meeting.ts';
import type { SimulatedPerson } from './simulated-person.ts';

/** What is wrong: the Commit breaks a rule, what stands beside it in the receipt is wrong, or the bytes are no Commit. */
export type Breach = 'rule' | 'transcript' | 'next key' | 'no commit';

/** What stands nowhere. */
export const WRONG = new Uint8Array(32).fill(9);
const JUNK = new Uint8Array(Buffer.from('no Commit'));

/** What a member that keeps to no rule logs. */
export interface Logged {
  readonly commit: Uint8Array;
  readonly transcript: Uint8Array;
  readonly nextKey: Uint8Array;
}

/** Logs what breaks the line of the room that somebody is in, in its epoch. @returns whether the counter took it. */
export function breakLine(world: SimulatedMeeting, person: SimulatedPerson, breach: Breach): boolean {
  const { commit, transcript, nextKey } = commitOf(world, person, []);
  switch (breach) {
    case 'rule': {
      const broken = { ...(JSON.parse(Buffer.from(commit).toString()) as object), removes: [77] };
      return log(world, person, {
        commit: new Uint8Array(Buffer.from(JSON.stringify(broken))),
        transcript,
        nextKey,
      });
    }
    case 'transcript':
      return log(world, person, { commit, transcript: WRONG, nextKey });
    case 'next key':
      return log(world, person, { commit, transcript, nextKey: WRONG });
    case 'no commit':
      return log(world, person, { commit: JUNK, transcript, nextKey });
  }
}

/**
 * Logs a Commit that is in order and removes members.
 * @param beside - what is wrong in its receipt; by default nothing is.
 * @returns whether the counter took it.
 */
export function logRemoval(
  world: SimulatedMeeting,
  person: SimulatedPerson,
  removes: readonly LeafIndex[],
  beside: Partial<Omit<Logged, 'commit'>> = {},
): boolean {
  const { commit, transcript, nextKey } = commitOf(world, person, removes);
  return log(world, person, { commit, transcript, nextKey, ...beside });
}

/** A Commit that somebody makes; what it makes is of no concern to its own machine. */
function commitOf(
  world: SimulatedMeeting,
  { member: { mls, signatureKey } }: SimulatedPerson,
  removes: readonly LeafIndex[],
): StagedCommit {
  const [handle] = mls?.handles ?? [];
  invariant(mls !== undefined && handle !== undefined, 'whoever commits is in a group');
  const copy = new FakeMls(signatureKey, world.parameters, () => world.fresh());
  const staged = copy.stage(copy.restore(mls.serialise(handle)).group, { adds: [], removes, kicks: [] });
  invariant(staged.kind === 'staged', 'such a Commit fits');
  return staged.commit;
}

/** Logs what somebody likes. @returns whether the counter took it. */
export function log(
  { counter }: SimulatedMeeting,
  { member, view }: SimulatedPerson,
  { commit, transcript, nextKey }: Logged,
): boolean {
  const invitation = parseInvitation(view.link, fakeCrypto);
  const [handle] = member.mls?.handles ?? [];
  invariant(invitation.kind === 'invitation' && handle !== undefined, 'whoever logs is in the room');
  const room = roomKeysOf(invitation.invitation.secret, fakeCrypto).signer.publicKey;
  const proof = fakeProof(room, member.mls, handle);
  const { group, val } = next(member.mls, handle);
  const call = { group, member: handle };
  const nonce = new Uint8Array(16).fill(8);
  const lock = counter.answer(
    { kind: 'lock', input: { ...call, request: { mode: 'fenced', val, nonce, generation: 0 } } },
    proof,
    undefined,
    room,
  ) as LockOutcome;
  if (lock.kind !== 'granted' || lock.token === undefined) return false;
  const { token } = lock;
  const request = { mode: 'fenced', val, token, commit, transcript, nextKey } as const;
  const outcome = counter.answer({ kind: 'increment', input: { ...call, request } }, proof, undefined, room);
  return (outcome as { readonly kind: string }).kind === 'ok';
}

function next(mls: FakeMls | undefined, handle: FakeMls['handles'][number]) {
  invariant(mls !== undefined, 'MLS runs');
  const { groupId, epoch: at } = mls.view(handle);
  return { group: groupId as GroupName, val: epoch(at + 1n) };
}
