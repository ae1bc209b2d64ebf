import { invariant } from '../errors.ts';
import { RequestErrorCode, StreamCode } from './codes.ts';
import type { Message, RequestMessage } from './messages.ts';
import type { RequestId, TrackNamespace } from './model.ts';
import { namespaceKey, prefixesOverlap } from './names.ts';
import type { NamespaceKey } from './names.ts';
import { unexpected } from './requests.ts';
import type { OwnerMessage, PeerRequestOwner, Request, Requests } from './requests.ts';
import type { RequestRefusal } from './session-api.ts';
import type { SessionCore } from './session-core.ts';
import { definedOnly } from './subscribe-parameters.ts';

type NamespaceMessage = Extract<
  RequestMessage,
  { kind: 'publish-namespace' | 'subscribe-namespace' | 'subscribe-tracks' }
>;
type NamespaceNews = Extract<Message, { kind: 'namespace' | 'namespace-done' }>;

const OVERLAP: RequestRefusal = {
  code: RequestErrorCode.PREFIX_OVERLAP,
  reason: 'the prefix overlaps another',
};

/**
 * PUBLISH_NAMESPACE, SUBSCRIBE_NAMESPACE and SUBSCRIBE_TRACKS in both directions.
 * @see moqt-18 #track-discovery
 */
export class NamespaceRequests implements PeerRequestOwner {
  readonly #core: SessionCore;
  readonly #requests: Requests;
  /** The peer's, whose prefixes must not overlap. */
  readonly #fromPeer = new Set<Request>();
  /** Which namespaces each SUBSCRIBE_NAMESPACE of ours has brought. */
  readonly #active = new Map<RequestId, Map<NamespaceKey, TrackNamespace>>();

  constructor(core: SessionCore, requests: Requests) {
    this.#core = core;
    this.#requests = requests;
  }

  request(
    kind: NamespaceMessage['kind'],
    namespace: TrackNamespace,
    options: { forward?: boolean },
  ): RequestId {
    const id = this.#requests.takeId();
    // FORWARD is left out where it has its default.
    const parameters = { forward: options.forward === false ? false : undefined };
    this.#requests.open(this, { kind, id, namespace, parameters });
    return id;
  }

  accept(id: RequestId): void {
    const request = this.#requests.toAnswer(id);
    if (request === undefined) return;
    invariant(request.owner === this, 'the answer suits the request');
    this.#requests.acknowledge(request, request.kind);
  }

  /** NAMESPACE, NAMESPACE_DONE or PUBLISH_BLOCKED, to a request of the peer that was accepted. */
  send(id: RequestId, kind: NamespaceMessage['kind'], message: Message): void {
    const request = this.#requests.get(id);
    if (request === undefined) {
      this.#requests.expectKnown(id);
      return;
    }
    invariant(!request.ours && request.answered && request.kind === kind, 'the message suits the request');
    this.#requests.send(request, message);
  }

  offer(request: Request): RequestRefusal | undefined {
    const message = namespaceMessage(request);
    const { id, kind, namespace, parameters } = message;
    const tokens = definedOnly({ tokens: parameters.tokens });
    if (kind === 'publish-namespace') {
      this.#requests.tell({ kind, id, namespace, ...tokens });
      return undefined;
    }
    if (this.#overlaps(request, namespace)) return OVERLAP;
    this.#fromPeer.add(request);
    if (kind === 'subscribe-namespace') this.#requests.tell({ kind, id, prefix: namespace, ...tokens });
    else this.#requests.tell({ kind, id, prefix: namespace, forward: parameters.forward ?? true, ...tokens });
    return undefined;
  }

  receive(request: Request, message: OwnerMessage): void {
    const { id } = request;
    switch (message.kind) {
      case 'request-ok':
        this.#core.event({ kind: 'request-ok', id });
        return;
      case 'request-update':
        if (message.updates === 'prefix' && message.parameters.prefix !== undefined) {
          this.#updatePrefix(request, message.parameters.prefix);
        } else {
          this.#requests.acknowledge(request, 'request-update');
        }
        return;
      case 'namespace':
      case 'namespace-done':
        this.#follow(request, message);
        return;
      case 'publish-blocked': {
        const namespace = [...namespaceMessage(request).namespace, ...message.suffix];
        this.#core.event({ kind: 'publish-blocked', id, track: { namespace, name: message.name } });
        return;
      }
      default:
        unexpected(message);
    }
  }

  /** With a request that the peer ended every namespace that it brought is gone. */
  end(request: Request, _code: number, by: 'us' | 'peer'): void {
    const { id } = request;
    this.#fromPeer.delete(request);
    const active = this.#active.get(id);
    this.#active.delete(id);
    if (by === 'us' || active === undefined) return;
    for (const suffix of active.values()) this.#core.event({ kind: 'namespace-done', id, suffix });
  }

  /** @see moqt-18 #message-subscribe-ns */
  #follow(request: Request, news: NamespaceNews): void {
    const { id } = request;
    const active = this.#active.get(id) ?? new Map<NamespaceKey, TrackNamespace>();
    this.#active.set(id, active);
    const key = namespaceKey(news.suffix);
    if (news.kind === 'namespace') {
      active.set(key, news.suffix);
      if (active.size > this.#core.limits.namespaces) {
        this.#requests.cancelledByPeer(request, StreamCode.EXCESSIVE_LOAD);
        return;
      }
    } else if (!active.delete(key)) {
      throw this.#core.draft.violation('message-subscribe-ns', 'NAMESPACE_DONE comes before its NAMESPACE');
    }
    this.#core.event({ kind: news.kind, id, suffix: news.suffix });
  }

  #overlaps(request: Request, prefix: TrackNamespace): boolean {
    for (const other of this.#fromPeer) {
      if (other === request || other.kind !== request.kind) continue;
      if (prefixesOverlap(namespaceMessage(other).namespace, prefix)) return true;
    }
    return false;
  }

  /** Updating a prefix is optional to offer: we refuse, and the stream closes as the draft says. */
  #updatePrefix(request: Request, prefix: TrackNamespace): void {
    const refusal = this.#overlaps(request, prefix)
      ? OVERLAP
      : { code: RequestErrorCode.NOT_SUPPORTED, reason: 'prefixes are not updated here' };
    this.#requests.refuse(request, refusal);
    this.#core.event({ kind: 'request-cancelled', id: request.id, code: StreamCode.CANCELLED });
  }
}

function namespaceMessage({ message }: Request): NamespaceMessage {
  invariant('namespace' in message, 'the request is about namespaces');
  return message;
}
