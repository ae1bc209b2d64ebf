/**
 * What a relay does with tracks beyond handing them on, and who may ask for it. The relay knows tracks as bytes; whoever
 * runs it knows what they are for, and says it here.
 */
import type { FullTrackName, TrackNamespace } from '../moqt/model.ts';
import type { AuthorizationToken, RequestRefusal } from '../moqt/session-api.ts';

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
   * Several publishers that need not trust each other write it, object by object. Of what they send at one location the
   * first counts, and the others are ignored; what one of them says of the track, of its groups and subgroups, or of what
   * is not there, holds for nobody; who floods what is kept of it pushes out its own. Without it whoever sends another
   * content has broken the track, and publishes it no more.
   */
  readonly firstWins: boolean;
}

/** Says how each track is treated. */
export interface TrackPolicy {
  /**
   * Asked once for each track, when the relay first hears of it. Any name may come, from anybody.
   * @param track - borrowed.
   */
  treatmentOf(track: FullTrackName): TrackTreatment;
}

/** What one session may do. */
export interface SessionAccess {
  /**
   * Asked once for each request, never for an object. Any name and any token may come.
   * @param namespace - that of the track, or the namespace or prefix that the request names; borrowed.
   * @param tokens - what the request shows by itself; borrowed.
   * @returns why it is refused; undefined: it is allowed.
   */
  refusal(namespace: TrackNamespace, tokens: readonly AuthorizationToken[]): RequestRefusal | undefined;
}

/** Says who may do what. */
export interface AccessPolicy {
  /** Asked once for each session. @param tokens - those of its SETUP, which hold for all that it asks. */
  accessOf(tokens: readonly AuthorizationToken[]): SessionAccess;
}

/** All that is given to a relay. */
export interface RelayPolicy extends TrackPolicy, AccessPolicy {}

const OPEN: SessionAccess = { refusal: () => undefined };

/** Everybody may do everything. */
export const openAccess: AccessPolicy = { accessOf: () => OPEN };
