/**
 * A whole meeting in virtual time: real meeting machines and a real relay machine over simulated links, the counter's real
 * rules, MLS without its cryptography, Secure Objects with theirs. Nothing waits; a seed repeats a run.
 */
import { nodeCrypto } from '../../../src/io/crypto/node-crypto.ts';
import type { CounterMode } from '../../../src/protocol/counter/client.ts';
import type { Ed25519Signer } from '../../../src/protocol/group/crypto-port.ts';
import { DEFAULT_TIMING, type Timing } from '../../../src/protocol/group/coordination/timing.ts';
import type { MeetingParameters } from '../../../src/protocol/group/meeting-parameters.ts';
import type { BegunEpoch } from '../../../src/protocol/group/mls.ts';
import type { InvitedRelay } from '../../../src/protocol/group/invitation.ts';
import { fingerprintOf } from '../../../src/protocol/group/names.ts';
import type { RoomKey } from '../../../src/protocol/group/room-keys.ts';
import type { DownlinkItem, MediaKind } from '../../../src/protocol/media/encoded-media.ts';
import type { ConnectionId, MeetingEffect } from '../../../src/protocol/meeting/effects.ts';
import type { MeetingInput } from '../../../src/protocol/meeting/inputs.ts';
import { Meeting } from '../../../src/protocol/meeting/meeting.ts';
import type { GroupView, MeetingView, ParticipantView } from '../../../src/protocol/meeting/view.ts';
import type { RelayPolicy } from '../../../src/protocol/relay/policy.ts';
import type { RelayNode } from '../../../src/protocol/relay/relay-node.ts';
import type { SecureObjectsCrypto } from '../../../src/protocol/secure-objects/crypto.ts';
import { passAccess } from '../../../src/services/relay/pass-access.ts';
import { meetingTracks } from '../../../src/services/relay/meeting-tracks.ts';
import { unixMillis, type Millis } from '../../../src/protocol/units.ts';
import { FakeMls } from '../group/fake-mls.ts';
import { fakeCrypto, fakeSignature } from '../group/simulation.ts';
import { randomBytes, seededRandom } from '../moqt/wire.ts';
import { Agenda, TIME_ORIGIN } from './agenda.ts';
import { answerMls } from './answer-mls.ts';
import { Driven } from './driven.ts';
import type { Deliver, Link, Network } from './link.ts';
import { begunEpochIn, type Meddle, type Question } from './questions.ts';
import type { Place } from './place.ts';
import { SimulatedDisk } from './simulated-disk.ts';
import { SimulatedCounter } from './simulated-counter.ts';
import { PROTOCOL, SimulatedRelay } from './simulated-relay.ts';

/** Where the relay is, and the second where there is one; nobody answers anywhere else. */
export const RELAY = 'moqt://relay.test/';
export const SECOND_RELAY = 'moqt://second.test/';
/** What passes call them. */
export const RELAY_AUTHORITY = 'relay.test:443';
export const SECOND_AUTHORITY = 'second.test:443';
/** How often what is waited for is looked at: it may cost more than what happens meanwhile. */
const LOOK_EVERY_MS = 2;
const LOOK_SELDOM_MS = 200;
/** Sessions that are silent for so long are given up. */
const DROPPED_MS = 9_000;
/** How long MLS and the disk take. */
const MLS_MS = 2;
const DISK_MS = 1;

/** What a world is made with, where the default does not fit. */
export interface WorldOptions {
  readonly seed?: number;
  readonly mode?: CounterMode;
  readonly network?: Partial<Network>;
  readonly timing?: Timing;
  /** Number of the media cipher in the group's parameters. */
  readonly cipher?: number;
  /** How the relay treats tracks; the default is that of Conclave's own. */
  readonly policy?: RelayPolicy;
  /** That of the second relay; the default is that there is none. */
  readonly secondPolicy?: RelayPolicy;
  /** Addresses of relays in the invitation, best first. */
  readonly relays?: readonly InvitedRelay[];
  /** The key of the room. */
  readonly signer?: Ed25519Signer;
  /** How long a generation lives of which nothing is heard; the default is that of the service. */
  readonly leaseMs?: Millis;
  /** What media is sealed with; the default is the real thing. */
  readonly mediaCrypto?: SecureObjectsCrypto;
}

