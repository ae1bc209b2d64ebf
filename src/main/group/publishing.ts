/**
 * Publishing one short track: PUBLISH, objects, PUBLISH_DONE.
 *
 * That is how several members can write one `commits` track on a relay that allows one publisher at a time; on a relay
 * that allows several and keeps objects it does no harm.
 */
import type { MoqtClient, Publication } from '../../io/moqt/client-api.ts';
import { groupId, objectId, subgroupId } from '../../protocol/moqt/model.ts';
import type { FullTrackName, MoqtObject } from '../../protocol/moqt/model.ts';

/** Times of publishing, in milliseconds. */
export const PUBLISH_TIMES = {
  /** How long the answer to PUBLISH is waited for. */
  answer: 2_000,
  /** How long a publication waits for its subscriber to want objects. */
  forward: 600,
  /** How long subscribers of a relay that keeps nothing get to accept a track before its first object. */
  settle: 60,
  /** Between attempts, while another member still holds the track. */
  retry: 60,
  /** How many attempts. */
  attempts: 8,
} as const;

const PUBLISHER_PRIORITY = 16;
const NO_PROPERTIES = new Uint8Array(0);
/** PUBLISH_DONE status TRACK_ENDED. @see moqt-18 #message-publish-done */
const TRACK_ENDED = 0x2;

/** An object of an MLS track: a subgroup and stream of its own, no properties. */
export function mlsObject(group: bigint, object: number, payload: Uint8Array): MoqtObject {
  return {
    location: { group: groupId(group), object: objectId(BigInt(object)) },
    subgroup: subgroupId(BigInt(object)),
    publisherPriority: PUBLISHER_PRIORITY,
    forwarding: 'subgroup',
    properties: NO_PROPERTIES,
    content: { kind: 'payload', payload },
  };
}

/** A track that is being published. */
export interface OpenTrack {
  /** Sends an object; a track that lingers stays open for another linger. */
  send(object: MoqtObject): void;
  /** PUBLISH_DONE, after a while in which slow subscribers may still come. */
  finish(lingerMs: number): void;
  /** Whether objects still go anywhere. */
  readonly isOpen: boolean;
}

/** Waits. */
export const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

/** `promise`, or undefined when it takes longer. */
export async function within<Value>(promise: Promise<Value>, ms: number): Promise<Value | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => {
      resolve(undefined);
    }, ms);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Publishes a track and waits until objects are wanted.
 * @returns undefined when the relay did not take it: somebody else holds it, or the relay is gone.
 */
export async function openTrack(
  client: MoqtClient,
  track: FullTrackName,
  largest: MoqtObject | undefined,
): Promise<OpenTrack | undefined> {
  for (let attempt = 1; attempt <= PUBLISH_TIMES.attempts; attempt += 1) {
    const outcome = await publishOnce(client, track, largest);
    if (outcome.kind === 'open') return outcome.track;
    if (outcome.kind === 'gone') return undefined;
    await pause(PUBLISH_TIMES.retry);
  }
  return undefined;
}

async function publishOnce(
  client: MoqtClient,
  track: FullTrackName,
  largest: MoqtObject | undefined,
): Promise<{ kind: 'open'; track: OpenTrack } | { kind: 'refused' } | { kind: 'gone' }> {
  let ended = false;
  let wanted: (() => void) | undefined;
  const isWanted = new Promise<void>((resolve) => {
    wanted = resolve;
  });
  const request = client.publish(
    track,
    { forward: true, description: largest === undefined ? {} : { largest: largest.location } },
    {
      updated: (forwarding) => {
        if (forwarding) wanted?.();
      },
      ended: () => {
        ended = true;
        wanted?.();
      },
    },
  );
  const outcome = await within(request, PUBLISH_TIMES.answer);
  if (outcome === undefined) {
    void request.then((late) => {
      if (late.kind === 'published') late.publication.done(TRACK_ENDED, '');
    });
    return { kind: 'gone' };
  }
  if (outcome.kind !== 'published') return { kind: outcome.kind };
  const { publication } = outcome;
  if (!publication.forwarding) await within(isWanted, PUBLISH_TIMES.forward);
  // A relay that keeps nothing drops what comes before its subscribers have accepted its own PUBLISH (measured).
  else if (client.peerImplementation?.startsWith('conclave') !== true) await pause(PUBLISH_TIMES.settle);
  return { kind: 'open', track: openTrackOf(publication, () => ended) };
}

function openTrackOf(publication: Publication, isOver: () => boolean): OpenTrack {
  let done = false;
  let lingering: NodeJS.Timeout | undefined;
  return {
    get isOpen() {
      return !done && !isOver();
    },
    send(object) {
      clearTimeout(lingering);
      if (this.isOpen) publication.sendSingleObject(object, false);
    },
    finish(lingerMs) {
      clearTimeout(lingering);
      lingering = setTimeout(() => {
        if (this.isOpen) publication.done(TRACK_ENDED, '');
        done = true;
      }, lingerMs);
      lingering.unref();
    },
  };
}
