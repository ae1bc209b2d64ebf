/** A meeting by MLS without a network, under a counter's key that a test has, and what its members save of it. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { receiptSigner, receiptVerifier } from '../../../src/io/counter/receipt-crypto.ts';
import { writeKeyHistory } from '../../../src/main/key-history.ts';
import type { MlsMembership } from '../../../src/main/mls/mls-port.ts';
import { nodeGroupCrypto } from '../../../src/main/mls/node-group-crypto.ts';
import { TsMlsAdapter } from '../../../src/main/mls/ts-mls-adapter.ts';
import type { CounterClient } from '../../../src/protocol/counter/client.ts';
import {
  encodeReceipt,
  NO_PREVIOUS_RECEIPT,
  parseReceipt,
  receiptHash,
} from '../../../src/protocol/counter/receipt.ts';
import type { ReceiptSigner } from '../../../src/protocol/counter/receipt.ts';
import type { CommitPlan, GroupHandle, MlsSuite } from '../../../src/protocol/group/mls.ts';
import { fingerprintOf } from '../../../src/protocol/group/names.ts';
import type { Fork } from '../../../src/protocol/group/fork-watch.ts';
import { leafIndex } from '../../../src/protocol/group/roster.ts';
import { epoch, unixMillis } from '../../../src/protocol/units.ts';
import type { Epoch } from '../../../src/protocol/units.ts';
import { founding, joinRequest, makeMembership, testParameters } from '../group/membership.ts';

/** Somebody in it. */
export interface RecordedMember {
  readonly name: string;
  readonly membership: MlsMembership;
  readonly mls: TsMlsAdapter;
  readonly handle: GroupHandle;
}

const NOTHING: CommitPlan = { adds: [], removes: [], kicks: [] };
const BEGAN = Date.UTC(2026, 0, 1);

/** The meeting. */
export class RecordedMeeting {
  readonly group = new Uint8Array(randomBytes(16));
  readonly signer: ReceiptSigner = receiptSigner(generateKeyPairSync('ed25519').privateKey);
  readonly suite: MlsSuite;
  members: RecordedMember[] = [];
  readonly receipts = new Map<Epoch, Uint8Array>();
  readonly #secret = new Uint8Array(randomBytes(32));
  readonly #people = new Map<string, MlsMembership>();
  readonly #names = new Map<string, string>();

  constructor(suite: MlsSuite = 0x0001) {
    this.suite = suite;
  }

  /** Ana begins; Bo and Cy come in; Bo makes new keys; Cy bars Bo, and Dee comes in where Bo was. */
  static async ofFour(suite?: MlsSuite): Promise<RecordedMeeting> {
    const meeting = new RecordedMeeting(suite);
    const ana = await meeting.begin('Ana', ['Ana', 'Cy']);
    const bo = await meeting.join(ana, 'Bo');
    const cy = await meeting.join(bo, 'Cy');
    await meeting.commit(bo, NOTHING);
    await meeting.kick(cy, bo);
    await meeting.join(ana, 'Dee');
    return meeting;
  }

