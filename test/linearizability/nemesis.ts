/** What happens to the service while it is called. */
import type { SmallDisk } from './disk.ts';
import type { ServiceClock } from './recorder.ts';
import type { CounterProcess } from './service.ts';

/** What can be done to a service. */
export const DISTURBANCES = [
  'kill',
  'stop past the lock',
  'stop past the lease',
  'full disk',
  'full disk and kill',
  'clock ahead',
  'clock back',
  'power cut',
] as const;
/** One of them. */
export type Disturbance = (typeof DISTURBANCES)[number];

/** What it is done with. */
export interface NemesisSetup {
  readonly service: CounterProcess;
  /** Is told each time that the service is dead. */
  readonly died: () => void;
  readonly clock: ServiceClock;
  /** Undefined: none can be had here. */
  readonly disk: SmallDisk | undefined;
  /** The program that takes its power. */
  readonly cutPower: string | undefined;
  readonly random: () => number;
  readonly lockMs: number;
  /** As long as the lease at least, and as clients wait for an answer. */
  readonly leaseMs: number;
  /** Calls so far whose outcome is unknown. */
  readonly unknown: () => number;
}

/** How long a full disk is waited for to be felt. */
const FULL_MS = 3_000;

/** Disturbs a service, one thing at a time. */
export class Nemesis {
  readonly #setup: NemesisSetup;
  #offset = 0;

  constructor(setup: NemesisSetup) {
    this.#setup = setup;
  }

  /** Does it, and puts things right again, but for the clock. */
  async disturb(how: Disturbance): Promise<void> {
    const { service, disk, lockMs, leaseMs, random } = this.#setup;
    switch (how) {
      case 'kill':
        await this.#kill();
        await service.start();
        break;
      case 'stop past the lock':
      case 'stop past the lease':
        service.pause();
        await wait((how === 'stop past the lock' ? lockMs : leaseMs) * 1.25);
        service.resume();
        break;
      case 'full disk':
      case 'full disk and kill':
        await this.#fillDisk(how === 'full disk and kill');
        break;
      case 'clock ahead':
        this.#setClock(this.#offset + Math.ceil(random() * 4 * 3_600));
        break;
      case 'clock back':
        this.#setClock(this.#offset - Math.ceil(random() * 4 * 3_600));
        break;
      case 'power cut':
        if (disk === undefined || this.#setup.cutPower === undefined) return;
        // Nothing more is answered from when it is gone.
        service.pause();
        disk.cutPower(this.#setup.cutPower);
        await this.#kill();
        disk.powerOn();
        await service.start();
    }
  }

  /** Ends what is left of a disturbance. */
  async end(): Promise<void> {
    await this.#kill();
  }

  async #kill(): Promise<void> {
    await this.#setup.service.kill();
    this.#setup.died();
  }

  async #fillDisk(kills: boolean): Promise<void> {
    const { service, disk, unknown } = this.#setup;
    if (disk === undefined) return;
    disk.fill();
    const before = unknown();
    const end = performance.now() + FULL_MS;
    while (unknown() < before + 4 && performance.now() < end) {
      await wait(20);
      // What SQLite still has for itself.
      disk.fill();
    }
    if (kills) await this.#kill();
    disk.free();
    if (kills) await service.start();
  }

  #setClock(seconds: number): void {
    this.#offset = seconds;
    this.#setup.clock.change(seconds * 1000, () => {
      this.#setup.service.setClock(seconds);
    });
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
