/** What main says about the whole app, and the link that this window is looking at. */
import type { ConclaveBridge } from '../../contract/bridge.ts';
import type { CallArgument, CallName, CallResults, Problem } from '../../contract/calls.ts';
import { failed } from '../../contract/result.ts';
import type { Result } from '../../contract/result.ts';
import type { AppState } from '../../contract/state.ts';
import { followTheme } from './theme.ts';

/** State of the app as a whole. */
export class AppModel {
  /** Undefined until main has answered for the first time. */
  state: AppState | undefined = $state.raw();
  /** The link in the preview. */
  previewLink: string | undefined = $state();
  /** Said aloud to people who listen rather than look. */
  announcement = $state('');
  readonly #bridge: ConclaveBridge;
  /** The last link that the app was opened with and that has been shown. */
  #shownLink: string | undefined;

  constructor(bridge: ConclaveBridge) {
    this.#bridge = bridge;
    const setTheme = followTheme(document.documentElement);
    const take = (state: AppState): void => {
      this.state = state;
      setTheme(state.theme);
      if (state.pendingLink !== this.#shownLink) {
        this.#shownLink = state.pendingLink;
        if (state.pendingLink !== undefined) this.previewLink = state.pendingLink;
      }
    };
    bridge.onState(take);
    // A state that was pushed meanwhile is newer than this answer.
    bridge.call('app.state', undefined).then(
      (state) => {
        if (this.state === undefined) take(state);
      },
      () => undefined,
    );
  }

  /**
   * Makes a call whose answer is an outcome.
   * @returns the outcome; a call that main refused outright is a problem in words as well.
   */
  async call<Name extends OutcomeCall>(
    name: Name,
    argument: CallArgument<Name>,
  ): Promise<CallResults[Name] | Result<never, Problem>> {
    try {
      return await this.#bridge.call(name, argument);
    } catch {
      return failed({
        sentence: 'Something went wrong. Try again. If it keeps happening, restart Conclave.',
      });
    }
  }

  /** Leaves the preview. */
  closePreview(): void {
    this.previewLink = undefined;
  }
}

type OutcomeCall = Exclude<CallName, 'app.state'>;
