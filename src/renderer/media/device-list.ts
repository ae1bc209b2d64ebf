/** The available devices and the chosen ones; choices are remembered on this machine. */

/** What a device is for. */
export type DeviceRole = 'microphone' | 'camera' | 'speaker';

/** One device; the id is the browser's. */
export interface Device {
  readonly id: string;
  readonly label: string;
}

/** All devices by what they are for. */
export type Devices = Readonly<Record<DeviceRole, readonly Device[]>>;

/** Follows the devices that the system has. */
export class DeviceList {
  readonly #onChange: (devices: Devices) => void;
  #chosen: Readonly<Partial<Record<DeviceRole, string>>> = remembered();

  constructor(onChange: (devices: Devices) => void) {
    this.#onChange = onChange;
    navigator.mediaDevices.addEventListener('devicechange', () => void this.refresh());
    void this.refresh();
  }

  /** Ids of what was chosen; a role without an entry follows the system's default. */
  get chosen(): Readonly<Partial<Record<DeviceRole, string>>> {
    return this.#chosen;
  }

  choose(role: DeviceRole, id: string | undefined): void {
    this.#chosen = { ...this.#chosen, [role]: id };
    localStorage.setItem(STORAGE_KEY, JSON.stringify(this.#chosen));
  }

  async refresh(): Promise<void> {
    const all = await navigator.mediaDevices.enumerateDevices();
    this.#onChange({
      microphone: named(all, 'audioinput', 'Microphone'),
      camera: named(all, 'videoinput', 'Camera'),
      speaker: named(all, 'audiooutput', 'Speaker'),
    });
  }
}

const STORAGE_KEY = 'devices';

/** The default is left out: choosing nothing means the default. */
function named(all: readonly MediaDeviceInfo[], kind: MediaDeviceKind, noun: string): Device[] {
  return all
    .filter((device) => device.kind === kind && device.deviceId !== '' && device.deviceId !== 'default')
    .map((device, at) => ({ id: device.deviceId, label: device.label || `${noun} ${String(at + 1)}` }));
}

function remembered(): Partial<Record<DeviceRole, string>> {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? '{}');
    const chosen: Partial<Record<DeviceRole, string>> = {};
    if (typeof stored !== 'object' || stored === null) return chosen;
    for (const role of ['microphone', 'camera', 'speaker'] as const) {
      const id: unknown = Reflect.get(stored, role);
      if (typeof id === 'string') chosen[role] = id;
    }
    return chosen;
  } catch {
    return {};
  }
}
