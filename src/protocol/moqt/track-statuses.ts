import type { FullTrackName, RequestId } from './model.ts';
import { unexpected } from './requests.ts';
import type { OwnerMessage, PeerRequestOwner, Request, Requests } from './requests.ts';
import type { TrackDescription } from './session-api.ts';
import type { SessionCore } from './session-core.ts';
import { definedOnly } from './subscribe-parameters.ts';

/** TRACK_STATUS in both directions. @see moqt-18 #message-track-status */
export class TrackStatuses implements PeerRequestOwner {
  readonly #core: SessionCore;
  readonly #requests: Requests;

  constructor(core: SessionCore, requests: Requests) {
    this.#core = core;
    this.#requests = requests;
  }

  request(track: FullTrackName): RequestId {
    const id = this.#requests.takeId();
    this.#requests.open(this, { kind: 'track-status', id, track, parameters: {} });
    return id;
  }

  accept(id: RequestId, description: TrackDescription): void {
    const request = this.#requests.toAnswer(id, 'track-status');
    if (request === undefined) return;
    const { largest, properties } = description;
    const parameters = definedOnly({ largest });
    this.#requests.acknowledge(request, 'track-status', { parameters, properties, fin: true });
    this.#requests.forget(request);
  }

  offer({ message }: Request): undefined {
    if (message.kind !== 'track-status') return;
    const { id, track, parameters } = message;
    this.#requests.tell({
      kind: 'track-status',
      id,
      track,
      ...definedOnly({ tokens: parameters.tokens }),
    });
  }

  receive(request: Request, message: OwnerMessage): void {
    if (message.kind !== 'request-ok') unexpected(message);
    const { largest, expires } = message.parameters;
    const description = { largest, expires, properties: message.properties };
    this.#core.event({ kind: 'track-status-ok', id: request.id, description });
    this.#requests.finish(request);
    this.#requests.forget(request);
  }

  end(): void {
    // It has no state.
  }
}
