/**
 * The replay windows of a meeting, one for each full track name: a relay that ends a publication and offers the same track
 * once more meets the window that the first one left.
 * @see draft-ietf-moq-secure-objects-01 #security
 */
import type { FullTrackName } from '../moqt/model.ts';
import { trackNameKey, type TrackNameKey } from '../moqt/names.ts';
import { ReplayWindow } from './replay-window.ts';

/** Windows kept of tracks that nobody follows any more; the one that was left first goes first. Only members can fill them. */
export const MAX_IDLE_WINDOWS = 1_024;

/** All windows. */
export class ReplayWindows {
  readonly #followed = new Map<TrackNameKey, { readonly window: ReplayWindow; followers: number }>();
  /** In the order in which they were left. */
  readonly #idle = new Map<TrackNameKey, ReplayWindow>();

  /** The window of a track, shared by all who follow it; to be left by {@link ReplayWindows.leave}. */
  follow(track: FullTrackName): ReplayWindow {
    const key = trackNameKey(track);
    const followed = this.#followed.get(key);
    if (followed !== undefined) {
      followed.followers += 1;
      return followed.window;
    }
    const window = this.#idle.get(key) ?? new ReplayWindow();
    this.#idle.delete(key);
    this.#followed.set(key, { window, followers: 1 });
    return window;
  }

  /** One who followed the track does so no more. What was never opened leaves nothing behind. */
  leave(track: FullTrackName): void {
    const key = trackNameKey(track);
    const followed = this.#followed.get(key);
    if (followed === undefined) return;
    followed.followers -= 1;
    if (followed.followers > 0) return;
    this.#followed.delete(key);
    if (followed.window.isEmpty) return;
    this.#idle.set(key, followed.window);
    const [oldest] = this.#idle.keys();
    if (this.#idle.size > MAX_IDLE_WINDOWS && oldest !== undefined) this.#idle.delete(oldest);
  }
}