/** The world of one meeting. */
export class SimulatedMeeting {
  readonly agenda = new Agenda();
  readonly counter: SimulatedCounter;
  readonly members: SimulatedMember[] = [];
  readonly network: Network;
  readonly random: () => number;
  readonly parameters: MeetingParameters;
  readonly timing: Timing;
  readonly mediaCrypto: SecureObjectsCrypto;
  readonly relays: readonly InvitedRelay[];
  /** The key of the meeting's room, which all who were invited have. */
  readonly signer: Ed25519Signer;
  /** The one transcript of each epoch of each group, by what members showed. */
  readonly codes = new Map<string, string>();
  /** What must never be, and was. */
  readonly broken: string[] = [];
  /** Whom somebody was in doubt about, and why, each time that it was shown. */
  readonly doubts: string[] = [];
  readonly #relays: ReadonlyMap<string, SimulatedRelay<SimulatedMember>>;
  readonly #relay: SimulatedRelay<SimulatedMember>;
  readonly #policy: RelayPolicy;
  /** Another process of the first relay, for some. */
  #apart:
    | {
        readonly relay: SimulatedRelay<SimulatedMember>;
        readonly isApart: (member: SimulatedMember) => boolean;
      }
    | undefined;
  /** What was last looked at of each. */
  readonly #checked = new WeakMap<SimulatedMember, GroupView>();
  #fresh = 0;

