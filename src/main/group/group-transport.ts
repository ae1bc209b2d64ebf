/** A group's MLS tracks on a relay: one SUBSCRIBE_TRACKS for all, short publications, FETCH of what was before. */
import type { MoqtClient, PublishOffer, Subscription } from '../../io/moqt/client-api.ts';
import { equal } from '../../protocol/bytes/equal.ts';
import type { GroupObject, WelcomeDelivery } from '../../protocol/group/coordination/asks.ts';
import type { GroupInput } from '../../protocol/group/coordination/context.ts';
import {
  classifyTrack,
  commitTrack,
  groupNamespace,
  keyPackageNamespace,
  keyPackageTrack,
  welcomeTrack,
} from '../../protocol/group/names.ts';
import type { GroupName, SenderId } from '../../protocol/group/names.ts';
import { groupId, objectId } from '../../protocol/moqt/model.ts';
import type { FullTrackName, Location, MoqtObject } from '../../protocol/moqt/model.ts';
import { epoch } from '../../protocol/units.ts';
import type { Epoch } from '../../protocol/units.ts';
import { mlsObject, openTrack, pause, within } from './publishing.ts';
import type { OpenTrack } from './publishing.ts';

const FETCH = { timeoutMs: 1_000, maxBytes: 8 * 1024 * 1024 } as const;
/** Groups that one FETCH of the commits track covers. */
const FETCH_EPOCHS = 1_024n;
const REQUEST_MS = 2_000;
const SUBSCRIBE_RETRY_MS = 1_000;
/** How long a finished track stays published, for subscribers that are still accepting it. */
const LINGER_MS = { commits: 100, unreceipted: 400, welcome: 3_000 } as const;
/** How often a Commit is offered again that the relay did not take. */
const LATE_ATTEMPTS = 6;
/** REQUEST_ERROR code UNINTERESTED. @see moqt-18 #iana-request-error */
const UNINTERESTED = { code: 0x20, reason: 'not for us' } as const;
/** Own objects kept for whoever FETCHes them from us. */
const MAX_OWN_TRACKS = 128;

/** What the transport hands on. */
export interface GroupTransportListener {
  input(input: GroupInput): void;
  /** A control or media track of somebody. */
  offered(offer: PublishOffer): void;
}

interface Entered {
  readonly group: GroupName;
  readonly senderId: SenderId;
}

interface OpenCommit {
  readonly key: string;
  readonly commit: MoqtObject;
  readonly commits: OpenTrack | undefined;
  readonly welcomes: ReadonlyMap<SenderId, OpenTrack>;
}

/** The MLS tracks of one group at a time, over whichever session there is. */
export class GroupTransport {
  readonly #listener: GroupTransportListener;
  #client: MoqtClient | undefined;
  #entered: Entered | undefined;
  /** Counts sessions and groups: what belongs to an old one stops. */
  #era = 0;
  readonly #cancels = new Set<() => void>();
  #keyPackages: { readonly track: OpenTrack; readonly era: number } | undefined;
  #keyPackageCount = 0;
  #open: OpenCommit | undefined;
  /** Our last publication of the commits track: while it lingers the next Commit goes there. */
  #commits: OpenTrack | undefined;
  readonly #own = new Map<string, MoqtObject[]>();

  constructor(listener: GroupTransportListener) {
    this.#listener = listener;
  }

  /** A session is there. Resolves when the group's tracks are subscribed again. */
  async connect(client: MoqtClient): Promise<void> {
    this.#leaveEra();
    this.#client = client;
    await this.#subscribe();
  }

  disconnect(): void {
    this.#leaveEra();
    this.#client = undefined;
  }

  /** Subscribes to a group instead of any before; without a session it is done when there is one. */
  async enter(group: GroupName, senderId: SenderId): Promise<void> {
    const same = this.#entered;
    if (same !== undefined && equal(same.group, group) && equal(same.senderId, senderId)) return;
    this.#leaveEra();
    this.#own.clear();
    this.#keyPackageCount = 0;
    this.#entered = { group, senderId };
    await this.#subscribe();
  }

  /** Ends everything. */
  close(): void {
    this.#leaveEra();
    this.#entered = undefined;
    this.#client = undefined;
  }

