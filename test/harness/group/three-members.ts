/** A group of three, with real MLS. */
import { randomBytes } from 'node:crypto';
import type { MlsMembership, MlsPort } from '../../../src/main/mls/mls-port.ts';
import type { GroupHandle } from '../../../src/protocol/group/mls.ts';
import { founding, joinRequest, makeMembership, NO_CHANGE } from './membership.ts';

/** See {@link makeThree}. */
export interface Three {
  readonly creator: MlsMembership;
  /** At leaves 0, 1 and 2; the first organises. */
  readonly groups: readonly [GroupHandle, GroupHandle, GroupHandle];
  /** Somebody else who was invited. */
  newcomer(): MlsMembership;
}

/** Makes it: all three use the same MLS, and are in its second epoch. */
export async function makeThree(mls: MlsPort): Promise<Three> {
  const [groupId, secret] = [new Uint8Array(randomBytes(16)), new Uint8Array(randomBytes(32))];
  const newcomer = (): MlsMembership => makeMembership(groupId, secret);
  const creator = newcomer();
  const { group } = await mls.createGroup(creator, founding());
  const joiners = [newcomer(), newcomer()];
  const adds: Uint8Array[] = [];
  for (const joiner of joiners) adds.push((await mls.keyPackage(joiner, joinRequest())).keyPackage);
  const outcome = await mls.stageCommit(group, { ...NO_CHANGE, adds });
  if (outcome.kind !== 'staged') throw new Error(outcome.reason);
  await mls.apply(group, outcome.commit.staged);
  const joined: GroupHandle[] = [];
  for (const [at, joiner] of joiners.entries()) {
    const one = await mls.join(joiner, outcome.commit.welcomes[at]?.welcome ?? new Uint8Array(0));
    if (one.kind !== 'joined') throw new Error(one.reason);
    joined.push(one.group);
  }
  const [second, third] = joined;
  if (second === undefined || third === undefined) throw new Error('two have joined');
  return { creator, groups: [group, second, third], newcomer };
}
