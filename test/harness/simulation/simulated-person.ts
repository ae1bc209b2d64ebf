/** Somebody in a meeting that moves: the real machine of all rooms over simulated members, one for each room that it is in. */
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
import { unixMillis } from '../../../src/protocol/units.ts';
import { fakeCrypto } from '../group/simulation.ts';
import { Driven } from './driven.ts';
import { SimulatedMember, type SimulatedMeeting } from './simulated-meeting.ts';

/** A link to a room on the world's servers. */
export function linkOf(world: SimulatedMeeting, name: string): string {
  return encodeInvitation(
    {
      name: 'Meeting',
      mode: 'fenced',
      suite: 0x0001,
      secret: fakeCrypto.sha256(encodeUtf8(name)),
      relays: world.relays,
      counter: 'https://counter.test/',
      receiptKey: world.counter.receiptKey,
      counterToken: '',
      anchors: [],
    },
    fakeCrypto,
  );
}

/** Somebody. */
export class SimulatedPerson {
  readonly name: string;
  /** One for each room, in the order of entering. */
  readonly members: SimulatedMember[] = [];
  /** Everything that was played or shown, in order, with when it was. */
  readonly received: { readonly at: number; readonly item: DownlinkItem }[] = [];
  hasEnded = false;
  readonly #world: SimulatedMeeting;
  readonly #driven: Driven<RoomsInput, RoomsEffect>;
  #view: RoomsView | undefined;
  #timestamp = 0;

  constructor(name: string, world: SimulatedMeeting, link: string) {
    this.name = name;
    this.#world = world;
    const { random } = world;
    const rooms = new Rooms({
      link,
      crypto: fakeCrypto,
      timeOrigin: unixMillis(1_000_000),
      random: (length) => Uint8Array.from({ length }, () => Math.floor(random() * 256)),
    });
    this.#driven = new Driven(
      rooms,
      (effect) => {
        this.#perform(effect);
      },
      world.agenda,
    );
    this.feed({ kind: 'start' });
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

  get id(): string {
    return this.member.id;
  }

  /** Who is in the meeting, by what is shown. */
  get sees(): readonly string[] {
    return (this.#view?.group?.participants ?? []).map(({ id }) => id);
  }

  feed(input: RoomsInput): void {
    this.#driven.feed(input);
  }

  goLive(): void {
    const config = { kind: 'audio', codec: 'opus', sampleRate: 48_000, channels: 1 } as const;
    this.feed({ kind: 'sending', sending: { microphone: true, camera: false } });
    this.feed({ kind: 'uplink', item: { kind: 'uplink-config', config, bitrate: 32_000 } });
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

  /** The process dies without a word. */
  kill(): void {
    this.#driven.stop();
    for (const member of this.members) member.kill();
  }

  toString(): string {
    return `${this.name} in room ${String(this.#view?.room)}: ${this.members.map(String).join('; ')}`;
  }

  #perform(effect: RoomsEffect): void {
    switch (effect.kind) {
      case 'open':
        this.#open(effect.room, effect.link, effect.founding);
        return;
      case 'feed':
        this.members[effect.room]?.feed(effect.input);
        return;
      case 'downlink':
        this.received.push({ at: this.#world.agenda.now, item: effect.item });
        return;
      case 'show':
        this.#view = effect.view;
        return;
      case 'ended':
        this.hasEnded = true;
        return;
    }
  }

  #open(room: number, link: string, founding: Founding | undefined): void {
    const outcome = parseInvitation(link, fakeCrypto);
    invariant(outcome.kind === 'invitation', 'a link');
    const { signer } = roomKeysOf(outcome.invitation.secret, fakeCrypto);
    const parameters = { ...this.#world.parameters, ...founding };
    const member = new SimulatedMember(this.name, this.#world, { signer, parameters });
    this.members[room] = member;
    this.#world.members.push(member);
    const report = (told: Extract<RoomsInput, { kind: 'room' }>['report']): void => {
      this.feed({ kind: 'room', room, report: told });
    };
    member.performed = (effect) => {
      if (effect.kind === 'show') report({ kind: 'view', view: effect.view });
      if (effect.kind === 'downlink') report({ kind: 'downlink', item: effect.item });
      if (effect.kind === 'moved') report({ kind: 'moved', move: effect.move });
      if (effect.kind === 'ended') report({ kind: 'over' });
    };
    member.start();
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
    people.push(new SimulatedPerson(name, world, link));
    world.until(`${name} is in`, () => areTogether(people));
  }
  return people;
}

/** Whether these are in one epoch of one room, by what they are shown, and nobody else is. */
export function areTogether(people: readonly SimulatedPerson[]): boolean {
  const codes = new Set(people.map(({ member }) => member.group?.securityCode));
  return (
    codes.size === 1 && !codes.has(undefined) && people.every(({ sees }) => sees.length === people.length)
  );
}
