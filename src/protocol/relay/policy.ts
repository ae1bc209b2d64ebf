/**
 * What a relay does with tracks beyond handing them on. The relay knows tracks as bytes; whoever runs it knows what they
 * are for, and says it here.
 */
import type { FullTrackName } from '../moqt/model.ts';

/** How one track is treated. */
export interface TrackTreatment {
  /**
   * Its objects stay for late arrivals after its publishers have left, within the relay's limits for kept tracks; what a
   * publisher had before it came is fetched. Publishers send even while nobody subscribes.
   */
  readonly kept: boolean;
  /**
   * Nothing of it is dropped on the way: a subscriber that is too slow for it loses its session. Otherwise late groups
   * give way to newer ones, as suits media.
   */
  readonly reliable: boolean;
  /** One session publishes it at a time; the next one is refused until that one has ended. */
  readonly exclusive: boolean;
  /**
   * Of what several publishers send at one location the first counts, and the others are ignored. Without it whoever sends
   * another content has broken the track, and publishes it no more.
   */
  readonly firstWins: boolean;
}

/** Says how each track is treated. */
export interface RelayPolicy {
  /**
   * Asked once for each track, when the relay first hears of it. Any name may come, from anybody.
   * @param track - borrowed.
   */
  treatmentOf(track: FullTrackName): TrackTreatment;
}
