/** Speed of MLS as the app runs it: our adapter with all that it refuses, from bytes to the epoch that the meeting is given. */
import { randomBytes } from 'node:crypto';
import type { MlsMembership } from '../../src/main/mls/mls-port.ts';
import { TsMlsAdapter } from '../../src/main/mls/ts-mls-adapter.ts';
import { InvariantError } from '../../src/protocol/errors.ts';
import type { CommitPlan, GroupHandle, MlsSuite, StagedCommit } from '../../src/protocol/group/mls.ts';
import { leafIndex } from '../../src/protocol/group/roster.ts';
import { founding, joinRequest, makeMembership } from '../harness/group/membership.ts';
import { cpuTime } from './cpu-time.ts';
import { median } from './figure.ts';

/** Milliseconds of CPU time of the operations in a group. The tree has no parents: whoever founded the group let all others in. */
export interface MlsTimes {
  /** Members before the operation. */
  readonly members: number;
  /** Making a Commit that adds one, with its Welcome, and merging it. */
  readonly commit: number;
  /** Another member's processing and merging of it. */
  readonly process: number;
  /** The joiner's joining. */
  readonly join: number;
  /** Making a Commit that removes one, and merging it; as {@link processRemove} not a number in a group of two. */
  readonly remove: number;
  /** Another member's processing and merging of it. */
  readonly processRemove: number;
}

/** Our times, and the bytes of what we send. */
export interface OwnMlsTimes extends MlsTimes {
  /** Of the Commit that removes one. */
  readonly removeBytes: number;
}

/** Samples of each operation. */
export type MlsSamples = { [Name in keyof Omit<MlsTimes, 'members'>]: number[] };

/** No samples yet. */
export function noSamples(): MlsSamples {
  return { commit: [], process: [], join: [], remove: [], processRemove: [] };
}

/** The medians of samples. */
export function mediansOf(members: number, samples: MlsSamples): MlsTimes {
  const { commit, process, join, remove, processRemove } = samples;
  return {
    members,
    commit: median(commit),
    process: median(process),
    join: median(join),
    remove: median(remove),
    processRemove: median(processRemove),
  };
}

/** Adds in one Commit while a group is built: what fits into the counter's limit, whatever the suite. */
const ADDS_AT_ONCE = 120;

/** A group as two of its members have saved it: who founded it, and the last but one who came. */
export class BuiltGroup {
  readonly suite: MlsSuite;
  readonly members: number;
  readonly founder: MlsMembership;
  readonly receiver: MlsMembership;
  readonly #groupId: Uint8Array;
  readonly #secret: Uint8Array;
  readonly #saved: { readonly founder: Uint8Array; readonly receiver: Uint8Array };

