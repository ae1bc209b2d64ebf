/** The view that was shown last: when the next one may be drawn, and whether it would say anything new. */
import { millis, type Millis } from '../units.ts';
import type { MeetingView } from './view.ts';

/** A view takes time in proportion to the members, and in a large meeting changes come by the hundred. */
const SHOW_EVERY_MS = 50;

/** The view. */
export class LastShown {
  #view: MeetingView | undefined;
  #nextAt = millis(0);

  /** The next view is not drawn before this. */
  get nextAt(): Millis {
    return this.#nextAt;
  }

  /** What has changed does not wait. */
  hurry(now: Millis): void {
    this.#nextAt = now;
  }

  /** A view is shown. @returns it. */
  take(view: MeetingView, now: Millis): MeetingView {
    this.#view = view;
    this.#nextAt = millis(now + SHOW_EVERY_MS);
    return view;
  }

  /**
   * Whether a view that is drawn now says nothing new, so that it is as if it were shown. Bytes count as others when they were made
   * anew.
   */
  covers(view: MeetingView, now: Millis): boolean {
    if (now < this.#nextAt || !isLike(view, this.#view)) return false;
    this.#nextAt = millis(now + SHOW_EVERY_MS);
    return true;
  }
}

function isLike(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (!isObject(a) || !isObject(b) || a instanceof Uint8Array) return false;
  if (a instanceof Set && b instanceof Set) return a.size === b.size && [...a].every((each) => b.has(each));
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((each, at) => isLike(each, b[at]));
  // Lists of fields would be made for each member four times a second.
  for (const field in a) if (!isLike(a[field], b[field])) return false;
  for (const field in b) if (!(field in a)) return false;
  return true;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