  /** @param organisers - besides whoever begins. */
  async begin(name: string, organisers: readonly string[] = []): Promise<RecordedMember> {
    const membership = this.#person(name);
    const mls = new TsMlsAdapter();
    const parameters = {
      ...testParameters,
      receiptKey: this.signer.publicKey,
      organisers: organisers.map((each) =>
        fingerprintOf(this.#person(each).identity.publicKey, nodeGroupCrypto),
      ),
    };
    const { group, groupContext, view } = await mls.createGroup(membership, founding(parameters));
    this.#sign(0n, groupContext, view.transcript, view.epochKey);
    const member = { name, membership, mls, handle: group };
    this.members.push(member);
    return member;
  }

  async join(by: RecordedMember, name: string): Promise<RecordedMember> {
    const membership = this.#person(name);
    const mls = new TsMlsAdapter();
    const { keyPackage } = await mls.keyPackage(membership, joinRequest(BigInt(this.receipts.size - 1)));
    const welcome = await this.commit(by, { ...NOTHING, adds: [keyPackage] });
    const joined = await mls.join(membership, welcome ?? new Uint8Array(0));
    if (joined.kind !== 'joined') throw new Error(joined.reason);
    const member = { name, membership, mls, handle: joined.group };
    this.members.push(member);
    return member;
  }

  async kick(by: RecordedMember, whom: RecordedMember): Promise<void> {
    const { publicKey } = whom.membership.identity;
    const record = await by.mls.keyRecord(by.membership);
    const roster = [...(record?.members ?? []), ...(record?.changes.flatMap(({ joined }) => joined) ?? [])];
    const leaf = roster.find(({ signatureKey }) => Buffer.from(publicKey).equals(signatureKey))?.leaf;
    this.members = this.members.filter((each) => each !== whom);
    await this.commit(by, { adds: [], removes: [leaf ?? leafIndex(0)], kicks: [publicKey] });
  }

  /** @returns the Welcome of the one who is added. */
  async commit(by: RecordedMember, plan: CommitPlan): Promise<Uint8Array | undefined> {
    const outcome = await by.mls.stageCommit(by.handle, plan);
    if (outcome.kind !== 'staged') throw new Error(outcome.reason);
    const { commit, staged, transcript, nextKey, welcomes, epoch: begun } = outcome.commit;
    this.#sign(begun, commit, transcript, nextKey);
    for (const { mls, handle } of this.members) {
      if (mls === by.mls) continue;
      const processed = await mls.processCommit(handle, commit);
      if (processed.kind !== 'staged') throw new Error(processed.kind);
      await mls.apply(handle, processed.staged);
    }
    await by.mls.apply(by.handle, staged);
    return welcomes[0]?.welcome;
  }

  /** What a member saves. @param counter - shows it other receipts than those that it was given. */
  async save(
    member: RecordedMember,
    {
      own = this.receipts,
      logged = this.receipts,
      fork,
    }: Partial<Record<'own' | 'logged', ReadonlyMap<Epoch, Uint8Array>>> & { fork?: Fork } = {},
  ): Promise<string> {
    const record = await member.mls.keyRecord(member.membership);
    if (record === undefined) throw new Error('a member has a record');
    const written = await writeKeyHistory({
      header: {
        title: 'Planning',
        counter: 'https://counter.example',
        group: this.group,
        receiptKey: this.signer.publicKey,
      },
      counter: loggedBy(logged),
      record,
      receipts: new Map([...own].filter(([at]) => at >= record.epoch)),
      fork,
      nameOf: ({ signatureKey }) => this.#names.get(Buffer.from(signatureKey).toString('hex')),
    });
    if (written.kind !== 'history') throw new Error(written.sentence);
    return written.text;
  }

  #person(name: string): MlsMembership {
    const known = this.#people.get(name);
    if (known !== undefined) return known;
    const membership = makeMembership(this.group, this.#secret, this.suite);
    this.#people.set(name, membership);
    this.#names.set(Buffer.from(membership.identity.publicKey).toString('hex'), name);
    return membership;
  }

  #sign(of: bigint, commit: Uint8Array, transcript: Uint8Array, nextKey: Uint8Array): void {
    const last = this.receipts.get(epoch(of - 1n));
    const receipt = encodeReceipt(
      {
        group: this.group,
        epoch: epoch(of),
        attempt: 0,
        commitHash: receiptVerifier.sha256(commit),
        transcript,
        nextKey,
        time: unixMillis(BEGAN + Number(of) * 60_000),
        previousHash:
          last === undefined ? NO_PREVIOUS_RECEIPT : receiptHash(parseReceipt(last), receiptVerifier),
      },
      this.signer,
      receiptVerifier,
    );
    this.receipts.set(epoch(of), receipt);
  }
}

function loggedBy(receipts: ReadonlyMap<Epoch, Uint8Array>): CounterClient {
  const history: CounterClient['history'] = () =>
    Promise.resolve({
      kind: 'ok',
      current: [...receipts.keys()].at(-1),
      entries: [...receipts].map(([at, receipt]) => ({ epoch: at, attempt: 0, commit: undefined, receipt })),
      nextFrom: undefined,
    });
  // Nothing else is asked for by who writes a history.
  return { history } as CounterClient;
}
