/**
 * Publishing one short track: PUBLISH, objects, PUBLISH_DONE.
 *
 * That is how several members can write one `commits` track on a relay that allows one publisher at a time; on a relay
 * that allows several and keeps objects it does no harm.
 */
import type { MoqtClient, Publication } from '../moqt/client/client-api.ts';
import { PublishDoneCode } from '../moqt/codes.ts';
import { groupId, objectId, subgroupId, type FullTrackName, type MoqtObject } from '../moqt/model.ts';
import { Pending, pause, settledUntil, type Task, type Tasks } from '../tasks.ts';

/** How long the answer to PUBLISH is waited for. */
const ANSWER_MS = 2_000;
/** How long a publication waits for its subscriber to want objects. */
const FORWARD_MS = 600;
/** How long subscribers of a relay that keeps nothing get to accept a track before its first object. */
const SETTLE_MS = 60;
/** Between attempts, while another member still holds the track. */
const RETRY_MS = 60;
const ATTEMPTS = 8;

const PUBLISHER_PRIORITY = 16;
const NO_PROPERTIES = new Uint8Array(0);

/** An object of an MLS track: a subgroup and stream of its own, no properties. @see docs/protocol.md #mls-tracks */
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
export class ShortPublication {
  readonly #publication: Publication;
  readonly #tasks: Tasks;
  readonly #ended: Pending<undefined>;
  #done = false;
  /** Counts sends and ends: a linger that was broken off ends nothing. */
  #turn = 0;

  constructor(publication: Publication, tasks: Tasks, ended: Pending<undefined>) {
    this.#publication = publication;
    this.#tasks = tasks;
    this.#ended = ended;
  }

  /** Whether objects still go anywhere. */
  get isOpen(): boolean {
    return !this.#done && this.#ended.settled === undefined;
  }

  /** Sends an object. A track that lingers stays open until it is finished again. */
  send(object: MoqtObject): void {
    this.#turn += 1;
    if (this.isOpen) this.#publication.sendSingleObject(object, false);
  }

  /** PUBLISH_DONE, after a while in which slow subscribers may still come. */
  finish(lingerMs: number): void {
    this.#turn += 1;
    this.#tasks.start(this.#linger(this.#turn, lingerMs));
  }

  *#linger(turn: number, lingerMs: number): Task {
    yield* pause(this.#tasks.after(lingerMs));
    if (turn !== this.#turn) return;
    if (this.isOpen) this.#publication.done(PublishDoneCode.TRACK_ENDED, '');
    this.#done = true;
  }
}

/**
 * Publishes a track and waits until objects are wanted.
 * @param largest - the last object that went out on it before.
 * @returns undefined when the relay did not take it: somebody else holds it, or the relay is gone.
 */
export function* openTrack(
  client: MoqtClient,
  tasks: Tasks,
  track: FullTrackName,
  largest: MoqtObject | undefined,
): Task<ShortPublication | undefined> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const outcome = yield* publishOnce(client, tasks, track, largest);
    if (outcome.kind === 'open') return outcome.publication;
    if (outcome.kind === 'gone') return undefined;
    yield* pause(tasks.after(RETRY_MS));
  }
  return undefined;
}

function* publishOnce(
  client: MoqtClient,
  tasks: Tasks,
  track: FullTrackName,
  largest: MoqtObject | undefined,
): Task<{ kind: 'open'; publication: ShortPublication } | { kind: 'refused' } | { kind: 'gone' }> {
  const ended = new Pending<undefined>();
  const wanted = new Pending<undefined>();
  const request = client.publish(
    track,
    { forward: true, description: largest === undefined ? {} : { largest: largest.location } },
    {
      updated: (forwarding) => {
        if (forwarding) wanted.settle(undefined);
      },
      ended: () => {
        ended.settle(undefined);
        wanted.settle(undefined);
      },
    },
  );
  const outcome = yield* settledUntil(request, tasks.after(ANSWER_MS));
  if (outcome === undefined) {
    request.whenSettled((late) => {
      if (late.kind === 'published') late.publication.done(PublishDoneCode.TRACK_ENDED, '');
    });
    return { kind: 'gone' };
  }
  if (outcome.kind !== 'published') return { kind: outcome.kind };
  const { publication } = outcome;
  if (!publication.forwarding) yield* settledUntil(wanted, tasks.after(FORWARD_MS));
  // A relay that keeps nothing drops what comes before its subscribers have accepted its own PUBLISH (measured).
  else if (client.peerImplementation?.startsWith('conclave') !== true) yield* pause(tasks.after(SETTLE_MS));
  return { kind: 'open', publication: new ShortPublication(publication, tasks, ended) };
}
