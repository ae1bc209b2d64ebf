/**
 * The other members of the meeting, as the newest tree has them: each one's tracks as the relay offers them, and whether
 * it is alive.
 */
import { encodeBase64Url } from '../bytes/base64url.ts';
import { equal } from '../bytes/equal.ts';
import { classifyTrack, type GroupName } from '../group/names.ts';
import type { LeafIndex, Member } from '../group/roster.ts';
import type { ParticipantId } from '../media/encoded-media.ts';
import type { PublishOffer } from '../moqt/client/client-api.ts';
import { RequestErrorCode } from '../moqt/codes.ts';
import type { Epoch, Millis } from '../units.ts';
import type { EpochBegun } from './group-events.ts';
import type { MemberTrackContext } from './member-track.ts';
import { RemoteMember, type RemoteMemberOwner } from './remote-member.ts';
import { isControlInstance, mediaKindOf, type MemberTrackKind } from './track-instance.ts';
import { claimOf, WaitingOffers, type ClaimedOffer } from './waiting-offers.ts';

/** How long nothing may be heard of a member before it counts as silent. */
export const SILENT_AFTER_MS = 12_000;
const { UNINTERESTED } = RequestErrorCode;

interface Offered extends ClaimedOffer {
  readonly kind: MemberTrackKind;
}

/** What was told of members: those of a tree are shown again and again. */
const ids = new WeakMap<Member, ParticipantId>();

/** A member's id for the interface: the fingerprint, which is unique in a tree. */
export function participantIdOf(member: Member): ParticipantId {
  const known = ids.get(member);
  if (known !== undefined) return known;
  const id = encodeBase64Url(member.fingerprint);
  ids.set(member, id);
  return id;
}

/** The members. */
export class Members {
  readonly #group: GroupName;
  readonly #context: MemberTrackContext;
  readonly #owner: RemoteMemberOwner;
  readonly #members = new Map<ParticipantId, RemoteMember>();
  readonly #joinedEpochs = new Map<ParticipantId, Epoch>();
  readonly #leaving = new Set<ParticipantId>();
  readonly #vanished = new Set<ParticipantId>();
  /** Of whom something came in this session with the relay, and of late. */
  readonly #heard = new Set<ParticipantId>();
  /** Whom a person here removes: nothing more is taken from them, whatever leaf they have. */
  readonly #cut = new Set<ParticipantId>();
  #watched: ReadonlySet<ParticipantId> = new Set();
  readonly #waiting: WaitingOffers<Offered>;
  #unreadableBefore = 0;

  constructor(group: GroupName, context: MemberTrackContext, owner: RemoteMemberOwner) {
    this.#group = group;
    this.#context = context;
    this.#owner = owner;
    this.#waiting = new WaitingOffers(context.core);
  }

  get(id: ParticipantId): RemoteMember | undefined {
    return this.#members.get(id);
  }

  /** Said good-bye, fell silent or is being removed, and still has the keys. */
  isLeaving(id: ParticipantId): boolean {
    return this.#leaving.has(id) || this.#vanished.has(id) || this.#cut.has(id);
  }

  /**
   * Whether something of a member has come in this session with the relay, and of late. Silence tells nobody apart from those who are
   * there before a session has lasted for a while; this does.
   */
  isHeard(id: ParticipantId): boolean {
    return this.#heard.has(id);
  }

  /** Whether a member was heard of late, and has not said good-bye. */
  isPresent(id: ParticipantId): boolean {
    const member = this.#members.get(id);
    if (member === undefined || this.isLeaving(id)) return false;
    return this.#context.core.tasks.now - member.lastHeard <= SILENT_AFTER_MS;
  }

  /** A person here removes it, and it still has the keys. */
  isCut(id: ParticipantId): boolean {
    return this.#cut.has(id) && this.#members.has(id);
  }

  /** The epoch that a participant joined in, or the first that we saw it in. */
  joinedEpoch(id: ParticipantId): Epoch | undefined {
    return this.#joinedEpochs.get(id);
  }

