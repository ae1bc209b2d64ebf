/**
 * Puts the frames of one video track into decoding order.
 *
 * A group begins with a key frame as object 0, and frames of a group need all frames before them. So a frame is handed on
 * only when its predecessor was; a newer group's key frame cuts the older group short at once; and a gap that does not
 * close within the patience ends in waiting for the next key frame, which is asked for.
 */
import { millis } from '../units.ts';
import type { Millis } from '../units.ts';

/** One encoded frame; `payload` is not looked into. */
export interface VideoFrame<Payload> {
  readonly group: number;
  readonly object: number;
  readonly keyframe: boolean;
  readonly payload: Payload;
}

/** What follows from an input. */
export interface VideoStep<Payload> {
  /** To be decoded now, in this order. */
  readonly deliver: readonly Payload[];
  /** The sender is to be asked for a key frame. */
  readonly keyframeNeeded: boolean;
}

/** How long a gap may stay open before a key frame is asked for. */
export const VIDEO_GAP_PATIENCE = millis(150);
/** A key frame is not asked for again before this has passed. */
export const KEYFRAME_REQUEST_INTERVAL = millis(1000);
/** Most frames that wait behind a gap. */
export const MAX_WAITING_FRAMES = 150;

/** The order of one track. */
export class VideoOrder<Payload> {
  /** Ascending by group and object. */
  #waiting: VideoFrame<Payload>[] = [];
  /** The frame to hand on next; undefined: a key frame, of any group after `#floor`. */
  #next: { readonly group: number; readonly object: number } | undefined;
  /** Groups up to this one are over. */
  #floor = -1;
  #gapSince: Millis | undefined;
  #askedAt: Millis | undefined;

  /** When {@link VideoOrder.expire} is to be called, if nothing comes before. */
  get deadline(): Millis | undefined {
    return this.#gapSince === undefined ? undefined : millis(this.#gapSince + VIDEO_GAP_PATIENCE);
  }

  /**
   * Takes a frame that came in.
   * @param frame - kept until handed on or dropped.
   */
  push(frame: VideoFrame<Payload>, now: Millis): VideoStep<Payload> {
    if (this.#isPast(frame)) return nothing;
    if (frame.keyframe && (this.#next === undefined || frame.group > this.#next.group)) {
      this.#next = { group: frame.group, object: frame.object };
      this.#floor = frame.group - 1;
      this.#waiting = this.#waiting.filter((other) => other.group >= frame.group);
      this.#askedAt = undefined;
    }
    this.#insert(frame);
    const deliver = this.#drain();
    if (this.#next === undefined || this.#waiting.length === 0) this.#gapSince = undefined;
    else if (deliver.length > 0 || this.#gapSince === undefined) this.#gapSince = now;
    if (this.#next === undefined) return { deliver, keyframeNeeded: this.#ask(now) };
    if (this.#waiting.length > MAX_WAITING_FRAMES) return { deliver, keyframeNeeded: this.#giveUp(now) };
    return { deliver, keyframeNeeded: false };
  }

  /** Gives up on a gap whose time is over. */
  expire(now: Millis): VideoStep<Payload> {
    const deadline = this.deadline;
    if (deadline === undefined || now < deadline) return nothing;
    return { deliver: [], keyframeNeeded: this.#giveUp(now) };
  }

  /**
   * The decoder has failed, or frames that were handed on were not decoded: only a key frame helps.
   * @returns whether to ask for one now.
   */
  lost(now: Millis): boolean {
    return this.#giveUp(now);
  }

  #giveUp(now: Millis): boolean {
    if (this.#next !== undefined) this.#floor = this.#next.group;
    this.#next = undefined;
    this.#gapSince = undefined;
    this.#waiting = this.#waiting.filter((frame) => frame.group > this.#floor).slice(-MAX_WAITING_FRAMES);
    return this.#ask(now);
  }

  #ask(now: Millis): boolean {
    if (this.#askedAt !== undefined && now - this.#askedAt < KEYFRAME_REQUEST_INTERVAL) return false;
    this.#askedAt = now;
    return true;
  }

  #isPast(frame: VideoFrame<Payload>): boolean {
    if (frame.group <= this.#floor) return true;
    const next = this.#next;
    return next !== undefined && compare(frame, next) < 0;
  }

  #insert(frame: VideoFrame<Payload>): void {
    let at = this.#waiting.length;
    while (at > 0) {
      const before = this.#waiting[at - 1];
      if (before === undefined) break;
      const order = compare(before, frame);
      if (order === 0) return;
      if (order < 0) break;
      at -= 1;
    }
    this.#waiting.splice(at, 0, frame);
    if (this.#next === undefined && this.#waiting.length > MAX_WAITING_FRAMES) this.#waiting.shift();
  }

  #drain(): Payload[] {
    const deliver: Payload[] = [];
    while (this.#next !== undefined) {
      const frame = this.#waiting[0];
      if (frame === undefined || compare(frame, this.#next) !== 0) break;
      this.#waiting.shift();
      deliver.push(frame.payload);
      this.#next = { group: frame.group, object: frame.object + 1 };
    }
    return deliver;
  }
}

const nothing = { deliver: [], keyframeNeeded: false } as const;

function compare(
  a: { readonly group: number; readonly object: number },
  b: { readonly group: number; readonly object: number },
): number {
  return a.group - b.group || a.object - b.object;
}