  constructor(options: WorldOptions = {}) {
    const mode = options.mode ?? 'fenced';
    this.random = seededRandom(options.seed ?? 1);
    this.signer = options.signer ?? fakeCrypto.ed25519Signer(new Uint8Array(32).fill(1));
    this.network = { latency: 10, lossPercent: 0, silences: 0, ...options.network };
    this.timing = options.timing ?? DEFAULT_TIMING;
    this.mediaCrypto = options.mediaCrypto ?? nodeCrypto;
    this.relays = options.relays ?? [{ url: RELAY, pass: true }];
    const { policy = policyOf(RELAY_AUTHORITY), secondPolicy } = options;
    this.#policy = policy;
    this.#relay = new SimulatedRelay(this, policy);
    this.#relays = new Map([
      [RELAY, this.#relay],
      ...(secondPolicy === undefined
        ? []
        : [[SECOND_RELAY, new SimulatedRelay<SimulatedMember>(this, secondPolicy)] as const]),
    ]);
    this.counter = new SimulatedCounter(this.agenda, mode, this.signer.publicKey, options.leaseMs);
    this.parameters = {
      secureObjectsSuite: options.cipher ?? 4,
      profile: '01',
      mode,
      receiptKey: this.counter.receiptKey,
      kickedKeys: [],
      admission: 'open',
      organisers: [],
    };
  }

  /** The relay's own numbers. */
  get relay(): RelayNode | undefined {
    return this.#relay.node;
  }

  /** A number that nobody was given before. */
  fresh(): number {
    this.#fresh += 1;
    return this.#fresh;
  }

  /** Somebody comes. */
  join(name: string): SimulatedMember {
    const member = this.make(name);
    member.start();
    return member;
  }

  /** Somebody who has not come yet. */
  make(name: string): SimulatedMember {
    const member = new SimulatedMember(name, this);
    this.members.push(member);
    return member;
  }

  /** Lets time pass. */
  pass(duration: number): void {
    this.agenda.runUntil(this.agenda.now + duration);
  }

  /** Lets time pass until something holds, which is looked at now and then. @returns whether it came to be in `limit` ms. */
  comes(condition: () => boolean, limit: number): boolean {
    const end = this.agenda.now + limit;
    while (!condition()) {
      if (this.agenda.now >= end) return false;
      this.pass(LOOK_SELDOM_MS);
    }
    return true;
  }

  /** Lets time pass until something holds. @throws {Error} with how all stand, when it does not in `limit` ms. */
  until(what: string, condition: () => boolean, limit = 60_000): void {
    const end = this.agenda.now + limit;
    while (!condition()) {
      if (this.agenda.now >= end)
        throw new Error(`not in ${String(limit)} ms: ${what}\n${this.members.map(String).join('\n')}`);
      this.pass(LOOK_EVERY_MS);
    }
  }

  /** All are members of one epoch, and nobody else is. */
  agree(members: readonly SimulatedMember[] = this.present): boolean {
    const codes = new Set(members.map(({ group }) => group?.securityCode));
    return (
      codes.size === 1 &&
      members.every(({ group }) => group?.participants.length === members.length) &&
      members.every(({ view }) => view.end === undefined)
    );
  }

  /** Members whose process runs and who have not ended. */
  get present(): SimulatedMember[] {
    return this.members.filter((member) => member.isRunning && !member.hasEnded);
  }

  /** The relay's process dies without a word. */
  killRelay(): void {
    this.#relay.kill();
  }

  startRelay(): void {
    this.#relay.start();
  }

  /** A member's network carries nothing for a while. */
  cut(member: SimulatedMember, duration: number): void {
    for (const relay of this.#relays.values()) relay.cut(member, duration);
    this.#apart?.relay.cut(member, duration);
  }

  /** Whether whoever runs the first relay helps to split the meeting. */
  get isKeptApart(): boolean {
    return this.#apart !== undefined;
  }

  /** From now on whoever runs the first relay lets these and the others have nothing of each other. */
  keepApart(isApart: (member: SimulatedMember) => boolean): void {
    this.#apart = { relay: new SimulatedRelay<SimulatedMember>(this, this.#policy), isApart };
    for (const member of this.members) if (isApart(member)) this.#relay.cut(member, DROPPED_MS);
  }

  #relayAt(url: string, member: SimulatedMember): SimulatedRelay<SimulatedMember> | undefined {
    return url === RELAY && this.#apart?.isApart(member) === true ? this.#apart.relay : this.#relays.get(url);
  }

  /** A member opens a connection. */
  connect(member: SimulatedMember, connection: ConnectionId, url: string, life: number): void {
    const feed = (input: MeetingInput, isMore = false): void => {
      member.feed(input, life, isMore);
    };
    this.agenda.after(2 * this.network.latency, () => {
      const relay = this.#relayAt(url, member);
      if (relay?.node === undefined || !member.reachesRelay) {
        feed({ kind: 'connect-failed', connection, reason: 'refused' });
        return;
      }
      const link = relay.reach(member, (event, isMore) => {
        feed({ kind: 'transport', connection, event }, isMore);
      });
      member.links.set(connection, link);
      feed({
        kind: 'connected',
        connection,
        established: { transport: 'quic', protocol: PROTOCOL, path: '/', authority: new URL(url).host },
      });
    });
  }

  /** A connection to the relay that is no member's; its end here is side `a`. */
  reachRelay(deliver: Deliver): Link {
    return this.#relay.reach(undefined, deliver);
  }

  /** A member was handed something to play or to do. */
  heard(_member: SimulatedMember, _item: DownlinkItem): void {
    // Nobody watches.
  }

  /** Each epoch of a group has one security code, whoever shows it. */
  check(member: SimulatedMember, { group }: MeetingView): void {
    if (group === undefined) return;
    for (const { displayName, doubt } of group.participants)
      if (doubt !== 'none') this.doubts.push(`${member.name} of ${displayName ?? 'somebody'}: ${doubt}`);
    const checked = this.#checked.get(member);
    if (checked?.securityCode === group.securityCode && checked.epoch === group.epoch) return;
    this.#checked.set(member, group);
    const key = `${Buffer.from(group.group).toString('hex')}/${String(group.epoch)}`;
    const code = this.codes.get(key) ?? group.securityCode;
    this.codes.set(key, code);
    if (code !== group.securityCode) this.broken.push(`${member.name} sees another ${key}: a fork`);
  }
}