  /** Sends a KeyPackage as the next object of our track, which stays published. */
  async publishKeyPackage(group: GroupName, senderId: SenderId, keyPackage: Uint8Array): Promise<void> {
    const client = this.#client;
    const era = this.#era;
    if (client === undefined) return;
    const track = keyPackageTrack(group, senderId);
    const object = mlsObject(0n, this.#keyPackageCount, keyPackage);
    if (this.#keyPackages?.era !== era) {
      const opened = await openTrack(client, track, this.#own.get(keyOf(track))?.at(-1));
      if (opened === undefined || era !== this.#era) return;
      this.#keyPackages = { track: opened, era };
    }
    this.#keyPackageCount += 1;
    this.#keep(track, object);
    this.#keyPackages.track.send(object);
  }

  /** Sends a Commit and its Welcomes; the tracks stay open for their receipts. */
  async publishCommit(
    group: GroupName,
    of: Epoch,
    attempt: number,
    commit: Uint8Array,
    deliveries: readonly WelcomeDelivery[],
  ): Promise<void> {
    const client = this.#client;
    if (client === undefined) return;
    this.#finishOpen();
    const welcomes = new Map<SenderId, OpenTrack>();
    const era = this.#era;
    const send = async (
      track: FullTrackName,
      payload: Uint8Array,
      lingering?: OpenTrack,
    ): Promise<OpenTrack | undefined> => {
      const object = mlsObject(of, 2 * attempt, payload);
      this.#keep(track, object);
      const opened = lingering ?? (await openTrack(client, track, undefined));
      opened?.send(object);
      return opened;
    };
    const lingering = this.#commits?.isOpen === true ? this.#commits : undefined;
    const [commits] = await Promise.all([
      send(commitTrack(group), commit, lingering),
      ...deliveries.map(async ({ recipient, welcome }) => {
        const opened = await send(welcomeTrack(group, recipient), welcome);
        if (opened !== undefined) welcomes.set(recipient, opened);
      }),
    ]);
    // In plain mode no receipt follows; in fenced mode a slow counter must not keep others from their turn.
    commits?.finish(LINGER_MS.unreceipted);
    for (const track of welcomes.values()) track.finish(LINGER_MS.welcome);
    if (era !== this.#era) return;
    this.#commits = commits;
    this.#open = {
      key: `${String(of)}/${String(attempt)}`,
      commit: mlsObject(of, 2 * attempt, commit),
      commits,
      welcomes,
    };
  }

  /** Sends a receipt behind its Commit and Welcomes, and ends their tracks. */
  publishReceipt(group: GroupName, of: Epoch, attempt: number, receipt: Uint8Array): void {
    const open = this.#open;
    const object = mlsObject(of, 2 * attempt + 1, receipt);
    this.#keep(commitTrack(group), object);
    if (open?.key !== `${String(of)}/${String(attempt)}`) return;
    if (open.commits?.isOpen === true) open.commits.send(object);
    else void this.#publishLate(commitTrack(group), [open.commit, object]);
    for (const [recipient, track] of open.welcomes) {
      this.#keep(welcomeTrack(group, recipient), object);
      track.send(object);
    }
    this.#finishOpen();
  }

  /** Sends a Welcome and its receipt once more. */
  async republishWelcome(
    group: GroupName,
    of: Epoch,
    attempt: number,
    { recipient, welcome }: WelcomeDelivery,
    receipt: Uint8Array | undefined,
  ): Promise<void> {
    if (this.#client === undefined) return;
    const opened = await openTrack(this.#client, welcomeTrack(group, recipient), undefined);
    opened?.send(mlsObject(of, 2 * attempt, welcome));
    if (receipt !== undefined) opened?.send(mlsObject(of, 2 * attempt + 1, receipt));
    opened?.finish(LINGER_MS.welcome);
  }

  /** What the relay, or whoever it asks, still has of the commits track. */
  async fetchCommits(group: GroupName, from: Epoch): Promise<readonly GroupObject[]> {
    const end = { group: groupId(from + FETCH_EPOCHS), object: objectId(0n) };
    const objects = await this.#fetch(commitTrack(group), from, end);
    return objects.flatMap((object) => groupObjectOf(object) ?? []);
  }

  /** Objects of an own MLS track, for a FETCH that reached us; undefined: not a track of ours. */
  ownObjects(track: FullTrackName): readonly MoqtObject[] | undefined {
    return this.#own.get(keyOf(track));
  }

  /**
   * Somebody held the commits track, perhaps one that has died: the Commit is logged, and the others are told when the
   * relay lets go, so that they need not wait until they ask the counter.
   */
  async #publishLate(track: FullTrackName, objects: readonly MoqtObject[]): Promise<void> {
    const era = this.#era;
    for (let attempt = 0; attempt < LATE_ATTEMPTS; attempt += 1) {
      if (this.#client === undefined || era !== this.#era) return;
      const opened = await openTrack(this.#client, track, undefined);
      for (const object of objects) opened?.send(object);
      opened?.finish(LINGER_MS.commits);
      if (opened !== undefined) return;
    }
  }

  #leaveEra(): void {
    this.#era += 1;
    this.#finishOpen();
    this.#commits = undefined;
    this.#keyPackages?.track.finish(0);
    this.#keyPackages = undefined;
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
  }

  #finishOpen(): void {
    this.#open?.commits?.finish(LINGER_MS.commits);
    for (const track of this.#open?.welcomes.values() ?? []) track.finish(LINGER_MS.welcome);
    this.#open = undefined;
  }

  async #subscribe(): Promise<void> {
    const client = this.#client;
    const entered = this.#entered;
    const era = this.#era;
    if (client === undefined || entered === undefined) return;
    while (era === this.#era) {
      const request = client.subscribeTracks(groupNamespace(entered.group), { forward: false }, (offer) => {
        if (era === this.#era) this.#offered(entered, offer);
      });
      const outcome = await within(request, REQUEST_MS);
      if (outcome?.kind === 'gone') return;
      if (outcome?.kind === 'subscribed') {
        if (era === this.#era)
          this.#cancels.add(() => {
            outcome.cancel();
          });
        else outcome.cancel();
        break;
      }
      await pause(SUBSCRIBE_RETRY_MS);
    }
    // Where many share a namespace some relays let one answer FETCHes for it; a refusal does no harm.
    const namespace = keyPackageNamespace(entered.group);
    void client
      .publishNamespace(namespace, () => undefined)
      .then((outcome) => {
        if (outcome.kind !== 'published') return;
        if (era === this.#era)
          this.#cancels.add(() => {
            outcome.cancel();
          });
        else outcome.cancel();
      });
  }

  #offered({ group, senderId }: Entered, offer: PublishOffer): void {
    const track = classifyTrack(group, offer.track);
    switch (track.kind) {
      case 'key-packages': {
        const { sender } = track;
        if (equal(sender, senderId)) offer.reject(UNINTERESTED);
        else {
          this.#follow(offer, (payload) => {
            this.#listener.input({ kind: 'key-package', sender, payload });
          });
        }
        break;
      }
      case 'welcome':
        if (equal(track.recipient, senderId)) this.#followObjects(offer, 'welcome-object');
        else offer.reject(UNINTERESTED);
        break;
      case 'commits':
        this.#followObjects(offer, 'commit-object');
        break;
      case 'control':
      case 'media':
        this.#listener.offered(offer);
        break;
      case 'foreign':
        offer.reject(UNINTERESTED);
        break;
    }
  }

