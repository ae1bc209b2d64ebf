import type { AppModel } from '../../app/app.svelte.ts';
import { findLink } from './find-link.ts';
import { words } from './words.ts';

/** Starting and joining meetings. */
export class HomeModel {
  title = $state<string>(words.defaultTitle);
  keyAgreement: 'classical' | 'post-quantum' = $state('classical');
  link = $state('');
  /** The new name while it is being changed. */
  renaming: string | undefined = $state();
  renameProblem: string | undefined = $state();
  createProblem: string | undefined = $state();
  linkProblem: string | undefined = $state();
  busy = $state(false);
  readonly #app: AppModel;

  constructor(app: AppModel) {
    this.#app = app;
  }

  /** Makes a meeting and shows its preview. */
  async create(): Promise<void> {
    this.busy = true;
    const title = this.title.trim() || words.defaultTitle;
    const outcome = await this.#app.call('meeting.create', { title, keyAgreement: this.keyAgreement });
    this.busy = false;
    this.createProblem = outcome.ok ? undefined : outcome.problem.sentence;
    if (outcome.ok) this.#app.previewLink = outcome.value.link;
  }

  /** Opens what was typed; text around the link, as in an e-mail, does no harm. */
  open(): void {
    const link = findLink(this.link);
    this.linkProblem = link === undefined ? words.noLink : undefined;
    if (link !== undefined) this.#app.previewLink = link;
  }

  /** A link pasted anywhere on the page is opened at once. */
  paste(event: ClipboardEvent): void {
    const link = findLink(event.clipboardData?.getData('text/plain') ?? '');
    if (link === undefined) return;
    event.preventDefault();
    this.#app.previewLink = link;
  }

  async rename(): Promise<void> {
    const displayName = this.renaming?.trim() ?? '';
    if (displayName === '') return;
    const outcome = await this.#app.call('identity.rename', { displayName });
    this.renameProblem = outcome.ok ? undefined : outcome.problem.sentence;
    if (outcome.ok) this.renaming = undefined;
  }
}
