/** Speed of ts-mls as its makers publish it, with its own WebCrypto provider: the same operations, without our rules. */
import { randomBytes } from 'node:crypto';
import type { CiphersuiteImpl, ClientState, KeyPackage, PrivateKeyPackage } from 'ts-mls';
import {
  capabilitiesOf,
  clientConfig,
  credentialOf,
  lifetimeFrom,
  SUITE_NAMES,
} from '../../src/main/mls/client-config.ts';
import { InvariantError } from '../../src/protocol/errors.ts';
import type { MlsSuite } from '../../src/protocol/group/mls.ts';
import { unixMillis } from '../../src/protocol/units.ts';
import type { TsMls } from '../harness/group/stock-ts-mls.ts';
import { cpuTime } from './cpu-time.ts';
import { mediansOf, noSamples, type MlsTimes } from './mls.ts';

interface Joiner {
  readonly publicPackage: KeyPackage;
  readonly privatePackage: PrivateKeyPackage;
}

type Created = Awaited<ReturnType<TsMls['createCommit']>>;

/** Measures in a group like {@link BuiltGroup}. @param members - 2 or more. */
export async function measureStock(
  stock: TsMls,
  suite: MlsSuite,
  members: number,
  runs: number,
): Promise<MlsTimes> {
  const implementation = await stock.getCiphersuiteImpl(stock.getCiphersuiteFromName(SUITE_NAMES[suite]));
  const group = new StockGroup(stock, implementation, suite);
  const { committer, receiver } = await group.build(members);
  const samples = noSamples();
  for (let run = 0; run < runs; run += 1) {
    const joiner = await group.joiner();
    const added = await cpuTime(() => group.commitAdds(committer, [joiner]));
    samples.commit.push(added.ms);
    samples.process.push((await cpuTime(() => group.receive(receiver, added.value.commit))).ms);
    samples.join.push((await cpuTime(() => group.join(joiner, added.value.welcome))).ms);
    if (members <= 2) continue;
    const removed = await cpuTime(() => group.commitRemove(committer, members - 2));
    samples.remove.push(removed.ms);
    samples.processRemove.push((await cpuTime(() => group.receive(receiver, removed.value.commit))).ms);
  }
  return mediansOf(members, samples);
}

class StockGroup {
  readonly #mls: TsMls;
  readonly #cipherSuite: CiphersuiteImpl;
  readonly #suite: MlsSuite;

  constructor(mls: TsMls, cipherSuite: CiphersuiteImpl, suite: MlsSuite) {
    this.#mls = mls;
    this.#cipherSuite = cipherSuite;
    this.#suite = suite;
  }

  /** A group whose first member added all others at once; the receiver is the last of them. */
  async build(members: number): Promise<{ committer: ClientState; receiver: ClientState }> {
    const creator = await this.joiner();
    const groupId = new Uint8Array(randomBytes(16));
    const { publicPackage, privatePackage } = creator;
    const alone = await this.#mls.createGroup(
      groupId,
      publicPackage,
      privatePackage,
      [],
      this.#cipherSuite,
      clientConfig,
    );
    const joiners: Joiner[] = [];
    for (let made = 1; made < members; made += 1) joiners.push(await this.joiner());
    const added = await this.commitAdds(alone, joiners);
    const receiver = await this.join(joiners.at(-1)!, added.welcome);
    return { committer: added.newState, receiver };
  }

  async joiner(): Promise<Joiner> {
    const { signKey, publicKey } = await this.#cipherSuite.signature.keygen();
    return this.#mls.generateKeyPackageWithKey(
      credentialOf(publicKey),
      capabilitiesOf(this.#suite),
      lifetimeFrom(unixMillis(Date.now())),
      [],
      { signKey, publicKey },
      this.#cipherSuite,
    );
  }

  commitAdds(state: ClientState, joiners: readonly Joiner[]): Promise<Created> {
    const extraProposals = joiners.map(({ publicPackage }) => ({
      proposalType: 'add' as const,
      add: { keyPackage: publicPackage },
    }));
    return this.#mls.createCommit(
      { state, cipherSuite: this.#cipherSuite },
      { extraProposals, ratchetTreeExtension: true },
    );
  }

  commitRemove(state: ClientState, removed: number): Promise<Created> {
    return this.#mls.createCommit(
      { state, cipherSuite: this.#cipherSuite },
      { extraProposals: [{ proposalType: 'remove', remove: { removed } }] },
    );
  }

  async receive(state: ClientState, commit: Created['commit']): Promise<ClientState> {
    if (commit.wireformat !== 'mls_private_message') throw new InvariantError('a PrivateMessage');
    const { processPrivateMessage, emptyPskIndex } = this.#mls;
    return (await processPrivateMessage(state, commit.privateMessage, emptyPskIndex, this.#cipherSuite))
      .newState;
  }

  join(joiner: Joiner, welcome: Created['welcome']): Promise<ClientState> {
    if (welcome === undefined) throw new InvariantError('a Welcome');
    return this.#mls.joinGroup(
      welcome,
      joiner.publicPackage,
      joiner.privatePackage,
      this.#mls.emptyPskIndex,
      this.#cipherSuite,
      undefined,
      undefined,
      clientConfig,
    );
  }
}
