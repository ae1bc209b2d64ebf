/**
 * Somebody in a meeting that moves: the real machine of all rooms over simulated members, one for each room that it was ever
 * in. Its process may die and come back; what its members have on their disks stays, and the link that it was shown last.
 */
import { encodeInvitation, parseInvitation } from '../../../src/protocol/group/invitation.ts';
import { encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import { invariant } from '../../../src/protocol/errors.ts';
import { roomKeysOf } from '../../../src/protocol/group/room-keys.ts';
import type { DownlinkItem, MediaKind, UplinkItem } from '../../../src/protocol/media/encoded-media.ts';
import type {
  Founding,
  RoomsEffect,
  RoomsInput,
  RoomsView,
} from '../../../src/protocol/meeting/rooms-api.ts';
import { Rooms } from '../../../src/protocol/meeting/rooms.ts';
import type { GroupView, ParticipantView } from '../../../src/protocol/meeting/view.ts';
import { unixMillis } from '../../../src/protocol/units.ts';
import { fakeCrypto } from '../group/simulation.ts';
import { randomBytes } from '../moqt/wire.ts';
import { TIME_ORIGIN } from './agenda.ts';
import { Driven } from './driven.ts';
import type { Meddle } from './questions.ts';
import { SimulatedMember, type SimulatedMeeting } from './simulated-meeting.ts';

/** A link to a room on the world's servers. */
export function linkOf(world: SimulatedMeeting, name: string): string {
  return encodeInvitation(
    {
      name: 'Meeting',
      mode: 'fenced',
      suite: 0x0001,
      secret: secretOf(name),
      relays: world.relays,
      counter: 'https://counter.test/',
      receiptKey: world.counter.receiptKey,
      counterToken: '',
      anchors: [],
    },
    fakeCrypto,
  );
}

/** The secret of the room to which {@link linkOf} leads. */
export function secretOf(name: string): Uint8Array {
  return fakeCrypto.sha256(encodeUtf8(name));
}

/** Somebody. */
export class SimulatedPerson {
  readonly name: string;
  /** One for each room, in the order in which this process entered them. */
  members: SimulatedMember[] = [];
  /** One for each link that it ever followed, oldest first. */
  readonly homes = new Map<string, SimulatedMember>();
  /** Everything that was played or shown, in order, with when it was. */
  readonly received: { readonly at: number; readonly item: DownlinkItem }[] = [];
  /** How wrong its clock is, ms; looked at when its process starts. */
  clockOffset = 0;
  meddle: Meddle | undefined;
  hasEnded = false;
  /** What its words are in a room. */
  wordsIn: (room: SimulatedMember, text: string) => string = (_, text) => text;
  /** Told of everything that is played or to be done. */
  played: (item: DownlinkItem) => void = () => undefined;
  readonly #world: SimulatedMeeting;
  /** The newest that it knows. */
  #link: string;
  #driven: Driven<RoomsInput, RoomsEffect> | undefined;
  #view: RoomsView | undefined;
  #life = 0;
  #timestamp = 0;
  #reaches = { relay: true, counter: true };
  #diskFails = false;

  constructor(name: string, world: SimulatedMeeting, link: string) {
    this.name = name;
    this.#world = world;
    this.#link = link;
  }

  /** Its process begins to join by the newest link that it knows. */
  start(link = this.#link): void {
    const { random } = this.#world;
    this.#link = link;
    this.#life += 1;
    this.hasEnded = false;
    this.members = [];
    const life = this.#life;
    const rooms = new Rooms({
      link,
      crypto: fakeCrypto,
      timeOrigin: unixMillis(TIME_ORIGIN + this.clockOffset),
      random: (length) => randomBytes(random, length),
    });
    this.#driven = new Driven(
      rooms,
      (effect) => {
        if (life === this.#life) this.#perform(effect, life);
      },
      this.#world.agenda,
    );
    this.feed({ kind: 'start' });
  }

  /** Counts processes. */
  get life(): number {
    return this.#life;
  }

  get isRunning(): boolean {
    return this.#driven !== undefined;
  }

  /** Whether it has been shown anything. */
  get isShown(): boolean {
    return this.#view !== undefined;
  }

  get view(): RoomsView {
    invariant(this.#view !== undefined, `${this.name} has been shown something`);
    return this.#view;
  }

  /** Its member in the room that is shown. */
  get member(): SimulatedMember {
    const member = this.members[this.#view?.room ?? 0];
    invariant(member !== undefined, `${this.name} is in a room`);
    return member;
  }

  /** The group of the room that is shown, in its newest epoch. */
  get group(): GroupView | undefined {
    return this.isRunning ? this.#view?.group : undefined;
  }

  /** What invites to the room that is shown, or was last. */
  get link(): string {
    return this.#link;
  }

  get id(): string {
    const [home] = this.homes.values();
    invariant(home !== undefined, `${this.name} has come`);
    return home.id;
  }

  /** Who is in the meeting, by what is shown. */
  get sees(): readonly string[] {
    return (this.group?.participants ?? []).map(({ id }) => id);
  }

  /** What is shown of somebody. */
  seen(other: SimulatedPerson): ParticipantView | undefined {
    return this.group?.participants.find(({ id }) => id === other.id);
  }

  feed(input: RoomsInput): void {
    this.#driven?.feed(input);
  }

  goLive(): void {
    const config = { kind: 'audio', codec: 'opus', sampleRate: 48_000, channels: 1 } as const;
    this.feed({ kind: 'sending', sending: { microphone: true, camera: false } });
    this.feed({ kind: 'uplink', item: { kind: 'uplink-config', config, bitrate: 32_000 } });
  }

  /** Says something, and goes live before it where it is not. */
  say(text: string): void {
    if (!this.view.sending.microphone) this.goLive();
    this.speak(text);
  }

  speak(text: string): void {
    this.#timestamp += 20_000;
    const bytes = encodeUtf8(text);
    const item: UplinkItem = {
      kind: 'uplink-chunk',
      media: 'audio',
      timestamp: this.#timestamp,
      keyframe: true,
      bytes,
    };
    this.feed({ kind: 'uplink', item });
  }

  /** When what somebody said was heard, and what it was. */
  heard(from: SimulatedPerson, media: MediaKind = 'audio'): { readonly at: number; readonly text: string }[] {
    return this.received.flatMap(({ at, item }) =>
      item.kind === 'chunk' && item.participant === from.id && item.media === media
        ? [{ at, text: Buffer.from(item.bytes).toString() }]
        : [],
    );
  }

  /** What leads it through rooms stands still, and its members go on. */
  stand(): void {
    this.#driven?.stop();
  }

  /** The process dies without a word. */
  kill(): void {
    this.#life += 1;
    this.#driven?.stop();
    this.#driven = undefined;
    this.#view = undefined;
    for (const member of this.members) member.kill();
  }

  /** The process, or the whole machine, stands still for a while; see {@link SimulatedMember.sleep}. */
  sleep(duration: number, machine: boolean): void {
    if (machine) this.feed({ kind: 'sleeping' });
    this.#driven?.halt(duration, !machine);
    for (const member of this.members) member.halt(duration, !machine);
    if (machine)
      this.#world.agenda.after(duration, () => {
        this.feed({ kind: 'woke' });
      });
  }

  /** Whether its network lets it connect to relays, and to the counter. */
  set reachesRelay(reaches: boolean) {
    this.#reaches.relay = reaches;
    for (const home of this.homes.values()) home.reachesRelay = reaches;
  }

  set reachesCounter(reaches: boolean) {
    this.#reaches.counter = reaches;
    for (const home of this.homes.values()) home.reachesCounter = reaches;
  }

  /** Writes fail from now on, or work again. */
  failDisk(fails: boolean): void {
    this.#diskFails = fails;
    for (const home of this.homes.values()) home.failDisk(fails);
  }

  loseDisk(): void {
    for (const home of this.homes.values()) home.loseDisk();
  }

  /** Its disk holds again what it held some writes ago. */
  putBack(writesAgo: number): void {
    for (const home of this.homes.values()) home.disk.putBack(writesAgo);
  }

  /** Its network carries nothing for a while. */
  cut(duration: number): void {
    for (const home of this.homes.values()) this.#world.cut(home, duration);
  }

  /** It reaches nobody for a while, and whatever it had open is cut. */
  goAway(duration: number): void {
    this.reachesRelay = false;
    this.reachesCounter = false;
    this.cut(duration);
    this.#world.agenda.after(duration, () => {
      this.reachesRelay = true;
      this.reachesCounter = true;
    });
  }

  toString(): string {
    const room = this.#view === undefined ? 'dead' : `in room ${String(this.#view.room)}`;
    return `${this.name} ${room}: ${this.members.map(String).join('; ')}`;
  }

  #perform(effect: RoomsEffect, life: number): void {
    switch (effect.kind) {
      case 'open':
        this.#open(effect.room, effect.link, effect.founding, life);
        return;
      case 'feed': {
        const member = this.members[effect.room];
        if (member !== undefined) member.feed(this.#worded(member, effect.input));
        return;
      }
      case 'downlink':
        this.received.push({ at: this.#world.agenda.now, item: effect.item });
        this.played(effect.item);
        return;
      case 'show':
        this.#view = effect.view;
        this.#link = effect.view.link;
        return;
      case 'ended':
        this.hasEnded = true;
        return;
    }
  }

  #worded<Input extends Parameters<SimulatedMember['feed']>[0]>(
    member: SimulatedMember,
    input: Input,
  ): Input {
    if (input.kind !== 'uplink' || input.item.kind !== 'uplink-chunk') return input;
    const text = this.wordsIn(member, Buffer.from(input.item.bytes).toString());
    return { ...input, item: { ...input.item, bytes: encodeUtf8(text) } };
  }

  #open(room: number, link: string, founding: Founding | undefined, life: number): void {
    const member = this.#homeOf(link);
    member.parameters = { ...this.#world.parameters, ...founding };
    member.clockOffset = this.clockOffset;
    this.members[room] = member;
    const report = (told: Extract<RoomsInput, { kind: 'room' }>['report']): void => {
      if (life === this.#life) this.feed({ kind: 'room', room, report: told });
    };
    member.performed = (effect) => {
      if (effect.kind === 'show') report({ kind: 'view', view: effect.view });
      if (effect.kind === 'downlink') report({ kind: 'downlink', item: effect.item });
      if (effect.kind === 'moved') report({ kind: 'moved', move: effect.move });
      if (effect.kind === 'ended') report({ kind: 'over' });
    };
    member.start();
  }

  #homeOf(link: string): SimulatedMember {
    const known = this.homes.get(link);
    if (known !== undefined) return known;
    const outcome = parseInvitation(link, fakeCrypto);
    invariant(outcome.kind === 'invitation', 'a link');
    const { signer } = roomKeysOf(outcome.invitation.secret, fakeCrypto);
    const { parameters } = this.#world;
    const member = new SimulatedMember(this.name, this.#world, { signer, parameters });
    member.reachesRelay = this.#reaches.relay;
    member.reachesCounter = this.#reaches.counter;
    member.failDisk(this.#diskFails);
    member.meddle = (ask, moment) => this.meddle?.(ask, moment);
    this.homes.set(link, member);
    this.#world.members.push(member);
    return member;
  }
}

/** Lets people into a meeting one by one. */
export function gather(
  world: SimulatedMeeting,
  link: string,
  ...names: readonly string[]
): SimulatedPerson[] {
  const people: SimulatedPerson[] = [];
  for (const name of names) {
    const person = new SimulatedPerson(name, world, link);
    person.start();
    people.push(person);
    world.until(`${name} is in`, () => areTogether(people));
  }
  return people;
}

/** Whether these are in one epoch of one room, by what they are shown, and nobody else is. */
export function areTogether(people: readonly SimulatedPerson[]): boolean {
  const codes = new Set(people.map(({ group }) => group?.securityCode));
  return (
    codes.size === 1 && !codes.has(undefined) && people.every(({ sees }) => sees.length === people.length)
  );
}

/** Whether these, and nobody else, are together in a room to which they have moved, and are done with moving. */
export function haveMoved(people: readonly SimulatedPerson[]): boolean {
  return (
    areTogether(people) &&
    people.every(({ view }) => view.room > 0 && !view.isMoving) &&
    new Set(people.map(({ view }) => view.link)).size === 1
  );
}
