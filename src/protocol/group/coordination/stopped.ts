/** The end of a membership. */
import { ask } from './asks.ts';
import type { Job } from './asks.ts';
import type { StopReason } from '../progress.ts';
import type { Context, Phase } from './context.ts';

/** Erases what was saved, reports the reason, and does nothing any more. */
export class Stopped implements Phase {
  readonly #context: Context;
  readonly #reason: StopReason;
  #said = false;

  constructor(context: Context, reason: StopReason) {
    this.#context = context;
    this.#reason = reason;
  }

  input(): void {
    // The membership is over.
  }

  next(): Job<undefined> | undefined {
    if (this.#said) return undefined;
    this.#said = true;
    return this.#end();
  }

  deadline(): undefined {
    return undefined;
  }

  *#end(): Job<undefined> {
    yield* ask('erase', {});
    this.#context.emit({ kind: 'stopped', reason: this.#reason });
    return undefined;
  }
}