/** That of Conclave's own relay. @param authority - what passes call it. */
export function policyOf(authority: string): RelayPolicy {
  return { ...meetingTracks, ...passAccess(() => [authority], fakeCrypto) };
}

/** One member: its process may die and come back, its disk and its key stay. */
export class SimulatedMember {
  readonly name: string;
  /** Our own participant id. */
  readonly id: string;
  /** Everything that would have gone to the renderer, in order. */
  readonly received: DownlinkItem[] = [];
  readonly links = new Map<ConnectionId, Link>();
  /** Whether its network lets it connect to relays. */
  reachesRelay = true;
  reachesCounter = true;
  /** How wrong its clock is, ms; looked at when its process starts. */
  clockOffset = 0;
  meddle: Meddle | undefined;
  /** All that its machine was ever told of epochs by MLS, as somebody has who keeps everything. */
  readonly memory: BegunEpoch[] = [];
  /** When each view was shown. */
  readonly shownAt: number[] = [];
  /** Bytes that the transport says are queued on a stream after each write. */
  queuedBytes = 0;
  /** Whether the transport ever says that all is sent. */
  flushes = true;
  /** Whether its machine has said that it can go. */
  hasEnded = false;
  /** How long each of MLS's answers takes. */
  mlsMs = MLS_MS;
  /** How long a membership takes to be written; it is serialised before. */
  saveMs = DISK_MS;
  /** Whether what it signs with its own key is signed. */
  signs = true;
  readonly #world: SimulatedMeeting;
  readonly #signer: Place['signer'];
  readonly #key: Uint8Array;
  readonly disk = new SimulatedDisk();
  #driven: Driven<MeetingInput, MeetingEffect> | undefined;
  #mls: FakeMls | undefined;
  #view: MeetingView | undefined;
  #life = 0;
  /** Counts MLS’s lives: what is under way when it dies is never answered. */
  #mlsLife = 0;
  #timestamp = 0;
  #wantsKeyframe = true;
  /** With what its group is made, should there be none. */
  parameters: MeetingParameters;

