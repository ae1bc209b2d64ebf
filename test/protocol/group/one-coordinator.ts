import { freshSigner } from '../../harness/counter/local-client.ts';
import { fakeEpochKey, FakeMls } from '../../harness/group/fake-mls.ts';
import { nodeGroupCrypto as crypto } from '../../../src/main/mls/node-group-crypto.ts';
import type {
  CounterMode,
  HistoryEntry,
  IncrementRequest,
  LockRequest,
  LockToken,
  MeetingNow,
} from '../../../src/protocol/counter/client.ts';
import { encodeReceipt, parseReceipt, receiptHash } from '../../../src/protocol/counter/receipt.ts';
import type { Answer, Ask, AskKind, AskTypes } from '../../../src/protocol/group/coordination/asks.ts';
import type {
  CoordinatorEvent,
  GroupInput,
  RestoredMembership,
} from '../../../src/protocol/group/coordination/context.ts';
import { Coordinator } from '../../../src/protocol/group/coordination/coordinator.ts';
import { DEFAULT_TIMING } from '../../../src/protocol/group/coordination/timing.ts';
import type { Timing } from '../../../src/protocol/group/coordination/timing.ts';
import type { MeetingParameters } from '../../../src/protocol/group/meeting-parameters.ts';
import type { EpochView } from '../../../src/protocol/group/mls.ts';
import { fingerprintOf, senderIdOf } from '../../../src/protocol/group/names.ts';
import type { Fingerprint, GroupName } from '../../../src/protocol/group/names.ts';
import type { RoomKey } from '../../../src/protocol/group/room-keys.ts';
import { epoch, millis, unixMillis } from '../../../src/protocol/units.ts';
import type { Epoch } from '../../../src/protocol/units.ts';
import { joinId } from '../../harness/group/membership.ts';

/** Answers of a test's own, in place of those below; undefined: as below. */
type Answers = { [Kind in AskKind]?: (input: AskTypes[Kind][0]) => Answer<Kind> | undefined };

const MOST_STEPS = 5_000;
const LEASE_MS = 60_000;
const OWN_KEY = new Uint8Array(32).fill(1);

/** One real coordinator whose surroundings are a test's script; time is a number and answers come at once. */
export class OneCoordinator {
  readonly mls: FakeMls;
  readonly asks: { readonly at: number; readonly ask: Ask }[] = [];
  readonly events: CoordinatorEvent[] = [];
  /** When it was called since its time had come. */
  readonly wakes: number[] = [];
  readonly group: GroupName;
  /** What the counter has reached. */
  current: Epoch | undefined;
  /** The generation that the counter says is the meeting. */
  get meeting(): number | undefined {
    return this.elsewhere ?? (this.current === undefined ? undefined : 0);
  }
  /** A generation that it says so of instead. */
  elsewhere: number | undefined;
  /** When the lease was renewed last. */
  #renewedAt = 0;
  /** What the counter's log has. */
  logged: readonly HistoryEntry[] = [];
  now = 0;
  /** What is remembered of kicks when it starts. */
  kickedKeys: readonly Uint8Array[] = [];
  /** Who else organises the group that it makes. */
  otherOrganisers: readonly Fingerprint[] = [];
  /** The byte that chance gives where it decides how long to wait. */
  chance = 0;
  readonly #answers: Answers;
  readonly #signer: ReturnType<typeof freshSigner>;
  readonly #parameters: MeetingParameters;
  readonly #coordinator: Coordinator;
  #fresh: number;
  #waiting: { readonly id: number; readonly ask: Ask }[] = [];
  #held: AskKind | undefined;
  #lastReceipt: Uint8Array | undefined;

