import type { InvitationSummary } from '../../../contract/state.ts';
import type { AppModel } from '../../app/app.svelte.ts';
import type { MediaModel } from '../../app/media.svelte.ts';

/** What the link turned out to be. */
export type Inspected =
  | { readonly kind: 'reading' }
  | { readonly kind: 'good'; readonly meeting: InvitationSummary }
  | { readonly kind: 'bad'; readonly sentence: string };

/** One link before joining. */
export class PreviewModel {
  inspected: Inspected = $state.raw({ kind: 'reading' });
  problem: string | undefined = $state();
  busy = $state(false);
  readonly #app: AppModel;
  readonly #media: MediaModel;
  readonly #link: string;

  constructor(app: AppModel, media: MediaModel, link: string) {
    this.#app = app;
    this.#media = media;
    this.#link = link;
    void this.#inspect();
  }

  /** Joins with the devices as they are now. */
  async join(): Promise<void> {
    this.busy = true;
    const outcome = await this.#app.call('meeting.join', {
      link: this.#link,
      microphone: this.#media.isOn('microphone'),
      camera: this.#media.isOn('camera'),
    });
    this.busy = false;
    this.problem = outcome.ok ? undefined : outcome.problem.sentence;
    // Where the meeting ends, home comes next and not this preview.
    if (outcome.ok) this.#app.closePreview();
  }

  back(): void {
    this.#media.switchOff();
    this.#app.closePreview();
  }

  async #inspect(): Promise<void> {
    const outcome = await this.#app.call('meeting.inspect', { link: this.#link });
    this.inspected = outcome.ok
      ? { kind: 'good', meeting: outcome.value }
      : { kind: 'bad', sentence: outcome.problem.sentence };
  }
}
