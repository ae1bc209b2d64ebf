import type { Message } from './messages.ts';
import type { RequestId, TrackNamespace } from './model.ts';
import { namespaceKey } from './names.ts';
import type { NamespaceKey } from './names.ts';
import type { SessionCore } from './session-core.ts';

type News = Extract<Message, { kind: 'namespace' | 'namespace-done' }>;

/** Follows which namespaces each SUBSCRIBE_NAMESPACE of ours has brought. @see moqt-18 #message-subscribe-ns */
export class NamespaceWatch {
  readonly #core: SessionCore;
  readonly #active = new Map<RequestId, Map<NamespaceKey, TrackNamespace>>();

  constructor(core: SessionCore) {
    this.#core = core;
  }

  /**
   * NAMESPACE or NAMESPACE_DONE came.
   * @returns false when there are more namespaces than we follow.
   * @throws {PeerViolation} for a NAMESPACE_DONE without NAMESPACE.
   */
  receive(id: RequestId, news: News): boolean {
    const active = this.#active.get(id) ?? new Map<NamespaceKey, TrackNamespace>();
    this.#active.set(id, active);
    const key = namespaceKey(news.suffix);
    if (news.kind === 'namespace') {
      active.set(key, news.suffix);
      if (active.size > this.#core.limits.namespaces) return false;
    } else if (!active.delete(key)) {
      throw this.#core.draft.violation('message-subscribe-ns', 'NAMESPACE_DONE comes before its NAMESPACE');
    }
    this.#core.event({ kind: news.kind, id, suffix: news.suffix });
    return true;
  }

  /** The request has ended: so has every namespace it brought. */
  end(id: RequestId, tell: boolean): void {
    const active = this.#active.get(id);
    this.#active.delete(id);
    if (!tell || active === undefined) return;
    for (const suffix of active.values()) this.#core.event({ kind: 'namespace-done', id, suffix });
  }
}