  /** @param before - a process of the same device that has died: its MLS, counter and randomness go on. */
  constructor(
    mode: CounterMode,
    answers: Answers = {},
    before?: OneCoordinator,
    timing: Partial<Timing> = {},
  ) {
    this.#answers = answers;
    this.#signer = before === undefined ? freshSigner() : before.#signer;
    this.#fresh = before === undefined ? 0 : before.#fresh;
    this.#lastReceipt = before === undefined ? undefined : before.#lastReceipt;
    this.current = before === undefined ? epoch(0n) : before.current;
    this.#parameters = {
      secureObjectsSuite: 4,
      profile: '01',
      mode,
      receiptKey: mode === 'fenced' ? this.#signer.publicKey : undefined,
      kickedKeys: [],
      admission: 'open',
      organisers: [],
    };
    this.mls = before?.mls ?? this.otherMls(OWN_KEY);
    this.#coordinator = new Coordinator({
      room: new Uint8Array(32).fill(1) as RoomKey,
      parameters: this.#parameters,
      fingerprint: fingerprintOf(OWN_KEY, crypto),
      crypto,
      random: (length) => new Uint8Array(length).fill(length === 1 ? this.chance : (this.#fresh += 1)),
      joinId: () => joinId((this.#fresh += 1)),
      timing: { ...DEFAULT_TIMING, ...timing },
    });
    this.group = this.#coordinator.groupName(0);
  }

  /** Starts as a joiner: the counter says that the group exists. */
  startJoining(): void {
    const { kickedKeys } = this;
    this.#coordinator.handle({ kind: 'start', restored: undefined, kickedKeys }, millis(this.now));
    this.run(0);
  }

  /** Starts where nobody is yet: makes the group. */
  startCreating(): void {
    this.current = undefined;
    this.startJoining();
  }

  /** Starts as the only member, at epoch 0. @param creating - the counter has not yet been seen to say so. */
  startAsMember(creating = false): void {
    const { group, ...created } = this.mls.createGroup(this.group, joinId(), this.otherOrganisers);
    const senderId = senderIdOf(fingerprintOf(OWN_KEY, crypto), joinId());
    const record = {
      generation: 0,
      senderId,
      creating,
      log: [],
      joins: { since: epoch(0n), past: [], known: [] },
      recipients: [],
    };
    this.resume({ record, handle: group, ...created, staged: undefined });
  }

  /** Starts with what rested in the store. */
  resume(restored: RestoredMembership): void {
    const { kickedKeys } = this;
    this.#coordinator.handle({ kind: 'start', restored, kickedKeys }, millis(this.now));
    this.run(0);
  }

  input(input: GroupInput): void {
    this.#coordinator.handle(input, millis(this.now));
    this.run(0);
  }

  /** A person removes the member of a leaf for good. */
  kick(leaf: number): void {
    const member = this.epochs.at(-1)?.roster.find((each) => each.leaf === leaf);
    if (member === undefined) throw new Error('nobody is there');
    this.input({ kind: 'kick', signatureKey: member.signatureKey });
  }

  /** Feeds something while an ask is being answered. */
  feedMeanwhile(input: GroupInput): void {
    this.#coordinator.handle(input, millis(this.now));
  }

  leave(): void {
    this.#coordinator.handle({ kind: 'leave' }, millis(this.now));
    this.run(0);
  }

  suspend(): void {
    this.#coordinator.suspend();
    this.run(0);
  }

  /** Leaves asks of a kind unanswered until {@link OneCoordinator.release}. */
  hold(kind: AskKind): void {
    this.#held = kind;
  }

  release(): void {
    this.#held = undefined;
    this.run(0);
  }

  /** Lets time pass. */
  run(ms: number): void {
    const end = this.now + ms;
    for (let steps = 0; steps < MOST_STEPS; steps += 1) {
      this.#drain();
      const open = this.#waiting.find(({ ask }) => ask.kind !== this.#held);
      if (open !== undefined) {
        this.#waiting.splice(this.#waiting.indexOf(open), 1);
        const answer = this.#answer(open.ask);
        this.#coordinator.handle({ kind: 'answer', id: open.id, answer }, millis(this.now));
        continue;
      }
      const deadline = this.#coordinator.deadline();
      if (deadline === undefined || deadline > end) {
        this.now = end;
        return;
      }
      this.now = Math.max(this.now, deadline);
      this.wakes.push(this.now);
      this.#coordinator.expire(millis(this.now));
    }
    throw new Error('the coordinator never rests');
  }

  /** The epoch that a receipt is about. */
  epochOf(receipt: Uint8Array): Epoch {
    return parseReceipt(receipt).epoch;
  }

  /** Asks of a kind, with what they carried and when. */
  asked<Kind extends AskKind>(kind: Kind): { at: number; input: AskTypes[Kind][0] }[] {
    return this.asks.flatMap(({ at, ask }) => (ask.kind === kind ? [{ at, input: ask.input }] : []));
  }

  /** Epochs that were announced. */
  get epochs(): EpochView[] {
    return this.events.flatMap((event) => (event.kind === 'epoch' ? [event.view] : []));
  }

  /** MLS of somebody else. */
  otherMls(key: Uint8Array): FakeMls {
    return new FakeMls(key, this.#parameters, () => (this.#fresh += 1));
  }

  /**
   * The counter's word for an epoch.
   * @param of - the Commit that it is for, the receipt before it, the group and the epoch's key; by default, bytes of no meaning.
   */
  receipt(
    at: Epoch,
    transcript: Uint8Array,
    of: {
      readonly commit?: Uint8Array;
      readonly previous?: Uint8Array;
      readonly group?: Uint8Array;
      readonly nextKey?: Uint8Array;
    } = {},
  ): Uint8Array {
    const { commit = transcript, previous, group = this.group, nextKey = fakeEpochKey(transcript) } = of;
    const previousHash =
      previous === undefined ? new Uint8Array(32) : receiptHash(parseReceipt(previous), crypto);
    return encodeReceipt(
      {
        group,
        epoch: at,
        attempt: 0,
        commitHash: crypto.sha256(commit),
        transcript,
        nextKey,
        time: unixMillis(1_000_000),
        previousHash,
      },
      this.#signer,
      crypto,
    );
  }

  #drain(): void {
    for (let effect = this.#coordinator.poll(); effect; effect = this.#coordinator.poll()) {
      if (effect.kind === 'event') this.events.push(effect.event);
      else {
        this.asks.push({ at: this.now, ask: effect.ask });
        this.#waiting.push({ id: effect.id, ask: effect.ask });
      }
    }
  }

  #answer(ask: Ask): unknown {
    const scripted = this.#answers[ask.kind] as ((input: unknown) => unknown) | undefined;
    return scripted?.(ask.input) ?? this.#perform(ask);
  }

