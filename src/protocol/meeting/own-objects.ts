/** Objects of our MLS tracks, kept for whoever FETCHes them from us. */
import type { FullTrackName, MoqtObject } from '../moqt/model.ts';
import { trackNameKey, type TrackNameKey } from '../moqt/names.ts';

/** Tracks, and objects of each: Commits and Welcomes of old epochs are the counter's to remember. */
const MOST = { tracks: 128, objects: 16 } as const;

/** The newest objects of the newest tracks. */
export class OwnObjects {
  readonly #tracks = new Map<TrackNameKey, readonly MoqtObject[]>();

  /** The objects of a track, oldest first, at least one; undefined: not a track of ours. */
  of(track: FullTrackName): readonly MoqtObject[] | undefined {
    return this.#tracks.get(trackNameKey(track));
  }

  /** Keeps an object that goes out. */
  keep(track: FullTrackName, object: MoqtObject): void {
    const key = trackNameKey(track);
    const objects = this.#tracks.get(key) ?? [];
    this.#tracks.delete(key);
    this.#tracks.set(key, [...objects.slice(1 - MOST.objects), object]);
    const [oldest] = this.#tracks.keys();
    if (this.#tracks.size > MOST.tracks && oldest !== undefined) this.#tracks.delete(oldest);
  }

  clear(): void {
    this.#tracks.clear();
  }
}
