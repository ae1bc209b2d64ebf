import type { AppModel } from '../../app/app.svelte.ts';
import type { MediaModel } from '../../app/media.svelte.ts';

/** In order. */
export const steps = ['name', 'devices', 'ready'] as const;
type Step = (typeof steps)[number];

/** The three steps of the first start. Nothing is kept before the last. */
export class FirstStartModel {
  step: Step = $state('name');
  name = $state('');
  problem: string | undefined = $state();
  busy = $state(false);
  readonly nameFits = $derived(this.name.trim().length > 0);
  readonly #app: AppModel;
  readonly #media: MediaModel;

  constructor(app: AppModel, media: MediaModel) {
    this.#app = app;
    this.#media = media;
  }

  readonly next = (): void => {
    if (this.nameFits) this.#go(1);
  };

  readonly back = (): void => {
    this.#go(-1);
  };

  /** Makes the identity; the app then moves on by itself. */
  async finish(call: 'identity.create' | 'identity.guest'): Promise<void> {
    this.busy = true;
    const outcome = await this.#app.call(call, { displayName: this.name.trim() });
    this.busy = false;
    this.problem = outcome.ok ? undefined : outcome.problem.sentence;
  }

  #go(by: 1 | -1): void {
    // Devices that were tried out do not stay on.
    this.#media.switchOff();
    this.step = steps[steps.indexOf(this.step) + by] ?? this.step;
  }
}
