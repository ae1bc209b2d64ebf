/**
 * One meeting, from joining to leaving, without any window: the group's keys, the relay's session, our media and the
 * others'. The app gives it ports and draws its state; a test runs twenty-five of them in a process.
 */
import type { MoqtClient, PublishOffer, TrackOrigin } from '../../io/moqt/client-api.ts';
import type { DownlinkFeedback, DownlinkItem, MediaKind, UplinkItem } from '../../contract/media.ts';
import type { ParticipantId } from '../../contract/state.ts';
import { compareLocations, type Location } from '../../protocol/moqt/model.ts';
import type { Epoch, Millis } from '../../protocol/units.ts';
import type { GroupStep, StopReason } from '../../protocol/group/progress.ts';
import type { EpochBegun, EpochChange, GroupEvent } from '../group/group-events.ts';
import { flushed } from './flush.ts';
import { Generation, type GenerationContext } from './generation.ts';
import type { MeetingGroup, MeetingGroupListener } from './meeting-group.ts';
import type { Members } from './members.ts';
import { RelayConnection, type ConnectRelay } from './relay-connection.ts';

/** What a meeting is made of. */
export interface MeetingPorts {
  /** Relay URLs, best first. */
  readonly relays: readonly string[];
  /** Opens a session; the origin answers what the relay asks of us. */
  readonly connect: (url: string, origin: TrackOrigin) => ReturnType<ConnectRelay>;
  /** Joins the group; called once, before the first session. */
  readonly group: (listener: MeetingGroupListener) => MeetingGroup;
  readonly displayName: () => string;
  /** Monotonic. */
  readonly now: () => Millis;
  /** ms since 1970. */
  readonly wallClock: () => number;
  /** Opened media and wishes to the encoder, in order. */
  readonly downlink: (item: DownlinkItem) => void;
  /** The meeting's state changed. */
  readonly changed: () => void;
  /** The meeting is over for us: what it was made of can go. */
  readonly ended: () => void;
}

/** Why the meeting is over for us. */
export type MeetingEnd =
  | StopReason
  /** The meeting's media cipher is not known here. */
  | 'unknown-cipher'
  /** A fault of our own; its message says nothing to people. */
  | 'fault';

/** One change of keys, as it was when it happened. */
export interface EpochRecord {
  readonly epoch: Epoch;
  readonly change: EpochChange;
  /** Equal for all members of the epoch. */
  readonly securityCode: string;
}

/** The relay's session. */
export type Connection =
  | { readonly kind: 'connecting'; readonly relay: string; readonly attempt: number }
  | { readonly kind: 'connected'; readonly relay: string };

/** The group as it is now; without its keys. */
export type CurrentEpoch = Omit<EpochBegun, 'masterKey'>;

/** Something that a person must know and that does not end the meeting. */
export type Attention = 'equivocation' | 'newer-generation' | 'kicked-asks' | 'store-failing';

const TICK_MS = 250;
/** Video is encoded with fewer bits for this long after a queue grew too long. */
const CONGESTION_MS = 5_000;
const CONGESTED_BITRATE = 250_000;
const MAX_HISTORY = 500;
const MAX_EARLY_OFFERS = 256;
/** REQUEST_ERROR code. @see moqt-18 #iana-request-error */
const UNINTERESTED = 0x20;

/** See the module's description. */
export class Meeting {
  readonly #ports: MeetingPorts;
  readonly #connection: RelayConnection;
  readonly #group: MeetingGroup;
  readonly #tick: NodeJS.Timeout;
  readonly #attention = new Set<Attention>();
  #session: { readonly client: MoqtClient; readonly since: Millis } | undefined;
  #relay: Connection;
  #step: GroupStep = 'seeking';
  #current: CurrentEpoch | undefined;
  #history: readonly EpochRecord[] = [];
  #generation: Generation | undefined;
  #earlyOffers: PublishOffer[] = [];
  #sending = { microphone: false, camera: false };
  /** What the encoders make, for tracks that begin later. */
  readonly #configs = new Map<MediaKind, UplinkItem>();
  #watched: ReadonlySet<ParticipantId> = new Set();
  #congestedUntil: number | undefined;
  #stopped: MeetingEnd | undefined;
  #leaving: Promise<void> | undefined;

