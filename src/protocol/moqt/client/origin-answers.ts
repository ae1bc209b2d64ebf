import { RequestErrorCode } from '../codes.ts';
import { fetchEnd, lastIncluded } from '../locations.ts';
import { compareLocations } from '../model.ts';
import type { FullTrackName, MoqtObject, RequestId } from '../model.ts';
import type { IncomingRequest, MoqtSession } from '../session-api.ts';
import type { TrackOrigin } from './client-api.ts';
import type { SentPublication } from './sent-publication.ts';

type Answerable = Exclude<IncomingRequest, { kind: 'publish' }>;

/**
 * Answers what the peer asks about tracks of ours.
 * @param publish - makes the handle of a subscription.
 * @returns the publication when the peer subscribed, to be handed to the origin.
 */
export function answerByOrigin(
  session: MoqtSession,
  origin: TrackOrigin,
  request: Answerable,
  publish: (id: RequestId, track: FullTrackName, forwarding: boolean) => SentPublication,
): SentPublication | undefined {
  switch (request.kind) {
    case 'subscribe': {
      const largest = largestOf(session, origin, request);
      if (largest === undefined) return undefined;
      session.acceptSubscribe(request.id, largest === null ? {} : { largest });
      return publish(request.id, request.track, request.parameters.forward ?? true);
    }
    case 'track-status': {
      const largest = largestOf(session, origin, request);
      if (largest !== undefined) session.acceptTrackStatus(request.id, largest === null ? {} : { largest });
      return undefined;
    }
    case 'fetch':
      answerFetch(session, origin, request);
      return undefined;
    default: {
      const refusal = { code: RequestErrorCode.NOT_SUPPORTED, reason: 'this is no relay' };
      session.reject(request.id, refusal);
      return undefined;
    }
  }
}

/** Largest location of a track of ours; refuses the request when it is none. */
function largestOf(
  session: MoqtSession,
  origin: TrackOrigin,
  request: { readonly id: RequestId; readonly track: FullTrackName },
): ReturnType<TrackOrigin['largest']> {
  const largest = origin.largest(request.track);
  if (largest === undefined) {
    session.reject(request.id, { code: RequestErrorCode.DOES_NOT_EXIST, reason: 'the track is not ours' });
  }
  return largest;
}

/** @see moqt-18 #fetch-handling */
function answerFetch(
  session: MoqtSession,
  origin: TrackOrigin,
  request: Extract<IncomingRequest, { kind: 'fetch' }>,
): void {
  const { id, track, start } = request;
  const largest = largestOf(session, origin, request);
  if (largest === undefined) return;
  if (largest === null || compareLocations(start, largest) > 0) {
    session.reject(id, { code: RequestErrorCode.INVALID_RANGE, reason: 'nothing is there yet' });
    return;
  }
  const end = fetchEnd(request.end, largest);
  const objects = origin.fetch(track, start, lastIncluded(end));
  if (objects === undefined) {
    session.reject(id, { code: RequestErrorCode.DOES_NOT_EXIST, reason: 'the track is not ours' });
    return;
  }
  session.acceptFetch(id, end, false);
  const ordered = request.groupOrder === 'ascending' ? objects : byDescendingGroup(objects);
  for (const object of ordered) session.sendFetchObject(id, object);
  session.endFetch(id);
}

/** Groups from the last to the first, objects within a group as they were. */
function byDescendingGroup(objects: readonly MoqtObject[]): readonly MoqtObject[] {
  return [...objects].sort((a, b) => {
    if (a.location.group === b.location.group) return compareLocations(a.location, b.location);
    return a.location.group > b.location.group ? -1 : 1;
  });
}
