/** What the window knows of cameras, microphones and the pictures and sounds of others. */
import { untrack } from 'svelte';
import { SvelteMap, SvelteSet } from 'svelte/reactivity';
import type { ConclaveBridge } from '../../contract/bridge.ts';
import type { ParticipantId } from '../../contract/state.ts';
import type { CaptureKind, CaptureState } from '../media/capture-device.ts';
import { DeviceList } from '../media/device-list.ts';
import type { DeviceRole, Devices } from '../media/device-list.ts';
import { SILENCE } from '../media/level.ts';
import { MeetingMedia } from '../media/meeting-media.ts';
import { afterEvent } from '../media/microphone.ts';
import type { Microphone, MicrophoneEvent } from '../media/microphone.ts';
import { nobody, SpeakingDetector } from '../media/speaking.ts';

/** ms between looks at who has stopped speaking. */
const SPEAKING_TICK = 250;
/** Stands for oneself in the speaking detector; no participant has an empty id. */
const SELF = '';

/** Reactive face of {@link MeetingMedia}. */
export class MediaModel {
  microphone: CaptureState = $state.raw({ kind: 'off' });
  camera: CaptureState = $state.raw({ kind: 'off' });
  /** Loudness of one's own microphone, 0–127 in -dBov. */
  ownLevel = $state(SILENCE);
  devices: Devices = $state.raw({ microphone: [], camera: [], speaker: [] });
  chosen: Readonly<Partial<Record<DeviceRole, string>>> = $state.raw({});
  /** Whose pictures can be shown. */
  readonly streams = new SvelteMap<ParticipantId, MediaStream>();
  readonly unsupported = new SvelteSet<ParticipantId>();
  speakers: ReadonlySet<ParticipantId> = $state.raw(nobody);
  selfSpeaks = $state(false);
  encoderFailed = $state(false);
  /** Whether the microphone is on. The device follows it, and can only take it back by failing. */
  #asked: Microphone = $state('muted');
  readonly #media: MeetingMedia;
  readonly #list: DeviceList;
  readonly #detector = new SpeakingDetector();

  constructor(bridge: ConclaveBridge) {
    this.#media = new MeetingMedia(bridge, {
      captureChanged: (kind, state) => {
        this.#captureChanged(kind, state);
      },
      ownLevel: (level) => {
        this.ownLevel = level;
        this.#detector.hear(SELF, level, performance.now());
        this.#lookWhoSpeaks();
      },
      levels: (levels) => {
        for (const [id, level] of levels) this.#detector.hear(id, level, performance.now());
        this.#lookWhoSpeaks();
      },
      stream: (id, stream) => {
        this.unsupported.delete(id);
        if (stream === undefined) this.streams.delete(id);
        else this.streams.set(id, stream);
      },
      unsupported: (id) => {
        this.unsupported.add(id);
      },
      encoderFailed: () => {
        this.encoderFailed = true;
      },
    });
    this.#list = new DeviceList((devices) => {
      this.devices = devices;
    });
    this.chosen = this.#list.chosen;
    this.#media.microphone.choose(this.chosen.microphone);
    this.#media.camera.choose(this.chosen.camera);
    this.#media.chooseOutput(this.chosen.speaker);
    setInterval(() => {
      this.#lookWhoSpeaks();
    }, SPEAKING_TICK);
  }

  /** Whether a device is on or on its way there. */
  isOn(kind: CaptureKind): boolean {
    if (kind === 'microphone') return this.#asked !== 'muted';
    return this.camera.kind === 'on' || this.camera.kind === 'starting';
  }

  /** Whether the microphone is on only as long as the talk key is held. */
  get isTalking(): boolean {
    return this.#asked === 'talking';
  }

  /** Switches a device on or off. */
  want(kind: CaptureKind, on: boolean): void {
    if (kind === 'microphone') this.speak(on ? 'unmute' : 'mute');
    else this.#media.camera.want(on);
  }

  /** Switches on what is off and off what is on. */
  toggle(kind: CaptureKind): void {
    if (kind === 'microphone') this.speak('toggle');
    else this.want(kind, !this.isOn(kind));
  }

  /** Says what happens to the microphone. */
  speak(event: MicrophoneEvent): void {
    // Whoever says so from within an effect must not depend on what it was.
    untrack(() => {
      const before = this.#asked;
      this.#asked = afterEvent(before, event);
      // A device that failed goes on saying why until it is asked for again, or let go.
      if (event !== 'hush' || before !== this.#asked) this.#media.microphone.want(this.#asked !== 'muted');
    });
  }

  /** Chooses a device; what is off stays off. @param id - undefined: the system's default. */
  choose(role: DeviceRole, id: string | undefined): void {
    this.#list.choose(role, id);
    this.chosen = this.#list.chosen;
    if (role === 'speaker') this.#media.chooseOutput(id);
    else this.#media[role].choose(id);
  }

  /** Lets camera and microphone go. */
  switchOff(): void {
    this.want('microphone', false);
    this.want('camera', false);
  }

  /** Begins to send and to hear, in a meeting that one is in. */
  connect(): void {
    this.#media.connect();
  }

  /** Sends and hears nothing more; devices stay as they are, since one may be on the way back in. */
  disconnect(): void {
    this.#media.disconnect();
    this.streams.clear();
    this.unsupported.clear();
  }

  watch(participants: readonly ParticipantId[]): void {
    this.#media.watch(participants);
  }

  #captureChanged(kind: CaptureKind, state: CaptureState): void {
    if (kind === 'microphone') {
      this.microphone = state;
      if (state.kind === 'failed') this.#asked = afterEvent(this.#asked, 'mute');
      if (state.kind !== 'on') {
        this.ownLevel = SILENCE;
        this.#detector.forget(SELF);
      }
    } else {
      this.camera = state;
      if (state.kind === 'on') this.encoderFailed = false;
    }
    // Devices have names only once one has been opened.
    if (state.kind === 'on') void this.#list.refresh();
  }

  #lookWhoSpeaks(): void {
    const speakers = this.#detector.speakers(performance.now());
    this.selfSpeaks = speakers.has(SELF);
    const before = this.speakers;
    if (speakers.size === before.size && [...speakers].every((id) => before.has(id))) return;
    this.speakers = speakers;
  }
}