  constructor(ports: MeetingPorts) {
    this.#ports = ports;
    this.#relay = { kind: 'connecting', relay: ports.relays[0] ?? '', attempt: 1 };
    this.#group = ports.group({
      event: (event) => {
        this.#onGroup(event);
      },
      offered: (offer) => {
        this.#offered(offer);
      },
      fault: (error) => {
        process.emitWarning(error, 'GroupFault');
        this.#stop('fault');
      },
    });
    this.#connection = new RelayConnection(ports.relays, (url) => ports.connect(url, this.#origin()), {
      connected: (client, relay) => {
        this.#connected(client, relay);
      },
      lost: (relay) => {
        this.#lost(relay);
      },
      trying: (relay, attempt) => {
        this.#relay = { kind: 'connecting', relay, attempt };
        ports.changed();
      },
    });
    this.#tick = setInterval(() => {
      this.#onTick();
    }, TICK_MS);
    this.#connection.start();
  }

  /** The step of joining that was reached last. */
  get step(): GroupStep {
    return this.#step;
  }

  get connection(): Connection {
    return this.#relay;
  }

  /** Undefined until the first epoch. */
  get current(): CurrentEpoch | undefined {
    return this.#current;
  }

  /** Undefined until the first epoch. */
  get members(): Members | undefined {
    return this.#generation?.members;
  }

  /** The changes of keys that we have seen, oldest first. */
  get history(): readonly EpochRecord[] {
    return this.#history;
  }

  get attention(): ReadonlySet<Attention> {
    return this.#attention;
  }

  get sending(): { readonly microphone: boolean; readonly camera: boolean } {
    return this.#sending;
  }

  /** Set once the meeting is over for us. */
  get stopped(): MeetingEnd | undefined {
    return this.#stopped;
  }

  /** Takes encoded media from the renderer; nothing is taken that is switched off. */
  uplink(item: UplinkItem): void {
    const media = item.kind === 'uplink-config' ? item.config.kind : item.media;
    const on = media === 'audio' ? this.#sending.microphone : this.#sending.camera;
    if (item.kind === 'uplink-off') this.#configs.delete(media);
    else if (!on) return;
    else if (item.kind === 'uplink-config') this.#configs.set(media, item);
    this.#generation?.local.uplink(item);
  }

  /** What the decoders say. */
  feedback(feedback: DownlinkFeedback): void {
    this.#generation?.requestKeyframe(feedback.participant);
  }

  /** What we send from now on, said to everybody. */
  setSending(sending: { microphone: boolean; camera: boolean }): void {
    this.#sending = sending;
    if (!sending.microphone) this.uplink({ kind: 'uplink-off', media: 'audio' });
    if (!sending.camera) this.uplink({ kind: 'uplink-off', media: 'video' });
    this.#generation?.hello();
    this.#ports.changed();
  }

  /** Whose pictures are wanted. */
  watch(participants: readonly ParticipantId[]): void {
    this.#watched = new Set(participants);
    this.#generation?.members.watch(this.#watched);
  }

  /** Our name changed. */
  renamed(): void {
    this.#generation?.hello();
  }

  /** Removes a member for good. @returns false when there is no such member. */
  kick(id: ParticipantId): boolean {
    const member = this.#generation?.members.get(id);
    if (member === undefined) return false;
    this.#group.kick(member.member.leaf);
    return true;
  }

  /** Says to a renderer that has just begun what there is. */
  announce(): void {
    this.#generation?.members.announce();
    this.#ports.downlink({ kind: 'keyframe-wanted' });
  }

  /** Says good-bye and leaves; our state of the group is erased. */
  leave(): Promise<void> {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  /** Ends here without leaving: a later start resumes the membership. */
  async suspend(): Promise<void> {
    if (this.#stopped !== undefined) return;
    await this.#group.suspend();
    this.#stop('left');
  }

  async #leave(): Promise<void> {
    if (this.#stopped !== undefined) return;
    this.#generation?.local.sendControl({ kind: 'leave' });
    this.#generation?.local.end('left');
    // First, since the session ends with the membership.
    if (this.#session !== undefined) await flushed(this.#session.client);
    await this.#group.leave();
    this.#stop('left');
  }

  #origin(): TrackOrigin {
    return {
      fetch: (track, start, end) =>
        this.#generation?.local.find(track)?.fetch(start, end) ??
        this.#group.ownObjects(track)?.filter((object) => isBetween(object.location, start, end)),
      largest: (track) => {
        const own = this.#generation?.local.find(track);
        if (own !== undefined) return own.largest ?? null;
        const objects = this.#group.ownObjects(track);
        return objects && (objects.at(-1)?.location ?? null);
      },
      subscribed: (publication) =>
        this.#generation?.local.subscribed(publication) ?? { ended: () => undefined },
    };
  }

  /** Before we are a member the names of tracks say nothing yet: they wait for the first epoch. */
  #offered(offer: PublishOffer): void {
    if (this.#generation !== undefined) {
      this.#generation.members.offered(offer);
      return;
    }
    this.#earlyOffers.push(offer);
    if (this.#earlyOffers.length > MAX_EARLY_OFFERS)
      this.#earlyOffers.shift()?.reject({ code: UNINTERESTED, reason: 'too many tracks' });
  }

  #connected(client: MoqtClient, relay: string): void {
    this.#session = { client, since: this.#ports.now() };
    this.#relay = { kind: 'connected', relay };
    this.#group.transportRestored(client);
    void this.#generation?.attach(client);
    this.#ports.changed();
  }

  #lost(relay: string): void {
    this.#session = undefined;
    this.#earlyOffers = [];
    this.#relay = { kind: 'connecting', relay, attempt: 1 };
    this.#generation?.detach();
    this.#group.transportLost();
    this.#ports.changed();
  }

  #onGroup(event: GroupEvent): void {
    switch (event.kind) {
      case 'status':
        this.#step = event.step;
        break;
      case 'epoch':
        // Nothing of an epoch is used before its state was saved.
        this.#attention.delete('store-failing');
        this.#epochBegan(event);
        break;
      case 'generation':
        this.#closeGeneration();
        this.#attention.delete('newer-generation');
        break;
      case 'newer-generation':
      case 'kicked-asks':
      case 'equivocation':
      case 'store-failing':
        this.#attention.add(event.kind);
        break;
      case 'stopped':
        this.#stop(event.reason);
        break;
    }
    this.#ports.changed();
  }

  #epochBegan(begun: EpochBegun): void {
    const { masterKey, ...current } = begun;
    const generation = this.#generationOf(begun);
    if (generation === undefined) {
      masterKey.fill(0);
      this.#stop('unknown-cipher');
      // After the event: a member that can neither send nor hear must not go on committing.
      queueMicrotask(() => void this.#group.leave());
      return;
    }
    generation.epochBegan(begun);
    this.#current = current;
    const record = { epoch: begun.epoch, change: begun.change, securityCode: begun.securityCode };
    this.#history = [...this.#history, record].slice(-MAX_HISTORY);
  }

  #generationOf(begun: EpochBegun): Generation | undefined {
    if (this.#generation?.includes(begun) === true) return this.#generation;
    this.#closeGeneration();
    const generation = Generation.of(begun, this.#generationContext());
    generation?.members.watch(this.#watched);
    for (const config of this.#configs.values()) generation?.local.uplink(config);
    this.#generation = generation;
    const offers = this.#earlyOffers;
    this.#earlyOffers = [];
    for (const offer of offers) this.#offered(offer);
    if (this.#session !== undefined) void generation?.attach(this.#session.client);
    return generation;
  }

  #generationContext(): GenerationContext {
    const { now, wallClock, downlink, changed } = this.#ports;
    return {
      now,
      wallClock,
      downlink,
      changed,
      client: () => this.#session?.client,
      hello: () => ({ kind: 'hello', displayName: this.#ports.displayName(), ...this.#sending }),
      congested: () => {
        this.#congestedUntil = now() + CONGESTION_MS;
        downlink({ kind: 'video-bitrate', bitsPerSecond: CONGESTED_BITRATE });
      },
      memberLeft: (leaf) => {
        this.#group.memberLeft(leaf);
      },
      memberVanished: (leaf) => {
        this.#group.memberVanished(leaf);
      },
      memberAlive: (leaf) => {
        this.#group.memberAlive(leaf);
      },
      requestUpdate: () => {
        this.#group.requestUpdate();
      },
      epochSeen: (epoch) => {
        this.#group.epochSeen(epoch);
      },
    };
  }

  #onTick(): void {
    this.#generation?.tick(this.#session?.since);
    if (this.#congestedUntil !== undefined && this.#ports.now() >= this.#congestedUntil) {
      this.#congestedUntil = undefined;
      this.#ports.downlink({ kind: 'video-bitrate', bitsPerSecond: undefined });
    }
    this.#ports.changed();
  }

  #closeGeneration(): void {
    this.#generation?.close('over');
    this.#generation = undefined;
  }

  #stop(reason: MeetingEnd): void {
    if (this.#stopped !== undefined) return;
    // Others may remove us faster than we are done with leaving: we left all the same.
    this.#stopped = this.#leaving === undefined || reason === 'fault' ? reason : 'left';
    clearInterval(this.#tick);
    this.#closeGeneration();
    this.#connection.stop();
    this.#ports.ended();
    this.#ports.changed();
  }
}

function isBetween(location: Location, start: Location, end: Location): boolean {
  return compareLocations(location, start) >= 0 && compareLocations(location, end) <= 0;
}
