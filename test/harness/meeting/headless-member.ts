/** A member of a meeting without a window: the real engine, with what it hears and sees in arrays. */
import { nodeGroupCrypto } from '../../../src/main/mls/node-group-crypto.ts';
import { fingerprintOf } from '../../../src/protocol/group/names.ts';
import { createGuestIdentity, type Identity } from '../../../src/main/identity/identity.ts';
import { signatureKeyOf } from '../../../src/main/identity/signature-key.ts';
import { readInvitation } from '../../../src/main/invitations.ts';
import { joinMeeting, type JoinedMeeting } from '../../../src/main/join-meeting.ts';
import { KickedKeysStore } from '../../../src/main/kicked-keys.ts';
import type { KeyHistory } from '../../../src/main/key-history.ts';
import type { MlsPort } from '../../../src/main/mls/mls-port.ts';
import { TsMlsAdapter } from '../../../src/main/mls/ts-mls-adapter.ts';
import { MemoryStore } from '../../../src/main/storage/memory-store.ts';
import type { StateStore } from '../../../src/main/storage/state-store.ts';
import type { RoomsView } from '../../../src/protocol/meeting/rooms-api.ts';
import type { GroupView, ParticipantView } from '../../../src/protocol/meeting/view.ts';

/** What a member is made with, where the default does not fit. */
export interface HeadlessOptions {
  readonly identity?: Identity;
  readonly store?: StateStore;
  readonly mls?: MlsPort;
  /** What a guest's app remembers of kicks from one meeting to the next; with a store, it is there. */
  readonly kickedKeys?: KickedKeysStore;
}

/** See the module's description. */
export class HeadlessMember {
  readonly name: string;
  readonly identity: Identity;
  readonly meeting: JoinedMeeting;
  /** The history of the meeting's keys, as a file. */
  readonly keyHistory: () => Promise<KeyHistory>;
  /** The chunks that would have gone to the renderer, by participant and kind. */
  readonly #chunks = new Map<string, Uint8Array[]>();
  #timestamp = 0;
  #wantsKeyframe = true;

  constructor(name: string, link: string, options: HeadlessOptions = {}) {
    this.name = name;
    this.identity = options.identity ?? createGuestIdentity();
    const invitation = readInvitation(link);
    if (!invitation.ok) throw new Error(invitation.problem.sentence);
    this.meeting = joinMeeting({
      link,
      identity: this.identity,
      store: options.store,
      kickedKeys: options.kickedKeys ?? new KickedKeysStore(options.store ?? new MemoryStore()),
      mls: options.mls ?? new TsMlsAdapter(),
      displayName: name,
      downlink: (item) => {
        if (item.kind === 'keyframe-wanted') this.#wantsKeyframe = true;
        if (item.kind === 'chunk') this.#chunksOf(item.participant, item.media).push(item.bytes);
      },
      changed: () => undefined,
    });
    this.keyHistory = () =>
      this.meeting.room.keyHistory(
        new Map(
          this.meeting.view.group?.participants.map(({ id, displayName }) => [id, displayName ?? name]),
        ),
      );
  }

  get view(): RoomsView {
    return this.meeting.view;
  }

  /** The group, once we are a member. */
  get group(): GroupView | undefined {
    return this.meeting.view.group;
  }

  /** Our own participant id, once we are a member. */
  get id(): string | undefined {
    return this.group?.participants.find(({ self }) => self)?.id;
  }

  get epoch(): bigint | undefined {
    return this.group?.epoch;
  }

  get size(): number {
    return this.group?.participants.length ?? 0;
  }

  /** What we know of a participant. */
  participant(id: string): ParticipantView | undefined {
    return this.group?.participants.find((participant) => participant.id === id);
  }

  /** Switches microphone and camera on, as Opus and VP8. */
  goLive(): void {
    this.meeting.setSending({ microphone: true, camera: true });
    this.meeting.uplink({
      kind: 'uplink-config',
      config: { kind: 'audio', codec: 'opus', sampleRate: 48_000, channels: 1 },
      bitrate: 32_000,
    });
    this.meeting.uplink({
      kind: 'uplink-config',
      config: { kind: 'video', codec: 'vp8', width: 320, height: 180, framerate: 15 },
      bitrate: 700_000,
    });
  }

  /** Lets somebody in who waits at the door under this name, once it does. */
  async admit(displayName: string): Promise<void> {
    const caller = (): string | undefined =>
      this.view.door.find((each) => each.displayName === displayName)?.id;
    await eventually(`${displayName} waits at the door`, () => caller() !== undefined);
    const refusal = this.meeting.decide({ kind: 'admit', participant: caller() ?? '' });
    if (refusal !== undefined) throw new Error(`${displayName} is not admitted: ${refusal}`);
  }

  /** Speaks one audio packet. */
  speak(bytes: Uint8Array): void {
    this.meeting.uplink({
      kind: 'uplink-chunk',
      media: 'audio',
      timestamp: this.#tick(),
      keyframe: true,
      bytes,
      level: 30,
    });
  }

  /** Shows one picture; a key frame when one is wanted. */
  show(bytes: Uint8Array): void {
    const keyframe = this.#wantsKeyframe;
    this.#wantsKeyframe = false;
    this.meeting.uplink({ kind: 'uplink-chunk', media: 'video', timestamp: this.#tick(), keyframe, bytes });
  }

  /** The chunks of one kind that came from a participant, so far and from now on. */
  chunksFrom(participant: string, media: 'audio' | 'video'): readonly Uint8Array[] {
    return this.#chunksOf(participant, media);
  }

  #chunksOf(participant: string, media: 'audio' | 'video'): Uint8Array[] {
    const of = `${participant} ${media}`;
    const chunks = this.#chunks.get(of) ?? [];
    this.#chunks.set(of, chunks);
    return chunks;
  }

  #tick(): number {
    this.#timestamp += 20_000;
    return this.#timestamp;
  }
}

/** A kept identity. @param seed - 32 bytes in hexadecimal. */
export function identityOfSeed(seed: string): Identity {
  const signatureKey = signatureKeyOf(new Uint8Array(Buffer.from(seed, 'hex')));
  return { kind: 'kept', signatureKey, fingerprint: fingerprintOf(signatureKey.publicKey, nodeGroupCrypto) };
}

/** Waits until `condition` holds. @throws {Error} with `what` and `state()` when it does not in time. */
export async function eventually(
  what: string,
  condition: () => boolean,
  seconds = 20,
  state: () => unknown = () => '',
): Promise<void> {
  const until = performance.now() + seconds * 1000;
  while (!condition()) {
    if (performance.now() > until) throw new Error(`not in ${String(seconds)} s: ${what} ${String(state())}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
