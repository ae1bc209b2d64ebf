import { createHmac, hash } from 'node:crypto';
import { equal } from '../../../src/protocol/bytes/equal.ts';
import type { CounterFailure, CounterMode, LockToken } from '../../../src/protocol/counter/client.ts';
import { DEFAULT_TIMES } from '../../../src/protocol/counter/room.ts';
import { counterIdOf } from '../../../src/protocol/counter/rules.ts';
import { EpochCounter } from '../../../src/protocol/counter/epoch-counter.ts';
import type { Ask, MembershipRecord } from '../../../src/protocol/group/coordination/asks.ts';
import type {
  CoordinatorEvent,
  GroupInput,
  RestoredMembership,
} from '../../../src/protocol/group/coordination/context.ts';
import { Coordinator } from '../../../src/protocol/group/coordination/coordinator.ts';
import { JOIN_ID_BYTES, type JoinId } from '../../../src/protocol/group/leaf-join.ts';
import { DEFAULT_TIMING } from '../../../src/protocol/group/coordination/timing.ts';
import type { Timing } from '../../../src/protocol/group/coordination/timing.ts';
import type { GroupCrypto } from '../../../src/protocol/group/crypto-port.ts';
import type { MeetingParameters } from '../../../src/protocol/group/meeting-parameters.ts';
import type { EpochView } from '../../../src/protocol/group/mls.ts';
import { fingerprintOf } from '../../../src/protocol/group/names.ts';
import type { GroupName, SenderId } from '../../../src/protocol/group/names.ts';
import type { RoomKey } from '../../../src/protocol/group/room-keys.ts';
import { millis, unixMillis } from '../../../src/protocol/units.ts';
import type { Epoch } from '../../../src/protocol/units.ts';
import { answerCounter } from '../counter/answer-counter.ts';
import { MemoryCounterStore } from '../counter/memory-store.ts';
import { fakeProof, FakeMls, renewsOnly } from './fake-mls.ts';
import { keyedHash } from './keyed-hash.ts';

/** What may happen at one step of one member. */
export type Fault =
  /** The process dies before or after the step took effect, and comes back later or never. */
  | 'crash-before'
  | 'crash-after'
  | 'die-before'
  | 'die-after'
  /** The step, or only its answer, takes longer than any lock lives. */
  | 'stall-before'
  | 'stall-after'
  /** The question or the answer is lost: the outcome is unknown. For the counter. */
  | 'lose-question'
  | 'lose-answer'
  /** The question arrives twice; the second answer is seen. For the counter. */
  | 'duplicate'
  /** What is sent by MOQT arrives nowhere. For publishing. */
  | 'lose-publication';

/** Faults by the number of the step at which they happen. */
export type FaultPlan = ReadonlyMap<number, Fault>;

/** What a run came to. */
export interface RunOutcome {
  /** Steps that were taken while faults could happen; and which of them could have which faults. */
  readonly steps: readonly Ask['kind'][];
  /** What was broken; undefined: nothing. */
  readonly broken: string | undefined;
}

const LOCK_MS = 5_000;
const STALL_MS = 2 * LOCK_MS;
const RESTART_MS = 3_000;
const STEP_MS = 2;

/** Signatures that cost little: whoever could forge one would be the test. */
const digest = (bytes: Uint8Array): Uint8Array => new Uint8Array(hash('sha256', bytes, 'buffer'));
export const fakeSignature = (key: Uint8Array, message: Uint8Array): Uint8Array =>
  keyedHash(64, key, message);
export const fakeCrypto: GroupCrypto = {
  sha256: digest,
  ed25519Signer: (seed) => {
    const publicKey = digest(seed);
    return { publicKey, sign: (message) => fakeSignature(publicKey, message) };
  },
  hmacSha256: (key, bytes) => new Uint8Array(createHmac('sha256', key).update(bytes).digest()),
  verifyEd25519: (key, message, signature) => equal(fakeSignature(key, message), signature),
};
export const serviceKey = new Uint8Array(32).fill(9);
const unreachable: CounterFailure = { kind: 'unreachable', reason: 'lost' };
const isCounter = (kind: Ask['kind']): boolean =>
  ['probe', 'room', 'lock', 'increment', 'alive', 'close', 'history', 'upload'].includes(kind);
