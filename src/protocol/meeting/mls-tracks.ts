/** A group's MLS tracks on a relay: one SUBSCRIBE_TRACKS for all, short publications, FETCH of what was before. */
import { equal } from '../bytes/equal.ts';
import type { GroupObject, WelcomeDelivery } from '../group/coordination/asks.ts';
import type { GroupInput } from '../group/coordination/context.ts';
import {
  classifyTrack,
  commitTrack,
  groupNamespace,
  keyPackageNamespace,
  keyPackageTrack,
  welcomeTrack,
  type GroupName,
  type SenderId,
} from '../group/names.ts';
import type { MoqtClient, PublishOffer, Subscription } from '../moqt/client/client-api.ts';
import { AUTHORIZATION_ERRORS, RequestErrorCode } from '../moqt/codes.ts';
import { groupId, objectId, type FullTrackName, type Location, type MoqtObject } from '../moqt/model.ts';
import { pause, settled, settledUntil, type Pending, type Task } from '../tasks.ts';
import { epoch, type Epoch } from '../units.ts';
import type { MeetingCore } from './core.ts';
import { OwnObjects } from './own-objects.ts';
import { mlsObject, openTrack, type ShortPublication } from './short-publication.ts';

const FETCH_MS = 1_000;
const FETCH_MAX_BYTES = 8 * 1024 * 1024;
/** Groups that one FETCH of the commits track covers. */
const FETCH_EPOCHS = 1_024n;
/** How long after a refusal the group's tracks are asked for again. */
export const SUBSCRIBE_RETRY_MS = 1_000;
/** How long a finished track stays published, for subscribers that are still accepting it. */
const LINGER_MS = { commits: 100, unreceipted: 400, welcome: 3_000 } as const;
/** How often a Commit is offered again that the relay did not take. */
const LATE_ATTEMPTS = 6;
const NOT_FOR_US = { code: RequestErrorCode.UNINTERESTED, reason: 'not for us' } as const;

/** Who follows the tracks. */
export interface MlsTracksOwner {
  input(input: GroupInput): void;
  /** A control or media track of somebody. */
  offered(offer: PublishOffer): void;
  /** A track of heads. */
  headsOffered(offer: PublishOffer): void;
  /** The relay gives us the group's tracks, or refuses them for want of a right to them. */
  relayAnswered(letIn: boolean): void;
}

interface Entered {
  readonly group: GroupName;
  readonly senderId: SenderId;
}

/** A Commit that waits for its receipt, and its tracks. */
interface OpenCommit {
  readonly epoch: Epoch;
  readonly attempt: number;
  readonly commit: MoqtObject;
  readonly commits: ShortPublication | undefined;
  readonly welcomes: ReadonlyMap<SenderId, ShortPublication>;
}

/** The MLS tracks of one group at a time, over whichever session there is. */
export class MlsTracks {
  readonly #core: MeetingCore;
  readonly #owner: MlsTracksOwner;
  #client: MoqtClient | undefined;
  #entered: Entered | undefined;
  /** Counts sessions and groups: what belongs to an old one stops. */
  #era = 0;
  readonly #cancels = new Set<() => void>();
  /** The group's tracks are subscribed, or there is no session or no group to do so. */
  #subscribing: Pending<void>;
  #keyPackages: ShortPublication | undefined;
  #keyPackageCount = 0;
  #open: OpenCommit | undefined;
  /** Our last publication of the commits track: while it lingers the next Commit goes there. */
  #commits: ShortPublication | undefined;
  readonly #own = new OwnObjects();

  constructor(core: MeetingCore, owner: MlsTracksOwner) {
    this.#core = core;
    this.#owner = owner;
    this.#subscribing = core.tasks.start(this.#subscribe());
  }

