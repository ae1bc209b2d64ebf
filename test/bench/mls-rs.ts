/**
 * Speed of mls-rs in the very group that ours is measured in, by its own clock: `mls-peers` of the interop tests, which has to be
 * built with optimisation for that.
 */
import { randomBytes } from 'node:crypto';
import { InvariantError } from '../../src/protocol/errors.ts';
import { encodeHex } from '../../src/protocol/bytes/hex.ts';
import { encodeLeafJoin } from '../../src/protocol/group/leaf-join.ts';
import { invitationPskIdOf } from '../../src/protocol/group/room-keys.ts';
import { joinRequest } from '../harness/group/membership.ts';
import type { MlsPeers, PeerPlan, PeerRequest } from '../interop/mls-peers.ts';
import { mediansOf, noSamples, stage, type BuiltGroup, type MlsSamples, type MlsTimes } from './mls.ts';

/** Measures two members made with mls-rs, which come into the group anew in each run. Suite 0x0001 alone. */
export async function measureMlsRs(peers: MlsPeers, built: BuiltGroup, runs: number): Promise<MlsTimes> {
  const samples = noSamples();
  for (let run = 0; run < runs; run += 1) await measureRun(peers, built, samples);
  return mediansOf(built.members, samples);
}

async function measureRun(peers: MlsPeers, built: BuiltGroup, samples: MlsSamples): Promise<void> {
  const { mls, group, epoch } = await built.restored('founder');
  const keyPackage = async (name: string, asOf: bigint): Promise<string> =>
    (await peers.ask(name, {
      what: 'key_package',
      library: 'mls-rs',
      invitation: invitationOf(built, asOf),
      path: false,
    })) as string;
  const timed = async (into: number[], name: string, request: PeerRequest): Promise<unknown> => {
    const { value, cpuMicros } = await peers.askTimed(name, request);
    if (cpuMicros === undefined) throw new InvariantError('mls-peers tells its CPU time');
    into.push(cpuMicros / 1_000);
    return value;
  };
  const names = ['committer', 'receiver'];
  const packages = [await keyPackage(names[0]!, epoch), await keyPackage(names[1]!, epoch)];
  const { staged, welcomes } = await stage(mls, group, { adds: packages.map(fromHex) });
  await mls.apply(group, staged);
  for (const [at, name] of names.entries())
    await timed(samples.join, name, { what: 'join', welcome: encodeHex(welcomes[at]!.welcome) });
  const tryCommit = async (plan: PeerPlan, made: number[], processed: number[]): Promise<void> => {
    const spent: number[] = [];
    const { commit } = (await timed(spent, 'committer', { what: 'commit', plan })) as { commit: string };
    await timed(spent, 'committer', { what: 'merge' });
    made.push(spent[0]! + spent[1]!);
    await timed(processed, 'receiver', { what: 'process', commit });
  };
  const none = { adds: [], removes: [], parameters: null, path: false };
  const newcomer = await keyPackage('newcomer', epoch + 1n);
  await tryCommit({ ...none, adds: [newcomer] }, samples.commit, samples.process);
  if (built.members > 2)
    await tryCommit({ ...none, removes: [built.members - 2] }, samples.remove, samples.processRemove);
  for (const name of [...names, 'newcomer']) await peers.ask(name, { what: 'forget' });
  await mls.forget(group);
}

function invitationOf(built: BuiltGroup, asOf: bigint) {
  const { groupId, joinProofKey, invitationPsk } = built.newcomer();
  return {
    group: groupId,
    join_proof_key: joinProofKey,
    psk_id: invitationPskIdOf(groupId),
    psk: invitationPsk,
    leaf_join: encodeLeafJoin(joinRequest(asOf)),
    sealed_name: new Uint8Array(randomBytes(92)),
  };
}

function fromHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}