  #followObjects(offer: PublishOffer, kind: 'welcome-object' | 'commit-object'): void {
    this.#follow(offer, (_, object) => {
      const mine = groupObjectOf(object);
      if (mine !== undefined) this.#listener.input({ kind, object: mine });
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
    void this.#fetch(offer.track, 0n, largest).then((objects) => {
      objects.forEach(takeObject);
    });
  }

  async #fetch(track: FullTrackName, from: bigint, end: Location): Promise<readonly MoqtObject[]> {
    if (this.#client === undefined) return [];
    const start = { group: groupId(from), object: objectId(0n) };
    // The whole last group: a range of one object gets no reply from some relays.
    const whole = { group: end.group, object: objectId(0n) };
    const request = this.#client.fetch(track, start, whole, FETCH);
    const outcome = await within(request, 2 * FETCH.timeoutMs);
    return outcome?.kind === 'complete' || outcome?.kind === 'incomplete' ? outcome.objects : [];
  }

  #keep(track: FullTrackName, object: MoqtObject): void {
    const key = keyOf(track);
    const objects = this.#own.get(key) ?? [];
    // Commits and Welcomes of old epochs are the counter's to remember.
    this.#own.delete(key);
    this.#own.set(key, [...objects.slice(-15), object]);
    const [oldest] = this.#own.keys();
    if (this.#own.size > MAX_OWN_TRACKS && oldest !== undefined) this.#own.delete(oldest);
  }
}

function keyOf(track: FullTrackName): string {
  return [...track.namespace, track.name].map((field) => Buffer.from(field).toString('hex')).join('/');
}

function groupObjectOf({ location, content }: MoqtObject): GroupObject | undefined {
  if (content.kind !== 'payload' || location.object > 0xffff_ffffn) return undefined;
  return {
    epoch: epoch(location.group),
    object: Number(location.object),
    payload: content.payload,
  };
}
