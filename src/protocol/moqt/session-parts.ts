import { StreamCode } from './codes.ts';
import { FetchAnswers } from './fetch-answers.ts';
import { FetchRequests } from './fetch-requests.ts';
import { IncomingStreams } from './incoming-streams.ts';
import type { StreamOwner } from './incoming-streams.ts';
import { NamespaceWatch } from './namespace-watch.ts';
import { Publications } from './publications.ts';
import type { RequestStream } from './request-stream.ts';
import type { SessionCore } from './session-core.ts';
import { Subscriptions } from './subscriptions.ts';

/** The parts of a session that requests have state in. */
export class SessionParts {
  readonly core: SessionCore;
  readonly publications: Publications;
  readonly subscriptions: Subscriptions;
  readonly fetchAnswers: FetchAnswers;
  readonly fetchRequests: FetchRequests;
  readonly namespaces: NamespaceWatch;
  readonly streams: IncomingStreams;

  constructor(core: SessionCore, owner: StreamOwner) {
    this.core = core;
    this.publications = new Publications(core);
    this.subscriptions = new Subscriptions(core);
    this.fetchAnswers = new FetchAnswers(core);
    this.fetchRequests = new FetchRequests(core);
    this.namespaces = new NamespaceWatch(core);
    this.streams = new IncomingStreams(core, this.subscriptions, this.fetchRequests, owner);
  }

  /**
   * Takes a request out of all parts: nothing more is sent or delivered for it. Its own stream is left to the caller.
   * @param code - for data streams that are open.
   * @param tell - whether the application learns that namespaces are gone.
   */
  release(request: RequestStream, code: number, tell = false): void {
    const { message, id } = request;
    this.publications.end(id, code);
    if (message.kind === 'subscribe' || message.kind === 'publish')
      this.publications.release(message.track, id);
    const subscription = this.subscriptions.get(id);
    if (subscription !== undefined) {
      this.streams.stopAll(this.subscriptions.end(subscription), code);
      this.streams.refuseWaiting();
    }
    this.fetchAnswers.drop(id, code);
    this.streams.stopAll(this.fetchRequests.drop(id), code);
    this.namespaces.end(id, tell);
    this.core.remove(request);
  }

  /** Gives a request up: both directions of its stream and all that belongs to it. */
  cancel(request: RequestStream, code: number): void {
    this.release(request, code);
    this.core.abort(request, code);
  }

  /** The peer ended a request before its time. */
  cancelledByPeer(request: RequestStream, code: number): void {
    this.release(request, StreamCode.CANCELLED, true);
    this.core.abort(request, StreamCode.CANCELLED);
    this.core.event({ kind: 'request-cancelled', id: request.id, code });
  }
}