  constructor(name: string, world: SimulatedMeeting, place: Place = world) {
    this.name = name;
    this.#world = world;
    this.#signer = place.signer;
    this.parameters = place.parameters;
    this.#key = fakeCrypto.sha256(Buffer.from(name));
    this.id = Buffer.from(fingerprintOf(this.#key, fakeCrypto)).toString('base64url');
  }

  /** The room that it is in. */
  get room(): RoomKey {
    return this.#signer.publicKey as RoomKey;
  }

  /** Counts processes. */
  get life(): number {
    return this.#life;
  }

  get signatureKey(): Uint8Array {
    return this.#key;
  }

  get isRunning(): boolean {
    return this.#driven !== undefined;
  }

  get view(): MeetingView {
    if (this.#view === undefined) throw new Error(`${this.name} has shown nothing yet`);
    return this.#view;
  }

  get group(): GroupView | undefined {
    return this.#view?.group;
  }

  get epoch(): bigint | undefined {
    return this.group?.epoch;
  }

  /** What is shown of somebody. */
  sees(other: SimulatedMember): ParticipantView | undefined {
    return this.group?.participants.find(({ id }) => id === other.id);
  }

  start(): void {
    const { random, relays, timing, mediaCrypto } = this.#world;
    const { parameters } = this;
    const signer = this.#signer;
    this.#life += 1;
    this.hasEnded = false;
    const life = this.#life;
    this.#mls = new FakeMls(this.#key, parameters, () => this.#world.fresh());
    const machine = new Meeting({
      relays,
      room: this.room,
      signer,
      headKey: new Uint8Array(16).fill(3),
      memberSigner: {
        publicKey: this.#key,
        sign: (message) => fakeSignature(this.signs ? this.#key : new Uint8Array(32), message),
      },
      parameters,
      fingerprint: fingerprintOf(this.#key, fakeCrypto),
      displayName: this.name,
      timing,
      timeOrigin: unixMillis(TIME_ORIGIN + this.clockOffset),
      groupCrypto: fakeCrypto,
      mediaCrypto,
      random: (length) => randomBytes(random, length),
    });
    this.#driven = new Driven(
      machine,
      (effect) => {
        this.#perform(effect, life);
      },
      this.#world.agenda,
    );
    this.feed({ kind: 'start' });
  }

  /** The process dies without a word. */
  kill(): void {
    this.#life += 1;
    this.#driven?.stop();
    this.#driven = undefined;
    this.#view = undefined;
    for (const link of this.links.values()) link.kill('a');
    this.links.clear();
  }

  /**
   * The process, or the whole machine, stands still for a while, and nobody hears of it.
   * @param machine - whether the machine sleeps: its clock stands still too, and it says when it falls asleep and wakes.
   */
  sleep(duration: number, machine: boolean): void {
    if (machine) this.feed({ kind: 'sleeping' });
    this.halt(duration, !machine);
    if (machine)
      this.#world.agenda.after(duration, () => {
        this.feed({ kind: 'woke' });
      });
  }

  /** Nothing happens in it for a while. @param counted - whether its clock goes on. */
  halt(duration: number, counted: boolean): void {
    this.#driven?.halt(duration, counted);
    for (const link of this.links.values()) link.freeze('a', duration);
  }

  /** Writes fail from now on, or work again. */
  failDisk(fails: boolean): void {
    this.disk.fails = fails;
  }

  /** MLS of this process. */
  get mls(): FakeMls | undefined {
    return this.#mls;
  }

  /** What MLS has of this process. */
  get mlsHolds(): FakeMls['holds'] | undefined {
    return this.#mls?.holds;
  }

  get hasSaved(): boolean {
    return this.disk.hasMembership;
  }

  /** Told of each effect before it is performed. */
  performed: (effect: MeetingEffect) => void = () => undefined;

  /** Called when a membership is written, before its process hears of it. */
  saved: () => void = () => undefined;

  /** MLS dies with all that it held, and is started anew. */
  loseMls(): void {
    this.#mlsLife += 1;
    this.#mls = new FakeMls(this.#key, this.parameters, () => this.#world.fresh());
    this.feed({ kind: 'mls-lost' });
  }

  loseDisk(): void {
    this.disk.lose();
  }

  feed(input: MeetingInput, life = this.#life, isMore = false): void {
    if (life === this.#life) this.#driven?.feed(input, isMore);
  }

  goLive(): void {
    this.feed({ kind: 'sending', sending: { microphone: true, camera: true } });
    this.#announceSound();
    this.feed({
      kind: 'uplink',
      item: {
        kind: 'uplink-config',
        config: { kind: 'video', codec: 'vp8', width: 320, height: 180, framerate: 15 },
        bitrate: 700_000,
      },
    });
  }

  /** Goes live with sound alone. */
  goOnAir(): void {
    this.feed({ kind: 'sending', sending: { microphone: true, camera: false } });
    this.#announceSound();
  }

  #announceSound(): void {
    this.feed({
      kind: 'uplink',
      item: {
        kind: 'uplink-config',
        config: { kind: 'audio', codec: 'opus', sampleRate: 48_000, channels: 1 },
        bitrate: 32_000,
      },
    });
  }

  speak(text: string): void {
    this.#chunk('audio', true, text);
  }

  show(text: string): void {
    const keyframe = this.#wantsKeyframe;
    this.#wantsKeyframe = false;
    this.#chunk('video', keyframe, text);
  }

  /** What was heard or seen of somebody, as text. */
  got(from: SimulatedMember, media: MediaKind): string[] {
    return this.received.flatMap((item) =>
      item.kind === 'chunk' && item.participant === from.id && item.media === media
        ? [Buffer.from(item.bytes).toString()]
        : [],
    );
  }

  toString(): string {
    if (this.#view === undefined) return `${this.name}: dead`;
    const { step, connection, end, group } = this.#view;
    const where = group === undefined ? 'no group' : `epoch ${String(group.epoch)}`;
    const size = String(group?.participants.length ?? 0);
    return `${this.name}: ${step}, ${connection.kind}, ${where} of ${size}${end === undefined ? '' : `, ${end}`}`;
  }

  #chunk(media: MediaKind, keyframe: boolean, text: string): void {
    this.#timestamp += 20_000;
    const bytes = new Uint8Array(Buffer.from(text));
    const timestamp = this.#timestamp;
    this.feed({ kind: 'uplink', item: { kind: 'uplink-chunk', media, timestamp, keyframe, bytes } });
  }

  #perform(effect: MeetingEffect, life: number): void {
    const { agenda } = this.#world;
    // A process that died wants nothing any more.
    if (life !== this.#life) return;
    if (this.hasEnded) this.#world.broken.push(`${this.name} wants ${effect.kind} after its end`);
    this.performed(effect);
    if (effect.kind === 'transport' || effect.kind === 'connect') this.meddle?.('command', 'before');
    if (life !== this.#life) return;
    switch (effect.kind) {
      case 'connect':
        this.#world.connect(this, effect.connection, effect.relay, life);
        return;
      case 'transport': {
        const { connection, command } = effect;
        this.links.get(connection)?.command('a', command);
        if (command.kind === 'write')
          this.feed({ kind: 'queued', connection, stream: command.stream, bytes: this.queuedBytes }, life);
        return;
      }
      case 'flush':
        if (!this.flushes) return;
        agenda.after(this.#world.network.latency, () => {
          this.feed({ kind: 'flushed', connection: effect.connection }, life);
        });
        return;
      case 'counter':
      case 'mls':
      case 'store':
        this.#asked(effect, life);
        return;
      case 'downlink':
        if (effect.item.kind === 'keyframe-wanted') this.#wantsKeyframe = true;
        this.received.push(effect.item);
        this.#world.heard(this, effect.item);
        return;
      case 'show':
        this.#view = effect.view;
        this.shownAt.push(agenda.now);
        this.#world.check(this, effect.view);
        return;
      case 'moved':
        return;
      case 'ended':
        this.hasEnded = true;
        return;
    }
  }

  #asked(effect: Question, life: number): void {
    const mlsLife = this.#mlsLife;
    this.#in(this.meddle?.(effect.ask.kind, 'before')?.delay ?? 0, () => {
      this.#answer(effect, life, mlsLife);
    });
  }

  #answer(effect: Question, life: number, mlsLife: number): void {
    const { agenda, counter } = this.#world;
    const { room } = this;
    const isOver = (): boolean => life !== this.#life || mlsLife !== this.#mlsLife;
    const answered = (answer: unknown): void => {
      this.#answered(effect, answer, life);
    };
    switch (effect.kind) {
      case 'counter':
        if (!isOver()) counter.ask(effect.ask, this.#mls, answered, () => this.reachesCounter, room);
        return;
      case 'mls':
        agenda.after(this.mlsMs, () => {
          if (!isOver()) answered(answerMls(this.#mls, effect.ask, this.name));
        });
        return;
      case 'store':
        agenda.after(effect.ask.kind === 'save' ? this.saveMs : DISK_MS, () => {
          if (life !== this.#life || (effect.ask.kind !== 'erase' && isOver())) return;
          const answer = this.#mls && this.disk.answer(effect.ask, this.#mls);
          if (effect.ask.kind === 'save' && answer === 'written') this.saved();
          answered(answer);
        });
        return;
    }
  }

  #answered({ id, ask, kind }: Question, value: unknown, life: number): void {
    if (life !== this.#life) return;
    this.memory.push(...begunEpochIn(value));
    const { delay = 0, lost = false } = this.meddle?.(ask.kind, 'after') ?? {};
    const answer = lost && kind === 'counter' ? { kind: 'unreachable', reason: 'lost' } : value;
    this.#in(delay, () => {
      this.feed({ kind: 'answer', id, answer }, life);
    });
  }

  #in(delay: number, run: () => void): void {
    if (delay === 0) run();
    else this.#world.agenda.after(delay, run);
  }
}
