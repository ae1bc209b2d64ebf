/** All media of this window: capture, the two workers, playback and painting. */
import { MEDIA_PORTS_MESSAGE } from '../../contract/bridge.ts';
import type { ConclaveBridge } from '../../contract/bridge.ts';
import type { MediaKind } from '../../contract/media.ts';
import type { ParticipantId } from '../../contract/state.ts';
import { CaptureDevice } from './capture-device.ts';
import type { CaptureKind, CaptureState } from './capture-device.ts';
import type { FromDecoder, FromEncoder, ToDecoder, ToEncoder } from './messages.ts';
import { Playback } from './playback.ts';
import { startDecoder, startEncoder } from './trusted-urls.ts';

/** What the window is told. */
export interface MediaEvents {
  captureChanged(kind: CaptureKind, state: CaptureState): void;
  /** Loudness of one's own microphone, 0–127 in -dBov. */
  ownLevel(level: number): void;
  /** Loudness of others in the last moment. */
  levels(levels: ReadonlyMap<ParticipantId, number>): void;
  /** Somebody's pictures go to this stream from now on, or (undefined) no longer to any. */
  stream(participant: ParticipantId, stream: MediaStream | undefined): void;
  unsupported(participant: ParticipantId): void;
  encoderFailed(media: MediaKind): void;
}

/** Lives as long as the window; a meeting connects and disconnects it. */
export class MeetingMedia {
  readonly microphone: CaptureDevice;
  readonly camera: CaptureDevice;
  readonly #bridge: ConclaveBridge;
  readonly #events: MediaEvents;
  readonly #encoder = startEncoder();
  readonly #decoder = startDecoder();
  #playback: Playback | undefined;
  #output: string | undefined;

  constructor(bridge: ConclaveBridge, events: MediaEvents) {
    this.#bridge = bridge;
    this.#events = events;
    this.microphone = new CaptureDevice('microphone', (state) => {
      this.#feed('audio', state);
      events.captureChanged('microphone', state);
    });
    this.camera = new CaptureDevice('camera', (state) => {
      this.#feed('video', state);
      events.captureChanged('camera', state);
    });
    const { port1, port2 } = new MessageChannel();
    this.#toEncoder({ kind: 'wishes', port: port1 }, [port1]);
    this.#toDecoder({ kind: 'wishes', port: port2 }, [port2]);
    this.#encoder.onmessage = ({ data }: MessageEvent<FromEncoder>) => {
      this.#fromEncoder(data);
    };
    this.#decoder.onmessage = ({ data }: MessageEvent<FromDecoder>) => {
      this.#fromDecoder(data);
    };
    window.addEventListener('message', (event) => {
      this.#takePorts(event);
    });
    for (const touch of ['pointerdown', 'keydown'])
      window.addEventListener(touch, () => this.#playback?.resume(), { passive: true });
  }

  /** Begins a meeting: the devices' output is sent, and others are heard. */
  connect(): void {
    this.#playback ??= new Playback();
    void this.#playback.setOutput(this.#output ?? '');
    this.#toEncoder({ kind: 'send', on: true });
    this.#bridge.requestMediaPorts();
  }

  /** Ends it: nothing is sent, nobody is heard. Devices are left as they are. */
  disconnect(): void {
    this.#toEncoder({ kind: 'send', on: false });
    this.#toDecoder({ kind: 'end' });
    this.#playback?.close();
    this.#playback = undefined;
  }

  /** Whose pictures are decoded. */
  watch(participants: readonly ParticipantId[]): void {
    this.#toDecoder({ kind: 'watch', participants });
  }

  /** Chooses the loudspeaker; undefined: the system's. */
  chooseOutput(deviceId: string | undefined): void {
    this.#output = deviceId;
    void this.#playback?.setOutput(deviceId ?? '');
  }

  #feed(media: MediaKind, state: CaptureState): void {
    if (state.kind === 'starting') return;
    if (state.kind !== 'on') {
      this.#toEncoder({ kind: 'source-off', media });
    } else if (media === 'audio') {
      const { readable } = new MediaStreamTrackProcessor<AudioData>({ track: state.track });
      this.#toEncoder({ kind: 'audio-source', readable }, [readable]);
    } else {
      const { readable } = new MediaStreamTrackProcessor<VideoFrame>({ track: state.track });
      this.#toEncoder({ kind: 'video-source', readable }, [readable]);
    }
  }

  #takePorts(event: MessageEvent<unknown>): void {
    if (event.source !== window || !isPortsMessage(event.data)) return;
    const [uplink, downlink] = event.ports;
    if (uplink === undefined || downlink === undefined) return;
    this.#toEncoder({ kind: 'uplink', port: uplink }, [uplink]);
    this.#toDecoder({ kind: 'downlink', port: downlink }, [downlink]);
  }

  #fromEncoder(message: FromEncoder): void {
    switch (message.kind) {
      case 'level':
        this.#events.ownLevel(message.level);
        break;
      case 'failed':
        this.#events.encoderFailed(message.media);
        break;
    }
  }

  #fromDecoder(message: FromDecoder): void {
    switch (message.kind) {
      case 'track-on':
        if (message.media === 'audio') void this.#hear(message.participant);
        else this.#show(message.participant);
        break;
      case 'track-off':
        if (message.media === 'audio') this.#playback?.remove(message.participant);
        else this.#events.stream(message.participant, undefined);
        break;
      case 'unsupported':
        this.#events.unsupported(message.participant);
        break;
      case 'levels':
        this.#events.levels(message.levels);
        break;
    }
  }

  async #hear(participant: ParticipantId): Promise<void> {
    const port = await this.#playback?.add(participant);
    if (port !== undefined) this.#toDecoder({ kind: 'audio-sink', participant, port }, [port]);
  }

  #show(participant: ParticipantId): void {
    const generator = new MediaStreamTrackGenerator({ kind: 'video' });
    const { writable } = generator;
    this.#toDecoder({ kind: 'video-sink', participant, writable }, [writable]);
    this.#events.stream(participant, new MediaStream([generator]));
  }

  #toEncoder(message: ToEncoder, transfer: Transferable[] = []): void {
    this.#encoder.postMessage(message, transfer);
  }

  #toDecoder(message: ToDecoder, transfer: Transferable[] = []): void {
    this.#decoder.postMessage(message, transfer);
  }
}

function isPortsMessage(data: unknown): boolean {
  return typeof data === 'object' && data !== null && 'type' in data && data.type === MEDIA_PORTS_MESSAGE;
}
