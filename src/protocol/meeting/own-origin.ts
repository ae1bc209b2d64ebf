/** Answers FETCH and SUBSCRIBE that reach us, for relays that keep nothing: our sealed tracks and our MLS tracks. */
import type { TrackOrigin } from '../moqt/client/client-api.ts';
import { isBetween } from '../moqt/locations.ts';
import type { FullTrackName, MoqtObject } from '../moqt/model.ts';
import type { OutgoingTrack } from './outgoing-track.ts';

/**
 * What we answer with.
 * @param sealed - our track of a name in this join; undefined: none.
 * @param mls - objects of our MLS track of a name, at least one; undefined: not one of ours.
 */
export function ownOrigin(
  sealed: (track: FullTrackName) => OutgoingTrack | undefined,
  mls: (track: FullTrackName) => readonly MoqtObject[] | undefined,
): TrackOrigin {
  return {
    fetch: (track, start, end) =>
      sealed(track)?.fetch(start, end) ??
      mls(track)?.filter(({ location }) => isBetween(location, start, end)),
    largest: (track) => {
      const own = sealed(track);
      return own === undefined ? mls(track)?.at(-1)?.location : (own.largest ?? null);
    },
    subscribed: (publication) =>
      sealed(publication.track)?.subscribed(publication) ?? { ended: () => undefined },
  };
}
