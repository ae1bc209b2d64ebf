/** The platform's devices for tests without a browser: what is asked of them is answered when a test says so. */

/** A device that is on until it is stopped or taken away. */
export class FakeTrack {
  readonly deviceId: string;
  live = true;
  onended: (() => void) | null = null;

  constructor(deviceId: string) {
    this.deviceId = deviceId;
  }

  stop(): void {
    this.live = false;
  }

  /** The device is pulled out. */
  unplug(): void {
    if (!this.live) return;
    this.live = false;
    this.onended?.();
  }
}

interface Waiting {
  readonly deviceId: string;
  resolve(stream: { getTracks(): FakeTrack[] }): void;
  reject(cause: DOMException): void;
}

/** `navigator.mediaDevices` with as many devices as one asks for. */
export class FakeMediaDevices extends EventTarget {
  readonly tracks: FakeTrack[] = [];
  readonly #waiting: Waiting[] = [];

  get live(): readonly FakeTrack[] {
    return this.tracks.filter(({ live }) => live);
  }

  /** Requests for a device that have not been answered. */
  get waiting(): number {
    return this.#waiting.length;
  }

  getUserMedia(wish: MediaStreamConstraints): Promise<{ getTracks(): FakeTrack[] }> {
    const { audio, video } = wish;
    const constraints = typeof audio === 'object' ? audio : video;
    const chosen = typeof constraints === 'object' ? constraints.deviceId : undefined;
    const deviceId = typeof chosen === 'object' && 'exact' in chosen ? String(chosen.exact) : 'default';
    return new Promise((resolve, reject) => {
      this.#waiting.push({ deviceId, resolve, reject });
    });
  }

  enumerateDevices(): Promise<readonly MediaDeviceInfo[]> {
    return Promise.resolve([]);
  }

  /** Answers the oldest request. @param problem - name of the DOMException that it fails with. */
  async answer(problem?: string): Promise<void> {
    const request = this.#waiting.shift();
    if (request === undefined) return;
    if (problem === undefined) {
      const track = new FakeTrack(request.deviceId);
      this.tracks.push(track);
      request.resolve({ getTracks: () => [track] });
    } else request.reject(new DOMException('', problem));
    await settle();
  }
}

/** Lets everything run that waits for nothing but its turn. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 8; turn += 1) await Promise.resolve();
}