const isPublication = (kind: Ask['kind']): boolean => kind.startsWith('publish-');

/** Which faults a step can have. */
export function faultsOf(kind: Ask['kind']): readonly Fault[] {
  const always: Fault[] = ['crash-before', 'crash-after', 'die-before', 'die-after'];
  if (isCounter(kind)) {
    return [...always, 'stall-before', 'stall-after', 'lose-question', 'lose-answer', 'duplicate'];
  }
  return isPublication(kind) ? [...always, 'stall-before', 'lose-publication'] : [...always, 'stall-before'];
}

interface Pending {
  readonly id: number;
  readonly ask: Ask;
  readonly life: number;
}

class Device {
  readonly name: string;
  readonly key: Uint8Array;
  coordinator: Coordinator | undefined;
  mls: FakeMls | undefined;
  /** Counts processes: what belongs to a dead one is void. */
  life = 0;
  disk: { record: MembershipRecord; state: Uint8Array } | undefined;
  /** What it remembers of kicks. */
  kickedKeys: readonly Uint8Array[] = [];
  entered: { group: GroupName; senderId: SenderId } | undefined;
  /** Where the Welcomes of the last published Commit went: its receipt follows them. */
  welcomed: { readonly at: string; readonly recipients: readonly SenderId[] } | undefined;
  view: { group: string; epoch: Epoch; transcript: string; size: number } | undefined;
  stopped: string | undefined;
  dead = false;

  constructor(name: string) {
    this.name = name;
    this.key = digest(Buffer.from(name));
  }
}

/** Some devices, one counter with its real rules, one relay that keeps nothing; time is a number. */
export class Simulation {
  readonly devices: Device[];
  /** When the counter took a Commit that only renews, or renews and lets somebody in, and of whom. */
  readonly renewals: { readonly at: number; readonly by: string }[] = [];
  readonly #timing: Timing;
  readonly #parameters: MeetingParameters;
  readonly #counter: EpochCounter;
  readonly #room = new Uint8Array(32).fill(1) as RoomKey;
  readonly #queue: (Pending & { device: Device })[] = [];
  readonly #later: { at: number; run: () => void }[] = [];
  /** The one transcript of each epoch of each group. */
  readonly #line = new Map<string, string>();
  #faults: FaultPlan = new Map();
  #steps: Ask['kind'][] = [];
  #counting = false;
  #now = 0;
  #fresh = 0;
  #broken: string | undefined;