  /** Objects that could not be opened since the meeting began. */
  get unreadable(): number {
    let count = this.#unreadableBefore;
    for (const member of this.#members.values()) count += member.unreadable;
    return count;
  }

  /** Follows the tree into a new epoch; those who were removed are closed at once. */
  epochBegan({ epoch, roster, ownLeaf, change }: EpochBegun): void {
    const present = new Set<ParticipantId>();
    for (const member of roster) {
      const id = participantIdOf(member);
      present.add(id);
      if (change.removed.some((removed) => equal(removed.fingerprint, member.fingerprint)))
        this.#forgetJoin(id);
      if (!this.#joinedEpochs.has(id)) this.#joinedEpochs.set(id, epoch);
      if (member.leaf === ownLeaf) continue;
      const known = this.#members.get(id);
      if (known === undefined) this.#add(id, member);
      else known.update(member);
    }
    for (const id of [...this.#joinedEpochs.keys()]) if (!present.has(id)) this.#drop(id);
    const removal = change.removed.length > 0;
    for (const member of this.#members.values()) member.epochBegan(epoch, removal);
    this.#takeWaiting();
  }

  /** Takes a control or media track that the relay offers. */
  offered(offer: PublishOffer): void {
    const track = classifyTrack(this.#group, offer.track);
    if (track.kind === 'control' || track.kind === 'media') {
      const kind = mediaOrControl(track.kind, track.instance);
      const claimed = claimOf(offer);
      if (kind !== undefined && claimed !== undefined) {
        const offered = { kind, ...claimed };
        if (!this.#accept(offered)) this.#waiting.hold(offered);
        return;
      }
    }
    offer.reject({ code: UNINTERESTED, reason: 'not a track of this meeting' });
  }

  /** The member said good-bye. */
  left(id: ParticipantId): void {
    this.#leaving.add(id);
  }

  /** A person here removes the member: nothing of it is opened or played from now on. */
  cut(id: ParticipantId): void {
    this.#cut.add(id);
    this.#members.get(id)?.close();
  }

  /**
   * Nobody is removed by a person here after all. Who stays has to be heard again, or would be removed as silent.
   * @returns whether tracks were let go that are wanted again: only a new session offers them.
   */
  uncut(): boolean {
    const had = this.cutting.length > 0;
    this.#cut.clear();
    return had;
  }

  /** Those who are being removed and still have the keys. */
  get cutting(): readonly LeafIndex[] {
    return [...this.#cut].flatMap((id) => this.#members.get(id)?.member.leaf ?? []);
  }

  /** Whose pictures are wanted. */
  watch(participants: ReadonlySet<ParticipantId>): void {
    this.#watched = participants;
    for (const [id, member] of this.#members) member.setWatched(participants.has(id));
  }

  /** Says to a renderer that has just begun what there is. */
  announce(): void {
    for (const member of this.#members.values()) member.announce();
  }

  /** The session is gone: tracks come anew with the next one. */
  detach(): void {
    this.#waiting.take();
    for (const member of this.#members.values()) member.detach();
    // Without a session silence says nothing, and the grace of those who were silent must not run out meanwhile.
    for (const id of this.#vanished) {
      const member = this.#members.get(id);
      if (member !== undefined) this.#context.notices.memberAlive(member.member.leaf);
    }
    this.#vanished.clear();
    this.#heard.clear();
  }

  /**
   * To be called a few times a second.
   * @param connectedAt - since when we have a session; undefined without one: then silence says nothing about others.
   */
  tick(connectedAt: Millis | undefined): void {
    const now = this.#context.core.tasks.now;
    this.#takeWaiting();
    for (const [id, member] of this.#members) {
      member.tick();
      if (connectedAt === undefined) continue;
      const { lastHeard } = member;
      this.#noteHeard(id, lastHeard >= connectedAt && now - lastHeard <= SILENT_AFTER_MS);
      const silent = now - Math.max(lastHeard, connectedAt) > SILENT_AFTER_MS;
      if (silent === this.#vanished.has(id)) continue;
      if (silent) {
        this.#vanished.add(id);
        this.#context.notices.memberVanished(member.member.leaf);
      } else {
        this.#vanished.delete(id);
        this.#context.notices.memberAlive(member.member.leaf);
      }
    }
  }

  /**
   * Nothing is opened or played any more.
   * @returns all tracks that the relay has offered, to be accepted or refused again: it does not offer them twice.
   */
  close(): readonly PublishOffer[] {
    const accepted = [...this.#members.values()].flatMap((member) => member.handOver());
    for (const id of [...this.#members.keys()]) this.#drop(id);
    return [...accepted, ...this.#waiting.take().map(({ offer }) => offer)];
  }

  #add(id: ParticipantId, member: Member): void {
    const remote = new RemoteMember(id, member, this.#context, this.#owner);
    remote.setWatched(this.#watched.has(id));
    this.#members.set(id, remote);
  }

  #drop(id: ParticipantId): void {
    const member = this.#members.get(id);
    if (member !== undefined) {
      this.#unreadableBefore += member.unreadable;
      member.close();
    }
    this.#members.delete(id);
    this.#forgetJoin(id);
  }

  /** What was known of a join that is over. */
  #forgetJoin(id: ParticipantId): void {
    this.#joinedEpochs.delete(id);
    this.#leaving.delete(id);
    this.#vanished.delete(id);
    this.#heard.delete(id);
  }

  #noteHeard(id: ParticipantId, isHeard: boolean): void {
    if (isHeard === this.#heard.has(id)) return;
    if (isHeard) this.#heard.add(id);
    else this.#heard.delete(id);
    this.#context.core.changed();
  }

  #takeWaiting(): void {
    this.#waiting.settle((offered) => this.#accept(offered));
  }

  /** Accepts a track of a member. @returns false for one that the tree says nothing of yet. */
  #accept({ kind, sender, id, offer }: Offered): boolean {
    const member = this.#members.get(id);
    if (member?.mayUse(sender) !== true) return false;
    if (this.#cut.has(id)) {
      offer.reject({ code: UNINTERESTED, reason: 'is being removed' });
      return true;
    }
    member.offered(kind, offer);
    return true;
  }
}

/** What a track is, by its names; undefined when it is none of ours. */
function mediaOrControl(kind: 'control' | 'media', instance: Uint8Array): MemberTrackKind | undefined {
  if (kind === 'media') return mediaKindOf(instance);
  return isControlInstance(instance) ? 'control' : undefined;
}
