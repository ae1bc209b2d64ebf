import { createHash, hash } from 'node:crypto';
import type {
  BegunEpoch,
  CommitPlan,
  CreatedGroup,
  EpochView,
  GroupHandle,
  JoinOutcome,
  MovePlan,
  OpenMoveOutcome,
  KeyPackageVerdict,
  MasterKey,
  OwnKeyPackage,
  ProcessOutcome,
  RestoredGroup,
  SealMoveOutcome,
  StagedCommit,
  StagedHandle,
  StageOutcome,
} from '../../../src/protocol/group/mls.ts';
import type { Admission, MeetingParameters } from '../../../src/protocol/group/meeting-parameters.ts';
import { KEY_PACKAGE_EPOCHS } from '../../../src/protocol/group/leaf-join.ts';
import type { JoinId } from '../../../src/protocol/group/leaf-join.ts';
import { senderIdOf } from '../../../src/protocol/group/names.ts';
import type { Fingerprint, SenderId } from '../../../src/protocol/group/names.ts';
import type { CallProof } from '../../../src/protocol/counter/rules.ts';
import { hasOrganiser, roleOf, successionOf } from '../../../src/protocol/group/roles.ts';
import { commitmentOf, decodeMove, encodeMove, encodeMoveContent } from '../../../src/protocol/group/move.ts';
import { leafIndex, type LeafIndex } from '../../../src/protocol/group/roster.ts';
import { epoch } from '../../../src/protocol/units.ts';

/** MLS reduced to what the coordinator can see: epochs, transcripts, rosters, who can open what. No cryptography. */

interface FakeLeaf {
  readonly leaf: number;
  readonly key: string;
  /** Of which join it is, and as of which epoch it asked to be let in. */
  readonly join: string;
  readonly asOf: number;
}
interface FakeKeyPackage {
  readonly ref: string;
  readonly key: string;
  readonly join: string;
  readonly asOf: number;
  readonly name?: string;
}
interface FakeSettings {
  readonly admission: Admission;
  /** Fingerprints of those who decide. */
  readonly organisers: readonly string[];
}
interface FakeState extends FakeSettings {
  readonly group: string;
  /** Each group that is made has secrets of its own, also where two are made of one name. */
  readonly founding: string;
  readonly epoch: number;
  readonly transcript: string;
  readonly roster: readonly FakeLeaf[];
  readonly own: number;
  /** Signature keys that are not let in again. */
  readonly kicked: readonly string[];
}
interface FakeCommit {
  readonly group: string;
  readonly epoch: number;
  readonly after: string;
  readonly committer: number;
  readonly adds: readonly FakeKeyPackage[];
  readonly removes: readonly number[];
  readonly kicks: readonly string[];
  readonly renews: boolean;
  readonly settings?: FakeSettings;
  readonly nonce: string;
}
interface FakeGroup {
  state: FakeState;
  readonly staged: Map<StagedHandle, { state: FakeState; commit: FakeCommit; own: boolean }>;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const sha256 = (text: string): string => hash('sha256', text);
const encode = (value: unknown): Uint8Array => new Uint8Array(Buffer.from(JSON.stringify(value)));
/** What anybody may have made; nothing for what is not even of this format. */
function decode(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return {};
  }
}

/** One device's MLS. What it would write to disk is {@link FakeMls.serialise}. */
export class FakeMls {
  /** Whose parts of its moves nobody can open. */
  spoilsPartsOf: readonly LeafIndex[] = [];
  readonly #key: string;
  readonly #parameters: MeetingParameters;
  readonly #groups = new Map<GroupHandle, FakeGroup>();
  #keyPackages: string[] = [];
  /** Shared by a whole simulation, so that nothing is made twice. */
  readonly #fresh: () => number;

  constructor(key: Uint8Array, parameters: MeetingParameters, fresh: () => number) {
    this.#key = hex(key);
    this.#parameters = parameters;
    this.#fresh = fresh;
  }

