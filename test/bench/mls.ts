/** Speed of MLS as Conclave runs it, against ts-mls's own WebCrypto provider in the same process. */
import { randomBytes } from 'node:crypto';
import {
  createCommit,
  createGroup,
  defaultCryptoProvider,
  emptyPskIndex,
  generateKeyPackageWithKey,
  getCiphersuiteFromName,
  getCiphersuiteImpl,
  joinGroup,
  processPrivateMessage,
} from 'ts-mls';
import type { CiphersuiteImpl, ClientState, CryptoProvider, KeyPackage, PrivateKeyPackage } from 'ts-mls';
import {
  capabilitiesOf,
  clientConfig,
  credentialOf,
  lifetimeFrom,
  SUITE_NAMES,
} from '../../src/main/mls/client-config.ts';
import { nodeCryptoProvider } from '../../src/main/mls/node-crypto-provider.ts';
import { unixMillis } from '../../src/protocol/units.ts';

const SUITE = 0x0001;

/** Milliseconds of one operation in a group, medians. */
export interface MlsTimes {
  /** Members before the operation. */
  readonly members: number;
  /** Making a Commit that adds one, with its Welcome. */
  readonly commit: number;
  /** Another member's processing of it. */
  readonly process: number;
  /** The joiner's joining. */
  readonly join: number;
  /** Making and processing a Commit that removes one. */
  readonly remove: number;
  readonly processRemove: number;
}

/** Our times and stock's for one group size. */
export interface MlsComparison {
  readonly ours: MlsTimes;
  readonly stock: MlsTimes;
}

interface Joiner {
  readonly publicPackage: KeyPackage;
  readonly privatePackage: PrivateKeyPackage;
}

/**
 * Measures both providers in groups of each size.
 * @param sizes - members before the operation; 2 or more each.
 * @param progress - called before each group is built.
 */
export async function measureMls(
  sizes: readonly number[] = [2, 10, 50, 200],
  runs = 5,
  progress: (line: string) => void = () => undefined,
): Promise<readonly MlsComparison[]> {
  const comparisons: MlsComparison[] = [];
  for (const members of sizes) {
    progress(`MLS with ${String(members)} members`);
    const ours = await measure(nodeCryptoProvider, members, runs);
    const stock = await measure(defaultCryptoProvider, members, runs);
    comparisons.push({ ours, stock });
  }
  return comparisons;
}

async function measure(provider: CryptoProvider, members: number, runs: number): Promise<MlsTimes> {
  const suite = await getCiphersuiteImpl(getCiphersuiteFromName(SUITE_NAMES[SUITE]), provider);
  const { committer, receiver, last } = await build(suite, members);
  const times: { [Name in keyof Omit<MlsTimes, 'members'>]: number[] } = {
    commit: [],
    process: [],
    join: [],
    remove: [],
    processRemove: [],
  };
  for (let run = 0; run < runs; run += 1) {
    const joiner = await makeJoiner(suite);
    const added = await timed(times.commit, () => commitAdds(suite, committer, [joiner]));
    await timed(times.process, () => receive(suite, receiver, added.commit));
    await timed(times.join, () => join(suite, joiner, added.welcome));
    if (members <= 2) continue;
    const removed = await timed(times.remove, () =>
      createCommit(
        { state: committer, cipherSuite: suite },
        { extraProposals: [{ proposalType: 'remove', remove: { removed: last } }] },
      ),
    );
    await timed(times.processRemove, () => receive(suite, receiver, removed.commit));
  }
  return {
    members,
    commit: median(times.commit),
    process: median(times.process),
    join: median(times.join),
    remove: median(times.remove),
    processRemove: median(times.processRemove),
  };
}

/** A group whose first member added all others at once, as in a meeting that begins. */
async function build(
  suite: CiphersuiteImpl,
  members: number,
): Promise<{ committer: ClientState; receiver: ClientState; last: number }> {
  const creator = await makeJoiner(suite);
  const groupId = new Uint8Array(randomBytes(16));
  const alone = await createGroup(
    groupId,
    creator.publicPackage,
    creator.privatePackage,
    [],
    suite,
    clientConfig,
  );
  const joiners: Joiner[] = [];
  for (let made = 1; made < members; made += 1) joiners.push(await makeJoiner(suite));
  const [first] = joiners;
  if (first === undefined) throw new RangeError('a group of two or more');
  const added = await commitAdds(suite, alone, joiners);
  const receiver = await join(suite, first, added.welcome);
  return { committer: added.newState, receiver, last: members - 1 };
}

async function makeJoiner(suite: CiphersuiteImpl): Promise<Joiner> {
  const { signKey, publicKey } = await suite.signature.keygen();
  return generateKeyPackageWithKey(
    credentialOf(publicKey),
    capabilitiesOf(SUITE),
    lifetimeFrom(unixMillis(Date.now())),
    [],
    { signKey, publicKey },
    suite,
  );
}

async function commitAdds(
  suite: CiphersuiteImpl,
  state: ClientState,
  joiners: readonly Joiner[],
): ReturnType<typeof createCommit> {
  return createCommit(
    { state, cipherSuite: suite },
    {
      extraProposals: joiners.map(({ publicPackage }) => ({
        proposalType: 'add',
        add: { keyPackage: publicPackage },
      })),
      ratchetTreeExtension: true,
    },
  );
}

type Created = Awaited<ReturnType<typeof createCommit>>;

async function receive(
  suite: CiphersuiteImpl,
  state: ClientState,
  commit: Created['commit'],
): Promise<ClientState> {
  if (commit.wireformat !== 'mls_private_message') throw new RangeError('a PrivateMessage');
  return (await processPrivateMessage(state, commit.privateMessage, emptyPskIndex, suite)).newState;
}

async function join(
  suite: CiphersuiteImpl,
  { publicPackage, privatePackage }: Joiner,
  welcome: Created['welcome'],
): Promise<ClientState> {
  if (welcome === undefined) throw new RangeError('a Welcome');
  return joinGroup(
    welcome,
    publicPackage,
    privatePackage,
    emptyPskIndex,
    suite,
    undefined,
    undefined,
    clientConfig,
  );
}

async function timed<Value>(into: number[], work: () => Promise<Value>): Promise<Value> {
  const start = performance.now();
  const value = await work();
  into.push(performance.now() - start);
  return value;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
