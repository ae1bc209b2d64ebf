/** What an organiser is shown, and what people should know of who decided what: the door, and notices. */
import { encodeBase64Url } from '../bytes/base64url.ts';
import { equal } from '../bytes/equal.ts';
import type { Caller } from '../group/coordination/door.ts';
import type { Fingerprint } from '../group/names.ts';
import { ownRoleIn, roleOf } from '../group/roles.ts';
import type { Member } from '../group/roster.ts';
import type { ParticipantId } from '../media/encoded-media.ts';
import { unixMillis } from '../units.ts';
import type { MeetingCore } from './core.ts';
import type { Decision, Refusal } from './decisions.ts';
import type { EpochBegun } from './group-events.ts';
import type { CallerView, News, Notice } from './view.ts';

/** Notices that are shown, the newest. */
export const MAX_NOTICES = 50;

type Epoch = Omit<EpochBegun, 'masterKey'>;

/** The part of the meeting machine. */
export class Organising {
  readonly #core: MeetingCore;
  #callers: readonly Caller[] = [];
  #notices: readonly Notice[] = [];
  #nextNotice = 1;

  constructor(core: MeetingCore) {
    this.#core = core;
  }

  /** Who waits at the door, first come first. */
  get door(): readonly CallerView[] {
    const { timeOrigin } = this.#core.options;
    return this.#callers.map(({ fingerprint, displayName, since }) => ({
      id: encodeBase64Url(fingerprint),
      fingerprint,
      displayName,
      since: unixMillis(Math.round(timeOrigin + since)),
    }));
  }

  /** What happened lately, oldest first. */
  get notices(): readonly Notice[] {
    return this.#notices;
  }

  /** Whom a caller's id names. */
  callerOf(id: ParticipantId): Fingerprint | undefined {
    return this.#callers.find(({ fingerprint }) => encodeBase64Url(fingerprint) === id)?.fingerprint;
  }

  callers(callers: readonly Caller[]): void {
    this.#callers = callers;
  }

  /** A decision of the person here is not carried out. */
  refused(decision: Decision['kind'] | undefined, refusal: Refusal): void {
    this.#note({ kind: 'refused', decision, refusal });
  }

  /** Somebody who has the keys has sent as this member. */
  forged(member: Member): void {
    this.#note({ kind: 'forged', member });
  }

  /**
   * An epoch begins: says what it means for who decides.
   * @param isPresent - whether somebody has been heard of late and has not said good-bye.
   */
  epochBegan(before: Epoch | undefined, now: Epoch, isPresent: (member: Member) => boolean): void {
    if (before === undefined) return;
    this.#noteRemovals(before, now, isPresent);
    const isNew = ownRoleIn(before) === 'member' && ownRoleIn(now) === 'organiser';
    if (isNew) this.#note({ kind: 'became-organiser' });
  }

  /**
   * Says whom a member removed without being an organiser, though nothing here spoke for it. Others may have heard less than
   * we, so that nobody is refused for it.
   * @see docs/adr/0017-removals-by-members.md
   */
  #noteRemovals(before: Epoch, { change, ownLeaf }: Epoch, isPresent: (member: Member) => boolean): void {
    const { by } = change;
    if (by === undefined || by === ownLeaf) return;
    const author = before.roster.find(({ leaf }) => leaf === by);
    if (author === undefined || roleOf(before.parameters, author.fingerprint) === 'organiser') return;
    for (const removed of change.removed) {
      const isBack = change.added.some(({ fingerprint }) => equal(fingerprint, removed.fingerprint));
      if (!isBack && isPresent(removed)) this.#note({ kind: 'removed-by-member', removed, by: author });
    }
  }

  #note(news: News): void {
    const notice: Notice = { id: this.#nextNotice, time: this.#core.wallClock, news };
    this.#nextNotice += 1;
    this.#notices = [...this.#notices, notice].slice(-MAX_NOTICES);
    this.#core.changed();
  }
}
