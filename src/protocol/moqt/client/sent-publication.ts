import type { FullTrackName, GroupId, MoqtObject, RequestId, SubgroupId } from '../model.ts';
import type { MoqtSession, SubgroupHeader, SubscribeParameters } from '../session-api.ts';
import type { Publication, PublicationOwner } from './client-api.ts';

/** A subscription of the peer, to which we send objects. */
export class SentPublication implements Publication {
  readonly track: FullTrackName;
  readonly #session: MoqtSession;
  readonly #id: RequestId;
  /** Called by {@link SentPublication.done}, before PUBLISH_DONE. */
  readonly #over: () => void;
  #forwarding: boolean;
  #owner: PublicationOwner | undefined;

  constructor(
    session: MoqtSession,
    id: RequestId,
    track: FullTrackName,
    forwarding: boolean,
    over: () => void,
  ) {
    this.#session = session;
    this.#id = id;
    this.track = track;
    this.#forwarding = forwarding;
    this.#over = over;
  }

  get forwarding(): boolean {
    return this.#forwarding;
  }

  /** Who is told of changes and of the end. */
  follow(owner: PublicationOwner): void {
    this.#owner = owner;
  }

  /** The subscriber accepted our PUBLISH. */
  accepted(parameters: SubscribeParameters): void {
    this.#forwarding = parameters.forward ?? true;
  }

  /** The subscriber changed its subscription. */
  update(parameters: SubscribeParameters): void {
    this.#forwarding = parameters.forward ?? this.#forwarding;
    this.#owner?.updated?.(this.#forwarding);
  }

  /** The subscriber or the session ended it. */
  end(reason: string): void {
    this.#forwarding = false;
    this.#owner?.ended(reason);
  }

  sendSingleObject(object: MoqtObject, endOfGroup: boolean): void {
    this.#session.sendSingleObject(this.#id, object, endOfGroup);
  }

  openSubgroup(header: SubgroupHeader): void {
    this.#session.openSubgroup(this.#id, header);
  }

  writeObject(object: MoqtObject): number {
    return this.#session.writeObject(this.#id, object);
  }

  closeSubgroup(group: GroupId, subgroup: SubgroupId): void {
    this.#session.closeSubgroup(this.#id, group, subgroup);
  }

  resetSubgroup(group: GroupId, subgroup: SubgroupId, code: number): void {
    this.#session.resetSubgroup(this.#id, group, subgroup, code);
  }

  done(code: number, reason: string): void {
    this.#forwarding = false;
    this.#over();
    this.#session.publishDone(this.#id, code, reason);
  }
}