  /**
   * A session is there; done when the group's tracks are subscribed again.
   * @returns whether it is still there.
   */
  *connect(client: MoqtClient): Task<boolean> {
    this.#leaveEra();
    this.#client = client;
    this.#subscribing = this.#core.tasks.start(this.#subscribe());
    yield* settled(this.#subscribing);
    return this.#client === client;
  }

  /** The session is gone. */
  disconnect(): void {
    this.#leaveEra();
    this.#client = undefined;
  }

  /** Subscribes to a group instead of any before; without a session {@link MlsTracks.connect} will. */
  *enter(group: GroupName, senderId: SenderId): Task {
    const before = this.#entered;
    if (before !== undefined && equal(before.group, group) && equal(before.senderId, senderId)) return;
    this.#own.clear();
    this.#keyPackageCount = 0;
    this.#entered = { group, senderId };
    // Another join in the same group goes on with the subscription there is: asked for again, it would cross its own end.
    if (before !== undefined && equal(before.group, group)) this.#endOwn();
    else {
      this.#leaveEra();
      this.#subscribing = this.#core.tasks.start(this.#subscribe());
    }
    yield* settled(this.#subscribing);
  }

  /** Ends everything. */
  close(): void {
    this.#leaveEra();
    this.#entered = undefined;
    this.#client = undefined;
  }

  /** Sends a KeyPackage as the next object of our track, which stays published. */
  *publishKeyPackage(group: GroupName, senderId: SenderId, keyPackage: Uint8Array): Task {
    const client = this.#client;
    const era = this.#era;
    if (client === undefined) return;
    const track = keyPackageTrack(group, senderId);
    const object = mlsObject(0n, this.#keyPackageCount, keyPackage);
    if (this.#keyPackages === undefined) {
      const before = this.#own.of(track)?.at(-1);
      const opened = yield* openTrack(client, this.#core.tasks, track, before);
      if (opened === undefined || era !== this.#era) return;
      this.#keyPackages = opened;
    }
    this.#keyPackageCount += 1;
    this.#own.keep(track, object);
    this.#keyPackages.send(object);
  }

  /** Sends a Commit and its Welcomes; the tracks stay open for their receipts. */
  *publishCommit(
    group: GroupName,
    newEpoch: Epoch,
    attempt: number,
    commit: Uint8Array,
    deliveries: readonly WelcomeDelivery[],
  ): Task {
    const client = this.#client;
    if (client === undefined) return;
    this.#finishOpen();
    const era = this.#era;
    const { tasks } = this.#core;
    const object = mlsObject(newEpoch, 2 * attempt, commit);
    const lingering = this.#commits?.isOpen === true ? this.#commits : undefined;
    // All tracks are opened side by side.
    const toCommits = tasks.start(this.#publishFirst(client, commitTrack(group), object, lingering));
    const toJoiners = deliveries.map(({ recipient, welcome }) => ({
      recipient,
      publication: tasks.start(
        this.#publishFirst(
          client,
          welcomeTrack(group, recipient),
          mlsObject(newEpoch, 2 * attempt, welcome),
          undefined,
        ),
      ),
    }));
    const commits = yield* settled(toCommits);
    const welcomes = new Map<SenderId, ShortPublication>();
    for (const { recipient, publication } of toJoiners) {
      const opened = yield* settled(publication);
      if (opened !== undefined) welcomes.set(recipient, opened);
    }
    // In plain mode no receipt follows; in fenced mode a slow counter must not keep others from their turn.
    commits?.finish(LINGER_MS.unreceipted);
    for (const publication of welcomes.values()) publication.finish(LINGER_MS.welcome);
    if (era !== this.#era) return;
    this.#commits = commits;
    this.#open = { epoch: newEpoch, attempt, commit: object, commits, welcomes };
  }

  /** Sends a receipt behind its Commit and Welcomes, and ends their tracks. */
  publishReceipt(group: GroupName, newEpoch: Epoch, attempt: number, receipt: Uint8Array): void {
    const open = this.#open;
    const object = mlsObject(newEpoch, 2 * attempt + 1, receipt);
    this.#own.keep(commitTrack(group), object);
    if (open?.epoch !== newEpoch || open.attempt !== attempt) return;
    if (open.commits?.isOpen === true) open.commits.send(object);
    else this.#core.tasks.start(this.#publishLate(commitTrack(group), [open.commit, object]));
    for (const [recipient, publication] of open.welcomes) {
      this.#own.keep(welcomeTrack(group, recipient), object);
      publication.send(object);
    }
    this.#finishOpen();
  }

  /** Sends a Welcome and its receipt once more. */
  *republishWelcome(
    group: GroupName,
    newEpoch: Epoch,
    attempt: number,
    { recipient, welcome }: WelcomeDelivery,
    receipt: Uint8Array | undefined,
  ): Task {
    if (this.#client === undefined) return;
    const track = welcomeTrack(group, recipient);
    const opened = yield* openTrack(this.#client, this.#core.tasks, track, undefined);
    opened?.send(mlsObject(newEpoch, 2 * attempt, welcome));
    if (receipt !== undefined) opened?.send(mlsObject(newEpoch, 2 * attempt + 1, receipt));
    opened?.finish(LINGER_MS.welcome);
  }

  /** What the relay, or whoever it asks, still has of the commits track. */
  *fetchCommits(group: GroupName, from: Epoch): Task<readonly GroupObject[]> {
    const end = { group: groupId(from + FETCH_EPOCHS), object: objectId(0n) };
    const objects = yield* this.#fetch(commitTrack(group), from, end);
    return objects.flatMap((object) => groupObjectOf(object) ?? []);
  }

  /** Objects of an own MLS track, for a FETCH that reached us; undefined: not a track of ours. */
  ownObjects(track: FullTrackName): readonly MoqtObject[] | undefined {
    return this.#own.of(track);
  }

  *#publishFirst(
    client: MoqtClient,
    track: FullTrackName,
    object: MoqtObject,
    lingering: ShortPublication | undefined,
  ): Task<ShortPublication | undefined> {
    this.#own.keep(track, object);
    const opened = lingering ?? (yield* openTrack(client, this.#core.tasks, track, undefined));
    opened?.send(object);
    return opened;
  }

  /**
   * Somebody held the commits track, perhaps one that has died: the Commit is logged, and the others are told when the
   * relay lets go, so that they need not wait until they ask the counter.
   */
  *#publishLate(track: FullTrackName, objects: readonly MoqtObject[]): Task {
    const era = this.#era;
    for (let attempt = 0; attempt < LATE_ATTEMPTS; attempt += 1) {
      if (this.#client === undefined || era !== this.#era) return;
      const opened = yield* openTrack(this.#client, this.#core.tasks, track, undefined);
      for (const object of objects) opened?.send(object);
      opened?.finish(LINGER_MS.commits);
      if (opened !== undefined) return;
    }
  }

  /** Ends what we publish. */
  #endOwn(): void {
    this.#finishOpen();
    this.#commits = undefined;
    this.#keyPackages?.finish(0);
    this.#keyPackages = undefined;
  }

  #leaveEra(): void {
    this.#era += 1;
    this.#endOwn();
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
  }

  #finishOpen(): void {
    this.#open?.commits?.finish(LINGER_MS.commits);
    for (const publication of this.#open?.welcomes.values() ?? []) publication.finish(LINGER_MS.welcome);
    this.#open = undefined;
  }

  *#subscribe(): Task {
    const client = this.#client;
    const entered = this.#entered;
    const era = this.#era;
    if (client === undefined || entered === undefined) return;
    const { tasks } = this.#core;
    while (era === this.#era) {
      const request = client.subscribeTracks(groupNamespace(entered.group), { forward: false }, (offer) => {
        if (era === this.#era) this.#offered(offer);
      });
      // Awaited however long it takes: asked beside itself, the second would overlap the first.
      const outcome = yield* settled(request);
      if (outcome.kind === 'gone') return;
      if (outcome.kind === 'subscribed') {
        this.#cancelWithEra(era, outcome);
        this.#owner.relayAnswered(true);
        break;
      }
      if (AUTHORIZATION_ERRORS.has(outcome.refusal.code)) this.#owner.relayAnswered(false);
      yield* pause(tasks.after(SUBSCRIBE_RETRY_MS));
    }
    if (era !== this.#era) return;
    // Where many share a namespace some relays let one answer FETCHes for it; a refusal does no harm.
    client.publishNamespace(keyPackageNamespace(entered.group)).whenSettled((outcome) => {
      if (outcome.kind === 'published') this.#cancelWithEra(era, outcome);
    });
  }

  #cancelWithEra(era: number, request: { cancel(): void }): void {
    if (era !== this.#era) request.cancel();
    else
      this.#cancels.add(() => {
        request.cancel();
      });
  }

  #offered(offer: PublishOffer): void {
    const entered = this.#entered;
    if (entered === undefined) return;
    const { group, senderId } = entered;
    const track = classifyTrack(group, offer.track);
    switch (track.kind) {
      case 'key-packages': {
        const { sender } = track;
        if (equal(sender, senderId)) offer.reject(NOT_FOR_US);
        else
          this.#follow(offer, (payload) => {
            this.#owner.input({ kind: 'key-package', sender, payload });
          });
        return;
      }
      case 'welcome':
        if (equal(track.recipient, senderId)) this.#followObjects(offer, 'welcome-object');
        else offer.reject(NOT_FOR_US);
        return;
      case 'commits':
        this.#followObjects(offer, 'commit-object');
        return;
      case 'heads':
        this.#owner.headsOffered(offer);
        return;
      case 'control':
      case 'media':
        this.#owner.offered(offer);
        return;
      case 'foreign':
        offer.reject(NOT_FOR_US);
        return;
    }
  }

  #followObjects(offer: PublishOffer, kind: 'welcome-object' | 'commit-object'): void {
    this.#follow(offer, (_, object) => {
      const groupObject = groupObjectOf(object);
      if (groupObject !== undefined) this.#owner.input({ kind, object: groupObject });
    });
  }

  /** Accepts an offer and fetches what was published before it; objects may come twice. */
  #follow(offer: PublishOffer, take: (payload: Uint8Array, object: MoqtObject) => void): void {
    const era = this.#era;
    const takeObject = (object: MoqtObject): void => {
      if (era !== this.#era || object.content.kind !== 'payload') return;
      take(object.content.payload, object);
    };
    const held: { subscription?: Subscription } = {};
    const cancel = (): void => {
      held.subscription?.cancel();
    };
    const done = (): void => {
      this.#cancels.delete(cancel);
    };
    this.#cancels.add(cancel);
    held.subscription = offer.accept({ forward: true }, { object: takeObject, done });
    const { largest } = offer.description;
    if (largest === undefined) return;
    this.#core.tasks.start(this.#fetch(offer.track, 0n, largest)).whenSettled((objects) => {
      objects.forEach(takeObject);
    });
  }

  *#fetch(track: FullTrackName, from: bigint, end: Location): Task<readonly MoqtObject[]> {
    if (this.#client === undefined) return [];
    const start = { group: groupId(from), object: objectId(0n) };
    // The whole last group: a range of one object gets no reply from some relays.
    const whole = { group: end.group, object: objectId(0n) };
    const fetch = this.#client.fetch(track, start, whole, FETCH_MAX_BYTES);
    yield* settledUntil(fetch.outcome, this.#core.tasks.after(FETCH_MS));
    fetch.giveUp();
    const result = fetch.outcome.settled?.value;
    return result?.kind === 'complete' || result?.kind === 'incomplete' ? result.objects : [];
  }
}

function groupObjectOf({ location, content }: MoqtObject): GroupObject | undefined {
  if (content.kind !== 'payload' || location.object > 0xffff_ffffn) return undefined;
  return { epoch: epoch(location.group), object: Number(location.object), payload: content.payload };
}
