/** Members of a test file's meetings over a real relay and counter of its own. */
import { afterAll, afterEach, beforeAll } from 'vitest';
import { HeadlessMember, type HeadlessOptions } from './headless-member.ts';
import { startServices, type RelayChoice, type RunningServices } from './services.ts';

/** Starts the services before the tests of the file that makes it; after each test all members leave. */
export class Gathering {
  readonly #living: HeadlessMember[] = [];
  #services: RunningServices | undefined;

  constructor(relay?: RelayChoice) {
    beforeAll(async () => {
      this.#services = await startServices(relay);
    }, 240_000);
    afterEach(async () => {
      await Promise.all(this.#living.map(({ meeting }) => meeting.leave()));
      this.#living.length = 0;
    });
    afterAll(() => this.#services?.close());
  }

  get services(): RunningServices {
    if (this.#services === undefined) throw new Error('the services have not started');
    return this.#services;
  }

  /** Who has come in this test. */
  get living(): readonly HeadlessMember[] {
    return this.#living;
  }

  /** Somebody comes. */
  join(name: string, link: string, options: HeadlessOptions = {}): HeadlessMember {
    const member = new HeadlessMember(name, link, options);
    this.#living.push(member);
    return member;
  }

  /** Where everybody is, for the message of a test that fails. */
  state(): string {
    return this.#living
      .map(({ name, view, size }) => `${name} ${String(view.room)} ${view.step} ${String(size)}`)
      .join();
  }
}