  #perform(ask: Ask): unknown {
    const { mls } = this;
    switch (ask.kind) {
      case 'probe':
        return { kind: 'ok', current: this.#isOurs(ask.input.group) ? this.current : undefined };
      case 'room':
        return { kind: 'ok', meeting: this.meeting, next: (this.meeting ?? -1) + 1 };
      case 'alive':
        this.#renewedAt = this.now;
        return { kind: 'ok', current: ask.input.val, meeting: this.#meetingNow() };
      case 'close':
        return { kind: 'ok', current: ask.input.val, meeting: this.#meetingNow() };
      case 'history': {
        const [current, entries, meeting] = [this.current, this.logged, this.#meetingNow()];
        return { kind: 'ok', current, entries, meeting, nextFrom: undefined };
      }
      case 'lock':
        return this.#lock(ask.input.request);
      case 'increment':
        return this.#increment(ask.input.request);
      case 'create-group':
        return mls.createGroup(ask.input.group, ask.input.joinId, this.otherOrganisers, ask.input.parameters);
      case 'make-key-package':
        return mls.makeKeyPackage(ask.input.asOf, ask.input.joinId);
      case 'inspect-key-package':
        return mls.inspect(ask.input.handle, ask.input.keyPackage);
      case 'stage':
        return mls.stage(ask.input.handle, ask.input.plan);
      case 'process':
        return mls.process(ask.input.handle, ask.input.commit);
      case 'apply':
        return mls.apply(ask.input.handle, ask.input.staged);
      case 'join':
        return mls.join(ask.input.welcome);
      case 'fetch-commits':
        return [];
      default:
        return undefined;
    }
  }

  #lock({ mode, val }: LockRequest): Answer<'lock'> {
    const token = mode === 'fenced' ? ('token' as LockToken) : undefined;
    return val === (this.current ?? -1n) + 1n
      ? { kind: 'granted', token, attempt: 0, expiresInMs: millis(10_000) }
      : { kind: 'counter-error', current: this.current };
  }

  #increment(request: IncrementRequest): Answer<'increment'> {
    this.#renewedAt = this.now;
    this.current = epoch((this.current ?? -1n) + 1n);
    if (request.mode === 'plain') return { kind: 'ok', receipt: undefined };
    const { val, transcript, commit } = request;
    const previous = this.#lastReceipt;
    this.#lastReceipt = this.receipt(
      val,
      transcript,
      previous === undefined ? { commit } : { commit, previous },
    );
    return { kind: 'ok', receipt: this.#lastReceipt };
  }

  #meetingNow(): MeetingNow {
    const left = Math.max(0, LEASE_MS - (this.now - this.#renewedAt));
    return { generation: this.meeting, lease: { leftMs: millis(left), ofMs: millis(LEASE_MS) } };
  }

  #isOurs(group: GroupName): boolean {
    return Buffer.from(group).equals(this.group);
  }
}
