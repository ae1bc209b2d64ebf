/**
 * Closing the window while others are in the meeting: the page asks first. It is asked by a number in the app's state,
 * and says that it does; a page that does not is taken for one that hangs, and the window closes all the same.
 */
import { ok } from '../../contract/result.ts';
import type { CallHandlers } from './call-handlers.ts';

/** How long a page may take to show the question, ms. */
export const QUESTION_WITHIN_MS = 5_000;

/** What closing needs of the app. */
export interface WindowClosingPorts {
  /** Whether somebody else is in the meeting. */
  readonly othersPresent: () => boolean;
  /** Closes the window without asking again. */
  readonly close: () => void;
  /** {@link WindowClosing.request} has changed. */
  readonly changed: () => void;
}

type Closing =
  | { readonly kind: 'open' }
  /** The page was asked to ask, and has not yet said that it does. */
  | { readonly kind: 'asking'; readonly request: number; readonly timer: NodeJS.Timeout }
  /** The question is on the screen. */
  | { readonly kind: 'asked'; readonly request: number }
  | { readonly kind: 'closed' };

/** One window's way to its end. */
export class WindowClosing {
  readonly #ports: WindowClosingPorts;
  #closing: Closing = { kind: 'open' };
  #requests = 0;

  constructor(ports: WindowClosingPorts) {
    this.#ports = ports;
  }

  /** Answers what the page says to the question. */
  get handlers(): Pick<CallHandlers, 'window.asking' | 'window.stay' | 'window.close'> {
    return {
      'window.asking': ({ request }) => {
        this.shown(request);
        return ok(null);
      },
      'window.stay': () => {
        this.stay();
        return ok(null);
      },
      'window.close': () => {
        this.close();
        return ok(null);
      },
    };
  }

  /** The question that the page shall show, counted; undefined when there is none. */
  get request(): number | undefined {
    return this.#closing.kind === 'asking' || this.#closing.kind === 'asked'
      ? this.#closing.request
      : undefined;
  }

  /** The person, or the system on their behalf, closes the window. @returns whether it may close now. */
  requested(): boolean {
    if (this.#closing.kind === 'closed' || !this.#ports.othersPresent()) return true;
    // Closing again neither counts as an answer nor gives a page that hangs more time.
    if (this.#closing.kind === 'asking') return false;
    const timer = setTimeout(() => {
      this.close();
    }, QUESTION_WITHIN_MS);
    this.#requests += 1;
    this.#become({ kind: 'asking', request: this.#requests, timer });
    return false;
  }

  /** The page shows the question. @param request - which one, since an older one says nothing of a later. */
  shown(request: number): void {
    if (this.#closing.kind === 'asking' && this.#closing.request === request)
      this.#become({ kind: 'asked', request });
  }

  /** The person stays, or there is no longer anything to ask. */
  stay(): void {
    if (this.#closing.kind !== 'closed') this.#become({ kind: 'open' });
  }

  /** Closes, whoever is there: the person has said so, or nobody can be asked. */
  close(): void {
    if (this.#closing.kind === 'closed') return;
    this.#become({ kind: 'closed' });
    this.#ports.close();
  }

  #become(closing: Closing): void {
    if (this.#closing.kind === 'asking') clearTimeout(this.#closing.timer);
    this.#closing = closing;
    this.#ports.changed();
  }
}