  private constructor(
    from: Pick<BuiltGroup, 'suite' | 'members' | 'founder' | 'receiver'>,
    [groupId, secret]: readonly [Uint8Array, Uint8Array],
    saved: { readonly founder: Uint8Array; readonly receiver: Uint8Array },
  ) {
    ({ suite: this.suite, members: this.members, founder: this.founder, receiver: this.receiver } = from);
    [this.#groupId, this.#secret] = [groupId, secret];
    this.#saved = saved;
  }

  /** @param members - 2 or more. */
  static async build(suite: MlsSuite, members: number): Promise<BuiltGroup> {
    const [groupId, secret] = [new Uint8Array(randomBytes(16)), new Uint8Array(randomBytes(32))];
    const newcomer = () => makeMembership(groupId, secret, suite);
    const [mls, receiving] = [new TsMlsAdapter(), new TsMlsAdapter()];
    const [founder, receiver] = [newcomer(), newcomer()];
    const { group, view } = await mls.createGroup(founder, founding());
    let { epoch } = view;
    const join = async (membership: MlsMembership, into: TsMlsAdapter): Promise<Uint8Array> =>
      (await into.keyPackage(membership, joinRequest(epoch))).keyPackage;
    // The receiver comes with the last of them, so that it need not follow.
    for (let left = members - 2; left > 0; left -= ADDS_AT_ONCE) {
      const adds: Uint8Array[] = [];
      while (adds.length < Math.min(left, ADDS_AT_ONCE))
        adds.push(await join(newcomer(), new TsMlsAdapter()));
      const { staged } = await stage(mls, group, { adds });
      ({ epoch } = (await mls.apply(group, staged)).view);
    }
    const last = await stage(mls, group, { adds: [await join(receiver, receiving)] });
    await mls.apply(group, last.staged);
    const joined = await receiving.join(receiver, last.welcomes[0]!.welcome);
    if (joined.kind !== 'joined') throw new InvariantError(joined.reason);
    const saved = { founder: await mls.serialise(group), receiver: await receiving.serialise(joined.group) };
    return new BuiltGroup({ suite, members, founder, receiver }, [groupId, secret], saved);
  }

  /** A fresh identity that was invited. */
  newcomer(): MlsMembership {
    return makeMembership(this.#groupId, this.#secret, this.suite);
  }

  /** One of the two members as it was saved, in an adapter of its own. */
  async restored(which: 'founder' | 'receiver'): Promise<RestoredMember> {
    const mls = new TsMlsAdapter();
    const restored = await mls.restore(this[which], this.#saved[which]);
    if (restored === undefined) throw new InvariantError('a group reads back');
    return { mls, group: restored.group, epoch: restored.view.epoch };
  }
}

/** A member that operations are tried on. */
export interface RestoredMember {
  readonly mls: TsMlsAdapter;
  readonly group: GroupHandle;
  readonly epoch: bigint;
}

/** Stages a Commit. */
export async function stage(
  mls: TsMlsAdapter,
  group: GroupHandle,
  plan: Partial<CommitPlan>,
): Promise<StagedCommit> {
  const outcome = await mls.stageCommit(group, { adds: [], removes: [], kicks: [], ...plan });
  if (outcome.kind !== 'staged') throw new InvariantError(outcome.reason);
  return outcome.commit;
}

/** Measures our operations; both members are what they are in a meeting, where the epoch before has been processed already. */
export async function measureOurs(built: BuiltGroup, runs: number): Promise<OwnMlsTimes> {
  const samples = noSamples();
  let removeBytes = Number.NaN;
  for (let run = 0; run < runs; run += 1) {
    await measureAdd(built, samples);
    if (built.members > 2) removeBytes = await measureRemove(built, samples);
  }
  return { ...mediansOf(built.members, samples), removeBytes };
}

async function measureAdd(built: BuiltGroup, samples: MlsSamples): Promise<void> {
  const [founder, receiver] = [await built.restored('founder'), await built.restored('receiver')];
  await followOne(founder, receiver);
  const [joiner, joining] = [built.newcomer(), new TsMlsAdapter()];
  const { keyPackage } = await joining.keyPackage(joiner, joinRequest(founder.epoch));
  const staged = await cpuTime(() => stage(founder.mls, founder.group, { adds: [keyPackage] }));
  const { commit, welcomes } = staged.value;
  samples.process.push(await processTime(receiver, commit));
  const merged = await cpuTime(() => founder.mls.apply(founder.group, staged.value.staged));
  samples.commit.push(staged.ms + merged.ms);
  const joined = await cpuTime(() => joining.join(joiner, welcomes[0]!.welcome));
  if (joined.value.kind !== 'joined') throw new InvariantError(joined.value.reason);
  samples.join.push(joined.ms);
}

/** @returns bytes of the Commit. */
async function measureRemove(built: BuiltGroup, samples: MlsSamples): Promise<number> {
  const [founder, receiver] = [await built.restored('founder'), await built.restored('receiver')];
  await followOne(founder, receiver);
  // The receiver has the last leaf.
  const plan = { removes: [leafIndex(built.members - 2)] };
  const staged = await cpuTime(() => stage(founder.mls, founder.group, plan));
  samples.processRemove.push(await processTime(receiver, staged.value.commit));
  const merged = await cpuTime(() => founder.mls.apply(founder.group, staged.value.staged));
  samples.remove.push(staged.ms + merged.ms);
  return staged.value.commit.length;
}

/** A Commit that is made and processed and not merged: both members know the tree as it is in a meeting. */
async function followOne(founder: RestoredMember, receiver: RestoredMember): Promise<void> {
  const { commit } = await stage(founder.mls, founder.group, { renews: true });
  await receiver.mls.processCommit(receiver.group, commit);
}

async function processTime({ mls, group }: RestoredMember, commit: Uint8Array): Promise<number> {
  const { ms } = await cpuTime(async () => {
    const outcome = await mls.processCommit(group, commit);
    if (outcome.kind !== 'staged') throw new InvariantError(outcome.kind);
    await mls.apply(group, outcome.staged);
  });
  return ms;
}
