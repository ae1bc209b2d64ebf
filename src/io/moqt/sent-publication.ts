import type { FullTrackName, GroupId, MoqtObject, RequestId, SubgroupId } from '../../protocol/moqt/model.ts';
import type { MoqtSession, SubgroupHeader, SubscribeParameters } from '../../protocol/moqt/session-api.ts';
import type { Publication, PublicationCallbacks } from './client-api.ts';

/** A subscription of the peer, to which we send objects. */
export class SentPublication implements Publication {
  readonly track: FullTrackName;
  forwarding: boolean;
  readonly #session: MoqtSession;
  readonly #id: RequestId;
  readonly #owner: { flush(): void; done(): void };
  #callbacks: PublicationCallbacks | undefined;

  constructor(
    session: MoqtSession,
    id: RequestId,
    track: FullTrackName,
    forwarding: boolean,
    owner: { flush(): void; done(): void },
  ) {
    this.#session = session;
    this.#id = id;
    this.track = track;
    this.forwarding = forwarding;
    this.#owner = owner;
  }

  /** Who is told of changes and of the end. */
  follow(callbacks: PublicationCallbacks): void {
    this.#callbacks = callbacks;
  }

  /** The subscriber changed its subscription. */
  update(parameters: SubscribeParameters): void {
    this.forwarding = parameters.forward ?? this.forwarding;
    this.#callbacks?.updated?.(this.forwarding);
  }

  /** The subscriber or the session ended it. */
  end(reason: string): void {
    this.forwarding = false;
    this.#callbacks?.ended(reason);
  }

  sendSingleObject(object: MoqtObject, endOfGroup: boolean): void {
    this.#session.sendSingleObject(this.#id, object, endOfGroup);
    this.#owner.flush();
  }

  openSubgroup(header: SubgroupHeader): void {
    this.#session.openSubgroup(this.#id, header);
    this.#owner.flush();
  }

  writeObject(object: MoqtObject): number {
    const queued = this.#session.writeObject(this.#id, object);
    this.#owner.flush();
    return queued;
  }

  closeSubgroup(group: GroupId, subgroup: SubgroupId): void {
    this.#session.closeSubgroup(this.#id, group, subgroup);
    this.#owner.flush();
  }

  resetSubgroup(group: GroupId, subgroup: SubgroupId, code: number): void {
    this.#session.resetSubgroup(this.#id, group, subgroup, code);
    this.#owner.flush();
  }

  done(code: number, reason: string): void {
    this.forwarding = false;
    this.#owner.done();
    this.#session.publishDone(this.#id, code, reason);
    this.#owner.flush();
  }
}
