/** One camera or one microphone: on, off, and hot switching between devices. */
import { bestPicture } from './video-settings.ts';

/** What captures. */
export type CaptureKind = 'microphone' | 'camera';

/** State of a device. */
export type CaptureState =
  | { readonly kind: 'off' }
  | { readonly kind: 'starting' }
  | { readonly kind: 'on'; readonly stream: MediaStream; readonly track: MediaStreamTrack }
  /** It could not be started or was taken away; `sentence` says why and what to do. */
  | { readonly kind: 'failed'; readonly sentence: string };

/**
 * Follows what is wanted of one device. Off really means off: the track is stopped and the device released. Choosing another
 * device never switches on what is off.
 */
export class CaptureDevice {
  readonly kind: CaptureKind;
  readonly #onChange: (state: CaptureState) => void;
  #state: CaptureState = { kind: 'off' };
  #wanted = false;
  #deviceId: string | undefined;
  /** What the running track was opened with. */
  #openedId: string | undefined;
  #working = false;

  constructor(kind: CaptureKind, onChange: (state: CaptureState) => void) {
    this.kind = kind;
    this.#onChange = onChange;
  }

  get state(): CaptureState {
    return this.#state;
  }

  /** Switches it on or off; the outcome arrives as states. */
  want(on: boolean): void {
    this.#wanted = on;
    if (!on) this.#stop({ kind: 'off' });
    // At once, though an abandoned attempt may still be under way: what is shown is what is wanted.
    else if (this.#state.kind !== 'on') this.#become({ kind: 'starting' });
    void this.#reconcile();
  }

  /** @param deviceId - as enumerateDevices has it; undefined: the system's default. */
  choose(deviceId: string | undefined): void {
    this.#deviceId = deviceId;
    void this.#reconcile();
  }

  /** Works towards what is wanted, one step at a time, since it may change while a device starts. */
  async #reconcile(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    while (this.#wanted && !this.#isSettled()) await this.#open(this.#deviceId);
    this.#working = false;
  }

  #isSettled(): boolean {
    return this.#state.kind === 'on' && this.#openedId === this.#deviceId;
  }

  async #open(deviceId: string | undefined): Promise<void> {
    try {
      const stream = await navigator.mediaDevices.getUserMedia(constraints(this.kind, deviceId));
      const [track] = stream.getTracks();
      // Meanwhile it may have been switched off, or another device chosen.
      if (track === undefined || !this.#wanted || deviceId !== this.#deviceId) {
        for (const unwanted of stream.getTracks()) unwanted.stop();
        if (track === undefined) this.#fail(sentenceFor(this.kind, undefined));
        return;
      }
      this.#release();
      this.#openedId = deviceId;
      track.onended = () => {
        this.#fail(`The ${this.kind} was disconnected. You are not sending from it.`);
      };
      this.#become({ kind: 'on', stream, track });
    } catch (cause) {
      // The outcome of an abandoned attempt does not matter.
      if (!this.#wanted || deviceId !== this.#deviceId) return;
      // The remembered device is gone: the system's default serves as well.
      if (deviceId !== undefined && isMissing(cause)) this.#deviceId = undefined;
      else this.#fail(sentenceFor(this.kind, cause));
    }
  }

  #fail(sentence: string): void {
    this.#wanted = false;
    this.#stop({ kind: 'failed', sentence });
  }

  #stop(state: CaptureState): void {
    this.#release();
    this.#become(state);
  }

  #release(): void {
    if (this.#state.kind !== 'on') return;
    this.#state.track.onended = null;
    this.#state.track.stop();
  }

  #become(state: CaptureState): void {
    if ((state.kind === 'off' || state.kind === 'starting') && this.#state.kind === state.kind) return;
    this.#state = state;
    this.#onChange(state);
  }
}

function constraints(kind: CaptureKind, deviceId: string | undefined): MediaStreamConstraints {
  const device = deviceId === undefined ? {} : { deviceId: { exact: deviceId } };
  if (kind === 'camera') {
    const { width, height, framerate } = bestPicture(navigator.hardwareConcurrency);
    return {
      video: {
        ...device,
        width: { ideal: width },
        height: { ideal: height },
        frameRate: { ideal: framerate, max: 30 },
      },
    };
  }
  return {
    audio: {
      ...device,
      channelCount: { ideal: 1 },
      echoCancellation: true,
      noiseSuppression: true,
      autoGainControl: true,
    },
  };
}

const nameOf = (cause: unknown): string => (cause instanceof DOMException ? cause.name : '');

function isMissing(cause: unknown): boolean {
  return nameOf(cause) === 'NotFoundError' || nameOf(cause) === 'OverconstrainedError';
}

function sentenceFor(kind: CaptureKind, cause: unknown): string {
  switch (nameOf(cause)) {
    case 'NotFoundError':
    case 'OverconstrainedError':
      return `No ${kind} was found. You can join without one.`;
    case 'NotAllowedError':
    case 'SecurityError':
      return `Conclave is not allowed to use the ${kind}. Allow it in the system’s privacy settings.`;
    case 'NotReadableError':
    case 'AbortError':
      return `The ${kind} cannot be used. Another app may be using it.`;
    default:
      return `The ${kind} could not be started.`;
  }
}