  constructor(mode: CounterMode, names: readonly string[] = ['a', 'b', 'c'], timing: Partial<Timing> = {}) {
    this.devices = names.map((name) => new Device(name));
    this.#timing = { ...DEFAULT_TIMING, step: millis(200), ...timing };
    this.#parameters = {
      secureObjectsSuite: 4,
      profile: '01',
      mode,
      receiptKey: mode === 'fenced' ? serviceKey : undefined,
      kickedKeys: [],
      admission: 'open',
      organisers: [],
    };
    const signer = {
      publicKey: serviceKey,
      sign: (message: Uint8Array) => fakeSignature(serviceKey, message),
    };
    this.#counter = new EpochCounter(
      new MemoryCounterStore(),
      { signer, verifier: fakeCrypto },
      { ...DEFAULT_TIMES, lockMs: millis(LOCK_MS) },
    );
  }

  /** Another device. */
  add(name: string): Device {
    const device = new Device(name);
    this.devices.push(device);
    return device;
  }

  /** A device removes another one for good. */
  kick(by: Device, name: string): void {
    const other = this.devices.find((device) => device.name === name);
    if (other === undefined || this.#leafOf(by, other) === undefined)
      throw new Error(`${name} is in no group`);
    this.input(by, { kind: 'kick', signatureKey: other.key });
  }

  /** Starts a device now. */
  start(device: Device): void {
    device.life += 1;
    device.welcomed = undefined;
    device.dead = false;
    const fresh = (): number => (this.#fresh += 1);
    const mls = new FakeMls(device.key, this.#parameters, fresh);
    device.mls = mls;
    device.entered = undefined;
    device.coordinator = new Coordinator({
      room: this.#room,
      parameters: this.#parameters,
      fingerprint: fingerprintOf(device.key, fakeCrypto),
      crypto: fakeCrypto,
      random: (length) => digest(Buffer.from(`random ${String(fresh())}`)).slice(0, length),
      joinId: () => digest(Buffer.from(`join ${String(fresh())}`)).slice(0, JOIN_ID_BYTES) as JoinId,
      timing: this.#timing,
    });
    let restored: RestoredMembership | undefined;
    if (device.disk !== undefined) {
      const { group, ...rest } = mls.restore(device.disk.state);
      restored = { record: device.disk.record, handle: group, ...rest };
    }
    const { kickedKeys } = device;
    device.coordinator.handle({ kind: 'start', restored, kickedKeys }, millis(this.#now));
    this.#drain(device);
  }

  /** Starts a device after a while, faults or not. */
  startLater(device: Device, ms: number): void {
    this.#after(ms, () => {
      this.start(device);
    });
  }

  input(device: Device, input: GroupInput): void {
    if (device.dead || device.coordinator === undefined) return;
    device.coordinator.handle(input, millis(this.#now));
    this.#drain(device);
  }

  /** Lets time pass without faults. */
  settle(ms: number): void {
    this.#run(this.#now + ms);
  }

  /** Lets time pass while faults happen as planned. */
  suffer(faults: FaultPlan, ms: number): void {
    this.#faults = faults;
    this.#steps = [];
    this.#counting = true;
    this.#run(this.#now + ms);
    this.#counting = false;
  }

  outcome(): RunOutcome {
    return { steps: this.#steps, broken: this.#broken };
  }

  /** Checks that all who live are members of one epoch, and that it can go on from there. */
  checkProgress(): void {
    const alive = this.devices.filter((device) => !device.dead);
    this.#expectTogether(alive, 'after the faults');
    for (const device of alive) {
      const before = device.view?.epoch;
      this.input(device, { kind: 'update' });
      this.settle(20_000);
      this.#expectTogether(alive, `after an update by ${device.name}`);
      if (before !== undefined && device.view !== undefined && device.view.epoch <= before) {
        this.#break(`${device.name} cannot commit any more`);
      }
    }
  }

  #expectTogether(alive: readonly Device[], when: string): void {
    const stands = alive.map(({ name, view, stopped }) =>
      view === undefined || stopped !== undefined
        ? `${name} is no member (${stopped ?? 'waiting'})`
        : `${view.group}/${String(view.epoch)}/${view.transcript}`,
    );
    if (new Set(stands).size > 1) this.#break(`${when}: ${stands.join(', ')}`);
    if (alive.some(({ view }) => view === undefined)) this.#break(`${when}: ${stands.join(', ')}`);
  }

  #break(what: string): void {
    this.#broken ??= what;
  }

  #run(end: number): void {
    for (;;) {
      const next = this.#queue.shift();
      if (next !== undefined) {
        this.#now += STEP_MS;
        this.#step(next);
        continue;
      }
      const at = this.#wakeAt();
      if (at === undefined || at > end) break;
      this.#now = Math.max(this.#now, at);
      const due = this.#later.filter((each) => each.at <= this.#now);
      for (const each of due) {
        this.#later.splice(this.#later.indexOf(each), 1);
        each.run();
      }
      for (const device of this.devices) {
        const deadline = device.dead ? undefined : device.coordinator?.deadline();
        if (deadline === undefined || deadline > this.#now) continue;
        device.coordinator?.expire(millis(this.#now));
        this.#drain(device);
      }
    }
    this.#now = Math.max(this.#now, end);
  }

  #wakeAt(): number | undefined {
    const times = this.#later.map(({ at }) => at);
    for (const device of this.devices) {
      const deadline = device.dead ? undefined : device.coordinator?.deadline();
      if (deadline !== undefined) times.push(deadline);
    }
    return times.length === 0 ? undefined : Math.min(...times);
  }

  #step({ device, id, ask, life }: Pending & { device: Device }): void {
    if (device.dead || life !== device.life) return;
    let fault: Fault | undefined;
    if (this.#counting) {
      fault = this.#faults.get(this.#steps.length);
      this.#steps.push(ask.kind);
    }
    const answer = (value: unknown): void => {
      if (device.dead || life !== device.life) return;
      device.coordinator?.handle({ kind: 'answer', id, answer: value }, millis(this.#now));
      this.#drain(device);
    };
    switch (fault) {
      case undefined:
        answer(this.#perform(device, ask));
        break;
      case 'crash-before':
      case 'die-before':
        this.#kill(device, fault === 'crash-before');
        break;
      case 'crash-after':
      case 'die-after':
        this.#perform(device, ask);
        this.#kill(device, fault === 'crash-after');
        break;
      case 'stall-before':
        this.#after(STALL_MS, () => {
          if (!device.dead && life === device.life) answer(this.#perform(device, ask));
        });
        break;
      case 'stall-after': {
        const value = this.#perform(device, ask);
        this.#after(STALL_MS, () => {
          answer(value);
        });
        break;
      }
      case 'lose-question':
        answer(unreachable);
        break;
      case 'lose-answer':
        this.#perform(device, ask);
        answer(unreachable);
        break;
      case 'duplicate':
        this.#perform(device, ask);
        answer(this.#perform(device, ask));
        break;
      case 'lose-publication':
        answer(undefined);
        break;
    }
  }

  #after(ms: number, run: () => void): void {
    this.#later.push({ at: this.#now + ms, run });
  }

  #kill(device: Device, comesBack: boolean): void {
    device.dead = true;
    device.coordinator = undefined;
    device.view = undefined;
    if (comesBack) {
      this.#after(RESTART_MS, () => {
        this.start(device);
      });
      return;
    }
    // The others' transport notices.
    this.#after(RESTART_MS, () => {
      for (const other of this.devices) {
        const leaf = other.dead ? undefined : this.#leafOf(other, device);
        if (leaf !== undefined) this.input(other, { kind: 'member-vanished', leaf });
      }
    });
  }

  #leafOf(observer: Device, other: Device): ReturnType<typeof leafOf> {
    return leafOf(this.#views.get(observer), other.key);
  }

  readonly #views = new Map<Device, EpochView>();

  #drain(device: Device): void {
    for (;;) {
      const effect = device.coordinator?.poll();
      if (effect === undefined) return;
      if (effect.kind === 'event') this.#event(device, effect.event);
      else this.#queue.push({ device, id: effect.id, ask: effect.ask, life: device.life });
    }
  }

  #event(device: Device, event: CoordinatorEvent): void {
    if (event.kind === 'equivocation') this.#break(`${device.name} saw an equivocation`);
    if (event.kind === 'stopped') device.stopped = event.reason;
    if (event.kind === 'generation') device.view = undefined;
    if (event.kind !== 'epoch') return;
    const { view } = event;
    const group = Buffer.from(view.groupId).toString('hex');
    const transcript = Buffer.from(view.transcript).toString('hex');
    device.view = { group, epoch: view.epoch, transcript, size: view.roster.length };
    this.#views.set(device, view);
    const at = `${group}/${String(view.epoch)}`;
    const line = this.#line.get(at);
    if (line !== undefined && line !== transcript) this.#break(`two epochs ${String(view.epoch)}: a fork`);
    this.#line.set(at, transcript);
  }

  #perform(device: Device, ask: Ask): unknown {
    const mls = device.mls;
    if (mls === undefined) throw new Error('no MLS');
    const now = unixMillis(1_000_000 + this.#now);
    switch (ask.kind) {
      case 'probe':
        return {
          kind: 'ok',
          current: this.#counter.current(counterIdOf(ask.input.group, this.#parameters.mode)),
        };
      case 'room':
      case 'lock':
      case 'increment':
      case 'alive':
      case 'close':
      case 'history':
      case 'upload': {
        const proof = fakeProof(this.#room, mls, 'member' in ask.input ? ask.input.member : undefined);
        const fresh = `token ${String((this.#fresh += 1))}` as LockToken;
        const outcome = answerCounter(this.#counter, ask, { room: this.#room, proof, now, fresh });
        this.#note(device, ask, outcome);
        return outcome;
      }
      case 'create-group':
        return mls.createGroup(ask.input.group, ask.input.joinId, [], ask.input.parameters);
      case 'make-key-package':
        return mls.makeKeyPackage(ask.input.asOf, ask.input.joinId);
      case 'forget-key-packages':
        mls.forgetKeyPackages();
        return undefined;
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
      case 'forget-group':
        mls.forget(ask.input.handle);
        return undefined;
      case 'save':
        device.disk = { record: ask.input.record, state: mls.serialise(ask.input.handle) };
        return undefined;
      case 'remember-kicked':
        device.kickedKeys = [...device.kickedKeys, ...ask.input.keys];
        return undefined;
      case 'erase':
        device.disk = undefined;
        return undefined;
      case 'enter-group':
        device.entered = ask.input;
        return undefined;
      case 'fetch-commits':
        return [];
      case 'sleep':
        throw new Error('the coordinator sleeps by its deadline');
      default:
        this.#publish(device, ask);
        return undefined;
    }
  }

  #note(device: Device, ask: Ask, outcome: unknown): void {
    if (ask.kind !== 'increment' || ask.input.request.mode !== 'fenced') return;
    if ((outcome as { readonly kind: string }).kind !== 'ok') return;
    const { val, commit } = ask.input.request;
    if (val > 0n && renewsOnly(commit)) this.renewals.push({ at: this.#now, by: device.name });
  }

  /** Hands on what is published, a moment later. */
  #publish(
    from: Device,
    ask: Ask<'publish-key-package' | 'publish-commit' | 'publish-receipt' | 'republish-welcome'>,
  ): void {
    const { group } = ask.input;
    const all = (input: GroupInput): void => {
      this.#deliver(from, group, undefined, input);
    };
    const to = (recipient: SenderId, of: Epoch, object: number, payload: Uint8Array): void => {
      this.#deliver(from, group, recipient, {
        kind: 'welcome-object',
        object: { epoch: of, object, payload },
      });
    };
    switch (ask.kind) {
      case 'publish-key-package':
        all({ kind: 'key-package', sender: ask.input.senderId, payload: ask.input.keyPackage });
        break;
      case 'publish-commit': {
        const { epoch: of, attempt, commit, welcomes } = ask.input;
        all({ kind: 'commit-object', object: { epoch: of, object: 2 * attempt, payload: commit } });
        for (const { recipient, welcome } of welcomes) to(recipient, of, 2 * attempt, welcome);
        const recipients = welcomes.map(({ recipient }) => recipient);
        from.welcomed = { at: `${String(of)}/${String(attempt)}`, recipients };
        break;
      }
      case 'publish-receipt': {
        const { epoch: of, attempt, receipt } = ask.input;
        all({ kind: 'commit-object', object: { epoch: of, object: 2 * attempt + 1, payload: receipt } });
        if (from.welcomed?.at !== `${String(of)}/${String(attempt)}`) break;
        for (const recipient of from.welcomed.recipients) to(recipient, of, 2 * attempt + 1, receipt);
        break;
      }
      case 'republish-welcome': {
        const { epoch: of, attempt, delivery, receipt } = ask.input;
        to(delivery.recipient, of, 2 * attempt, delivery.welcome);
        if (receipt !== undefined) to(delivery.recipient, of, 2 * attempt + 1, receipt);
        break;
      }
    }
  }

  #deliver(from: Device, group: GroupName, recipient: SenderId | undefined, input: GroupInput): void {
    this.#after(STEP_MS, () => {
      for (const device of this.devices) {
        const { entered } = device;
        if (device === from || device.dead || entered === undefined) continue;
        if (!Buffer.from(entered.group).equals(group)) continue;
        if (recipient !== undefined && !Buffer.from(entered.senderId).equals(recipient)) continue;
        this.input(device, input);
      }
    });
  }
}

function leafOf(view: EpochView | undefined, key: Uint8Array): EpochView['ownLeaf'] | undefined {
  return view?.roster.find((member) => Buffer.from(member.signatureKey).equals(key))?.leaf;
}