  /** How many secrets it has: groups, and private parts of KeyPackages. */
  get holds(): { readonly groups: number; readonly keyPackages: number } {
    return { groups: this.#groups.size, keyPackages: this.#keyPackages.length };
  }

  /** Its groups, oldest first. */
  get handles(): readonly GroupHandle[] {
    return [...this.#groups.keys()];
  }

  /** @param others - organisers besides the founder. */
  createGroup(
    group: Uint8Array,
    joinId: Uint8Array = new Uint8Array(8),
    others: readonly Fingerprint[] = [],
    { kickedKeys, admission }: Pick<MeetingParameters, 'kickedKeys' | 'admission'> = this.#parameters,
  ): CreatedGroup {
    const own = { leaf: 0, key: this.#key, join: hex(joinId), asOf: 0 };
    const handle = this.#hold({
      group: hex(group),
      founding: this.#name('group'),
      epoch: 0,
      transcript: '',
      roster: [own],
      own: 0,
      kicked: kickedKeys.map(hex),
      admission,
      organisers: [...new Set([fingerprint(this.#key), ...others].map(hex))],
    });
    return { group: handle, ...this.#begun(handle), groupContext: this.#context(handle) };
  }

  makeKeyPackage(asOf = 0n, joinId: Uint8Array = new Uint8Array(8), name?: string): OwnKeyPackage {
    const ref = sha256(this.#name('package'));
    this.#keyPackages.push(ref);
    const made: FakeKeyPackage = {
      ref,
      key: this.#key,
      join: hex(joinId),
      asOf: Number(asOf),
      ...(name !== undefined && { name }),
    };
    return { keyPackage: encode(made), ref: unhex(ref) };
  }

  inspect(handle: GroupHandle, keyPackage: Uint8Array): KeyPackageVerdict {
    const asked = decode(keyPackage) as Partial<FakeKeyPackage>;
    if (!isKeyPackage(asked)) return { kind: 'refused', reason: 'not a KeyPackage' };
    const { ref, key, join, asOf, name } = asked;
    const { state } = this.#group(handle);
    if (key === this.#key) return { kind: 'refused', reason: 'our own' };
    if (state.kicked.includes(key)) return { kind: 'kicked', signatureKey: unhex(key) };
    if (asOf > state.epoch) return { kind: 'early', asOf: epoch(BigInt(asOf)) };
    const senderId = senderOf(key, join);
    if (state.roster.some((member) => member.key === key && member.join === join))
      return { kind: 'answered', senderId };
    if (isOld(state, asked)) return { kind: 'refused', reason: 'old' };
    return {
      kind: 'acceptable',
      ref: unhex(ref),
      signatureKey: unhex(key),
      senderId,
      asOf: epoch(BigInt(asOf)),
      displayName: name,
    };
  }

  stage(handle: GroupHandle, plan: CommitPlan): StageOutcome {
    const { state, staged } = this.#group(handle);
    const commit: FakeCommit = {
      group: state.group,
      epoch: state.epoch,
      after: rootOf(state),
      committer: state.own,
      adds: plan.adds.map((add) => decode(add) as FakeKeyPackage),
      removes: [...plan.removes],
      kicks: plan.kicks.map(hex),
      // A Commit needs a path unless all it does is to add.
      renews: plan.renews === true || plan.adds.length === 0 || plan.removes.length > 0,
      ...(plan.settings && {
        settings: {
          admission: plan.settings.admission,
          organisers: plan.settings.organisers.map(hex),
        },
      }),
      nonce: this.#name('commit'),
    };
    const next = apply(state, commit);
    if (next === undefined) return { kind: 'refused', reason: 'does not fit' };
    const id = this.#fresh() as StagedHandle;
    staged.set(id, { state: next, commit, own: true });
    return { kind: 'staged', commit: this.#describe(id, next, commit) };
  }

  process(handle: GroupHandle, bytes: Uint8Array): ProcessOutcome {
    const { state, staged } = this.#group(handle);
    const commit = decode(bytes) as FakeCommit;
    const fits =
      commit.group === state.group && commit.epoch === state.epoch && commit.after === rootOf(state);
    if (!fits) return { kind: 'refused', reason: 'cannot be opened', author: undefined };
    const author = leafIndex(commit.committer);
    if (author === state.own) return { kind: 'own' };
    const next = apply(state, commit);
    if (next === undefined) return { kind: 'refused', reason: 'breaks a rule', author };
    const contents = {
      committer: author,
      removed: commit.removes.map(leafIndex),
      added: commit.adds.map(({ ref }) => unhex(ref)),
    };
    if (commit.removes.includes(state.own)) {
      const isReplaced = commit.adds.some(({ key }) => key === this.#key);
      const kicked = commit.kicks.includes(this.#key);
      const transcript = unhex(next.transcript);
      return { kind: 'removed', transcript, contents, isReplaced, kicked };
    }
    const id = this.#fresh() as StagedHandle;
    staged.set(id, { state: next, commit, own: false });
    return {
      kind: 'staged',
      staged: id,
      epoch: epoch(BigInt(next.epoch)),
      transcript: unhex(next.transcript),
      nextKey: fakeEpochKey(unhex(next.transcript)),
      contents,
      renews: commit.renews,
    };
  }

  apply(handle: GroupHandle, id: StagedHandle): BegunEpoch {
    const group = this.#group(handle);
    const staged = group.staged.get(id);
    if (staged === undefined) throw new Error('nothing staged');
    group.state = staged.state;
    group.staged.clear();
    return this.#begun(handle);
  }

  join(welcome: Uint8Array): JoinOutcome {
    const { ref, state, join } = decode(welcome) as { ref: string; state?: FakeState; join: string };
    if (state === undefined) return { kind: 'refused', reason: 'not a Welcome' };
    const own = state.roster.find((member) => member.key === this.#key && member.join === join);
    if (!this.#keyPackages.includes(ref) || own === undefined) {
      return { kind: 'refused', reason: 'not for us' };
    }
    const group = this.#hold({ ...state, own: own.leaf });
    return { kind: 'joined', group, ...this.#begun(group) };
  }

  /** A move that hides nothing, and is signed by a hash of the key's name. A part with a key in it is spoilt. */
  sealMove(
    handle: GroupHandle,
    { invitation, number, since, recipients, leftBehind }: MovePlan,
  ): SealMoveOutcome {
    const { state } = this.#group(handle);
    const none = new Uint8Array(0);
    const commitment = commitmentOf(invitation, { sha256: digest });
    const content = {
      group: unhex(state.group),
      epoch: epoch(BigInt(state.epoch)),
      since,
      mover: leafIndex(state.own),
      number,
      commitment,
      sealedInvitation: invitation,
      parts: recipients.map((leaf) => ({
        leaf,
        encapsulated: none,
        sealedKey: this.spoilsPartsOf.includes(leaf) ? new Uint8Array(1) : none,
      })),
      leftBehind,
    };
    const signed = encodeMoveContent(content);
    return { kind: 'sealed', move: encodeMove(signed, moveSignature(this.#key, signed)) };
  }

  openMove(handle: GroupHandle, move: Uint8Array): OpenMoveOutcome {
    const state = this.#groups.get(handle)?.state;
    const reading = decodeMove(move);
    if (state === undefined || reading.kind === 'malformed') return { kind: 'refused', reason: 'malformed' };
    const { content, signed, signature } = reading;
    const { mover, number, since, parts, leftBehind, sealedInvitation } = content;
    const author = state.roster.find(({ leaf }) => leaf === mover);
    const isOfNow = hex(content.group) === state.group && content.epoch === BigInt(state.epoch);
    if (author === undefined || !isOfNow || hex(moveSignature(author.key, signed)) !== hex(signature))
      return { kind: 'refused', reason: 'not signed for this epoch' };
    const recipients = parts.map(({ leaf }) => leaf);
    const part = parts.find(({ leaf }) => leaf === state.own);
    const fault = (part?.sealedKey.length ?? 0) > 0 ? 'a part for us that cannot be opened' : undefined;
    const invitation = part && fault === undefined ? sealedInvitation.slice() : undefined;
    const commitment = content.commitment.slice();
    return { kind: 'opened', mover, number, since, commitment, recipients, leftBehind, invitation, fault };
  }

  forgetKeyPackages(): void {
    this.#keyPackages = [];
  }

  forget(handle: GroupHandle): void {
    this.#groups.delete(handle);
  }

  /** The group and its own staged Commit, as they would rest on disk. */
  serialise(handle: GroupHandle): Uint8Array {
    const { state, staged } = this.#group(handle);
    const own = [...staged.values()].find((each) => each.own);
    return encode({ state, own: own && { state: own.state, commit: own.commit } });
  }

  restore(bytes: Uint8Array): RestoredGroup {
    const { state, own } = decode(bytes) as {
      state: FakeState;
      own?: { state: FakeState; commit: FakeCommit };
    };
    const handle = this.#hold(state);
    let staged: StagedCommit | undefined;
    if (own !== undefined) {
      const id = this.#fresh() as StagedHandle;
      this.#group(handle).staged.set(id, { ...own, own: true });
      staged = this.#describe(id, own.state, own.commit);
    }
    return { group: handle, ...this.#begun(handle), staged, groupContext: this.#context(handle) };
  }

  view(handle: GroupHandle): EpochView {
    const { state } = this.#group(handle);
    return {
      groupId: unhex(state.group),
      epoch: epoch(BigInt(state.epoch)),
      transcript: unhex(state.transcript),
      epochAuthenticator: unhex(sha256(`authenticator ${rootOf(state)}`)),
      epochKey: fakeEpochKey(unhex(state.transcript)),
      suite: 0x0001,
      ownLeaf: leafIndex(state.own),
      roster: state.roster.map(({ leaf, key, join, asOf }) => ({
        leaf: leafIndex(leaf),
        signatureKey: unhex(key),
        fingerprint: fingerprint(key),
        senderId: senderOf(key, join),
        asOf: epoch(BigInt(asOf)),
      })),
      parameters: {
        ...this.#parameters,
        kickedKeys: state.kicked.map(unhex),
        admission: state.admission,
        organisers: state.organisers.map((each) => unhex(each) as Fingerprint),
      },
    };
  }

  #begun(handle: GroupHandle): BegunEpoch {
    const view = this.view(handle);
    return {
      view,
      masterKey: unhex(sha256(`master key ${rootOf(this.#group(handle).state)}`)) as MasterKey,
    };
  }

  #describe(staged: StagedHandle, next: FakeState, commit: FakeCommit): StagedCommit {
    return {
      staged,
      epoch: epoch(BigInt(next.epoch)),
      commit: encode(commit),
      transcript: unhex(next.transcript),
      nextKey: fakeEpochKey(unhex(next.transcript)),
      welcomes: commit.adds.map(({ ref, join }) => ({
        ref: unhex(ref),
        welcome: encode({ ref, join, state: next }),
      })),
      renews: commit.renews,
    };
  }

  #context(handle: GroupHandle): Uint8Array {
    const { state } = this.#group(handle);
    return encode({ group: state.group, creator: this.#key + (state.roster[0]?.join ?? '') });
  }

  #hold(state: FakeState): GroupHandle {
    const handle = this.#fresh() as GroupHandle;
    this.#groups.set(handle, { state, staged: new Map() });
    return handle;
  }

  #group(handle: GroupHandle): FakeGroup {
    const group = this.#groups.get(handle);
    if (group === undefined) throw new Error('no such group');
    return group;
  }

  #name(kind: string): string {
    return `${kind} ${String(this.#fresh())}`;
  }
}

/** What the secrets of an epoch follow from: its members alone have them. */
const rootOf = ({ founding, transcript }: FakeState): string =>
  transcript === '' ? sha256(founding) : transcript;
const digest = (bytes: Uint8Array): Uint8Array => new Uint8Array(hash('sha256', bytes, 'buffer'));
const moveSignature = (key: string, signed: Uint8Array): Uint8Array =>
  new Uint8Array(createHash('sha512').update(`move by ${key} `).update(signed).digest());

/** The key of the epoch that begins with a transcript. */
export function fakeEpochKey(transcript: Uint8Array): Uint8Array {
  return unhex(sha256(`epoch key ${hex(transcript)}`));
}

/** Whether a Commit renews the key of its author and removes nobody. */
export function renewsOnly(commit: Uint8Array): boolean {
  const { renews, removes } = decode(commit) as FakeCommit;
  return renews && removes.length === 0;
}

/** What a call proves that is signed as a room, or by a member with its epoch's key. */
export function fakeProof(
  room: Uint8Array,
  mls: FakeMls | undefined,
  member: GroupHandle | undefined,
): CallProof {
  const own = member === undefined ? room : mls?.view(member).epochKey;
  const name = member === undefined ? 'room' : 'epoch';
  return (key, publicKey) => key === name && own !== undefined && hex(own) === hex(publicKey);
}

const fingerprint = (key: string): Fingerprint => digest(unhex(key)) as Fingerprint;
const senderOf = (key: string, join: string): SenderId => senderIdOf(fingerprint(key), unhex(join) as JoinId);

const isKeyPackage = (asked: Partial<FakeKeyPackage>): asked is FakeKeyPackage =>
  asked.ref !== undefined && asked.key !== undefined && asked.join !== undefined && asked.asOf !== undefined;

/** Whether a KeyPackage is of a join that was let in, older than the member it would replace, or too old. */
function isOld({ epoch: at, roster }: FakeState, { key, join, asOf }: FakeKeyPackage): boolean {
  if (asOf > at || BigInt(at - asOf) > KEY_PACKAGE_EPOCHS) return true;
  return roster.some((member) => member.key === key && (member.join === join || asOf <= member.asOf));
}

function apply(state: FakeState, commit: FakeCommit): FakeState | undefined {
  const stay = state.roster.filter(({ leaf }) => !commit.removes.includes(leaf));
  if (stay.length + commit.removes.length !== state.roster.length) return undefined;
  if (commit.adds.some(({ key }) => stay.some((member) => member.key === key))) return undefined;
  if (commit.adds.some(({ key }) => state.kicked.includes(key))) return undefined;
  if (commit.adds.some((add) => isOld(state, add))) return undefined;
  const settings = settingsAfter(state, commit);
  if (settings === undefined) return undefined;
  const roster = [...stay];
  for (const { key, join, asOf } of commit.adds) {
    let leaf = 0;
    while (roster.some((member) => member.leaf === leaf)) leaf += 1;
    roster.push({ leaf, key, join, asOf });
  }
  roster.sort((a, b) => a.leaf - b.leaf);
  const transcript = sha256(`${state.transcript} ${JSON.stringify(commit)}`);
  const kicked = [...state.kicked, ...commit.kicks];
  return { ...state, ...settings, epoch: state.epoch + 1, transcript, roster, kicked };
}

/** The settings after a Commit; undefined when its author may not make it. */
function settingsAfter(state: FakeState, commit: FakeCommit): FakeSettings | undefined {
  const { adds, removes, kicks, committer, settings } = commit;
  const named = (organisers: readonly string[]) => ({
    organisers: organisers.map((each) => unhex(each) as Fingerprint),
  });
  const roster = state.roster.map(({ leaf, key }) => ({
    leaf: leafIndex(leaf),
    fingerprint: fingerprint(key),
  }));
  const author = state.roster.find(({ leaf }) => leaf === committer);
  const decides =
    author !== undefined && roleOf(named(state.organisers), fingerprint(author.key)) === 'organiser';
  if (!decides && presumes(state, commit)) return undefined;
  const change = {
    committer: leafIndex(committer),
    removed: new Set(removes.map(leafIndex)),
    added: adds.map(({ key }) => fingerprint(key)),
  };
  const successors = decides ? undefined : successionOf(named(state.organisers), roster, change);
  const organisers = successors?.map(hex) ?? (settings ?? state).organisers;
  if (!hasOrganiser(named(organisers), roster, change)) return undefined;
  return { admission: kicks.length > 0 ? 'ask' : (settings ?? state).admission, organisers };
}

/** Whether a Commit does what only organisers may. */
function presumes({ admission, roster }: FakeState, { adds, removes, kicks, settings }: FakeCommit): boolean {
  if (kicks.length > 0 || settings !== undefined) return true;
  const replaced = new Set(roster.filter(({ leaf }) => removes.includes(leaf)).map(({ key }) => key));
  return admission === 'ask' && adds.some(({ key }) => !replaced.has(key));
}
