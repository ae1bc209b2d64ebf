/**
 * Whether what is opened of a member is the member's own: what it states with its leaf's key, held against what was opened.
 *
 * All members have the keys of all tracks, so that whatever opens may be of any of them. A member's statements tell it: an
 * object that one of them speaks of and is not in it is _forged_, which is proven; one that none speaks of in time is _not
 * confirmed_, which a slow or wicked relay can bring about, and accuses nobody.
 * @see docs/protocol.md #who-speaks
 */
import { encodeBase64Url } from '../bytes/base64url.ts';
import { joinIdOf } from '../group/names.ts';
import type { Member } from '../group/roster.ts';
import type { Doubt } from '../media/encoded-media.ts';
import { compareLocations, type FullTrackName, type Location } from '../moqt/model.ts';
import { millis, type Epoch, type Millis } from '../units.ts';
import type { MeetingCore } from './core.ts';
import type { KnownInstances } from './known-instances.ts';
import { SignatureAllowance } from './signature-allowance.ts';
import {
  decodeStatement,
  signedStatement,
  wordOn,
  type SealedAt,
  type Statement,
  type Word,
} from './statement.ts';
import { MEMBER_TRACK_KINDS, type MemberTrackKind } from './track-instance.ts';

/** What becomes of an object that was opened. */
export type Judgement =
  | 'taken'
  /** It waits for the first statement of its instance. */
  | 'held'
  /** Nothing more: it is not the member's own, or is done with. */
  | 'dropped';

/** A statement as it came. */
export interface ReceivedStatement {
  /** The track that carried it, and under whose key. */
  readonly control: FullTrackName;
  readonly epoch: Epoch;
  readonly statement: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Media that no statement speaks of for this long, while more of it comes, is not confirmed: the half second until it is made,
 * and a packet that is lost on each of two slow lines.
 */
export const CONFIRMED_WITHIN_MS = 3_000;
/** Time without objects counts as so much: a line that was cut brings statements no sooner than media. */
const LONGEST_STEP_MS = 250;
/** What was not confirmed is forgotten after so long: then it does not matter any more. */
const FORGOTTEN_AFTER_MS = 2 * CONFIRMED_WITHIN_MS;
/** After something forged nothing is played before nothing was forged for this long: doubled each time, up to the most. */
const CLEAN_MS = 10_000;
const MOST_CLEAN_MS = 5 * 60_000;
/** Statements of an instance that are remembered: 8 s of them. */
const STATEMENTS = 16;
/** Instances of which objects have been opened. */
const INSTANCES = 16;
/** Objects of an instance that wait for their statement. */
const WAITING = 1_024;
/** Of an instance that is not known nothing is looked at after so many: whoever makes it up may have any number of them. */
const WRONG_OF_UNKNOWN = 4;

interface Waiting extends SealedAt {
  readonly track: MemberTrackKind;
  /** When it came, on the instance's own clock. */
  readonly at: number;
}

/** What is known of one track of an instance. */
interface TrackRecord {
  /** Where the first statement that came begins: what is below was sealed before our time. */
  from: Location | undefined;
  /** The last object that a statement has spoken of. */
  upTo: Location | undefined;
}

/** What is known of where an instance stands. */
type Standing =
  /** It has stated nothing yet. */
  | 'unstated'
  /** It has stated something, and all that came of it since came to us. */
  | 'current'
  /** Our session was lost after that, or the relay has cancelled one of its tracks: they may have ended meanwhile. */
  | 'missed'
  /** One of its tracks has ended after that, so that anybody may use its names. */
  | 'ended';

interface Instance {
  standing: Standing;
  readonly firstAt: Millis;
  lastAt: Millis;
  /** Time in which objects came. */
  flow: number;
  /** {@link Instance.flow} when its first statement came, and which of the member's instances it is; undefined: none has come. */
  stated: { readonly at: number; readonly rank: number } | undefined;
  /** By their numbers. */
  readonly statements: Map<number, Statement>;
  highest: number;
  tracks: Map<MemberTrackKind, TrackRecord> | undefined;
  waiting: Waiting[];
  readonly allowance: SignatureAllowance;
  /** Signatures that turned out wrong. */
  wrong: number;
}

/** The confirmation of one member in one join. */
export class Confirmation {
  readonly #core: MeetingCore;
  readonly #signatureKey: Uint8Array;
  /** Something is proven to be forged that was taken for the member's. */
  readonly #onForged: () => void;
  /** By what the instance fields of its tracks have in common. */
  readonly #instances = new Map<string, Instance>();
  /** Of all instances that are not known. */
  readonly #allowance = new SignatureAllowance();
  /** Until when instances that stated nothing are taken on trust: undefined before anything was opened. */
  #trustEnds: Millis | undefined;
  readonly #known: KnownInstances;
  #cleanAfter: Millis | undefined;
  #alarms = 0;

  constructor(core: MeetingCore, { fingerprint, senderId, signatureKey }: Member, onForged: () => void) {
    this.#core = core;
    this.#known = core.known.of(encodeBase64Url(fingerprint), joinIdOf(senderId));
    this.#signatureKey = signatureKey;
    this.#onForged = onForged;
  }

  /** Whether something was forged, and it was not quiet for long enough since. */
  get isForged(): boolean {
    return this.#cleanAfter !== undefined;
  }

  /** The relay offers a track of an instance in the member's name. */
  offered(time: string | undefined): void {
    if (time !== undefined) this.#known.offered(time);
  }

  /**
   * Whether the names of an instance are the member's, as {@link KnownInstances} has it, and none of its tracks has ended since it
   * last stated something. A relay that gives a name one publisher has none of somebody else's there.
   */
  knows(time: string | undefined): boolean {
    return time !== undefined && this.#known.has(time) && this.#instanceOf(time)?.standing !== 'ended';
  }

  /** Whether an instance is somebody else's for all that the member has stated. */
  excludes(time: string | undefined): boolean {
    return !this.#known.isEmpty && !this.knows(time);
  }

  /**
   * Whether an instance is known to be the one that the member went over to from another, or from which another tries to
   * draw us away: a member has one at a time, and comes back to none.
   */
  supersedes(time: string | undefined, other: string | undefined): boolean {
    const instance = this.#instanceOf(time);
    if (instance?.stated === undefined || isOverdue(instance)) return false;
    const before = this.#instanceOf(other);
    if (before?.stated === undefined || isOverdue(before)) return true;
    return instance.stated.rank > before.stated.rank;
  }

  /** Why nothing of the instance is to be played, if so. */
  doubt(time: string | undefined): Doubt {
    if (this.isForged) return 'forged';
    const instance = this.#instanceOf(time);
    if (instance === undefined) return 'none';
    if (instance.stated !== undefined) return isOverdue(instance) ? 'unconfirmed' : 'none';
    return this.#core.tasks.now - instance.firstAt < CONFIRMED_WITHIN_MS ? 'none' : 'unconfirmed';
  }

  /**
   * An object of a track was opened.
   * @param time - of the track's instance.
   * @param live - false when it was fetched, being older than our subscription.
   */
  opened(time: string | undefined, track: MemberTrackKind, object: SealedAt, live: boolean): Judgement {
    // Nobody but who has the keys gives a track such a name.
    if (time === undefined) return 'dropped';
    const instance = this.#instanceOf(time) ?? this.#newInstance(time);
    const { now } = this.#core.tasks;
    instance.flow += Math.min(now - instance.lastAt, LONGEST_STEP_MS);
    instance.lastAt = now;
    forgetOld(instance);
    // Of the first, not of each: whoever makes up one after the other is not trusted for longer.
    this.#trustEnds ??= millis(now + CONFIRMED_WITHIN_MS);
    const word = this.#holdAgainst(instance, track, object, live);
    if (word !== 'nothing') return word === 'sealed' ? 'taken' : 'dropped';
    return instance.standing === 'current' || this.#isOnTrust(instance) ? 'taken' : 'held';
  }

  /**
   * A statement came.
   * @returns whether it is the member's and was not known.
   */
  stated(time: string, received: ReceivedStatement): boolean {
    const instance = this.#instanceOf(time);
    const allowance = instance && this.#allowanceOf(time, instance);
    const { now } = this.#core.tasks;
    if (instance === undefined || allowance?.isLeft(now) !== true) return false;
    const statement = decodeStatement(received.statement);
    if (statement !== undefined && !isNew(instance, statement.number)) return false;
    if (statement === undefined || !this.#isSigned(received)) {
      allowance.spend();
      instance.wrong += 1;
      return false;
    }
    this.#remember(time, instance, statement);
    this.#trustEnds = now;
    instance.standing = 'current';
    this.#settle(instance, statement);
    if (this.#cleanAfter !== undefined && now >= this.#cleanAfter) this.#cleanAfter = undefined;
    return true;
  }

  /** Somebody was removed: perhaps the one who forged. */
  removedSomebody(): void {
    this.#cleanAfter = undefined;
    this.#alarms = 0;
  }

  /**
   * One of the tracks of an instance has ended: whoever publishes under its names now is not the member for that reason.
   * @param isSaid - the relay has said so; else it has cancelled it, or our session is lost.
   */
  ended(time: string | undefined, isSaid: boolean): void {
    const instance = this.#instanceOf(time);
    if (instance === undefined) return;
    if (isSaid) instance.standing = 'ended';
    else if (instance.standing === 'current') instance.standing = 'missed';
  }

  /** Objects and statements have been missed: what was before the next statement is before our time. */
  missed(): void {
    for (const [time, instance] of this.#instances) {
      instance.tracks = undefined;
      instance.waiting = [];
      if (instance.standing === 'current') instance.standing = 'missed';
      if (instance.stated === undefined) this.#instances.delete(time);
    }
    if (this.#trustEnds !== undefined && this.#trustEnds > this.#core.tasks.now) this.#trustEnds = undefined;
  }

  /** @returns what is known of the object by what was stated; of one that is too old it does not matter. */
  #holdAgainst(instance: Instance, track: MemberTrackKind, object: SealedAt, live: boolean): Word {
    const record = instance.tracks?.get(track);
    const isNewer = record !== undefined && isAbove(object.location, record.upTo);
    const word = isNewer ? 'nothing' : wordOf(instance, track, object);
    if (word === 'not-sealed') this.#alarm();
    if (word !== 'nothing') return word;
    if (record !== undefined && !isNewer) {
      // What we fetch, and what was under way when we came, is older than what was stated to us.
      if (!live || instance.flow - (instance.stated?.at ?? 0) < CONFIRMED_WITHIN_MS) return 'nothing';
      if (!isAbove(object.location, oldestOf(instance)?.tracks[track].after)) return 'not-sealed';
    }
    // Its statement may still be under way.
    this.#wait(instance, track, object);
    return 'nothing';
  }

  #wait({ waiting, flow }: Instance, track: MemberTrackKind, { location, tag }: SealedAt): void {
    waiting.push({ track, location, tag, at: flow });
    if (waiting.length > WAITING) waiting.shift();
  }

  /** Whether an instance may be the member's though it has stated nothing: nothing else is known of it either. */
  #isOnTrust({ standing }: Instance): boolean {
    const { now } = this.#core.tasks;
    return standing === 'unstated' && this.#known.isEmpty && now < (this.#trustEnds ?? now);
  }

  /** What may be spent on statements of an instance; undefined: nothing any more. */
  #allowanceOf(time: string, instance: Instance): SignatureAllowance | undefined {
    if (this.knows(time)) return instance.allowance;
    return instance.wrong < WRONG_OF_UNKNOWN ? this.#allowance : undefined;
  }

  #isSigned({ control, epoch, statement, signature }: ReceivedStatement): boolean {
    const signed = signedStatement(control, epoch, statement);
    return this.#core.options.groupCrypto.verifyEd25519(this.#signatureKey, signed, signature);
  }

  #remember(time: string, instance: Instance, statement: Statement): void {
    const { number, tracks } = statement;
    instance.stated ??= { at: instance.flow, rank: this.#known.add(time) };
    instance.statements.set(number, statement);
    instance.highest = Math.max(instance.highest, number);
    for (const known of instance.statements.keys())
      if (!isRemembered(instance, known)) instance.statements.delete(known);
    const records = instance.tracks ?? new Map<MemberTrackKind, TrackRecord>();
    for (const track of MEMBER_TRACK_KINDS) {
      const { after, last } = tracks[track];
      const record = records.get(track);
      if (record === undefined) records.set(track, { from: after, upTo: last });
      else if (last !== undefined && isAbove(last, record.upTo)) record.upTo = last;
    }
    instance.tracks = records;
  }

  /** Settles what waited for the statement. */
  #settle(instance: Instance, statement: Statement): void {
    let forged = 0;
    instance.waiting = instance.waiting.filter((waiting) => {
      const word = wordOn(statement.tracks[waiting.track], waiting);
      if (word === 'not-sealed') forged += 1;
      return word === 'nothing' && isAbove(waiting.location, instance.tracks?.get(waiting.track)?.from);
    });
    if (forged > 0) this.#alarm();
  }

  #alarm(): void {
    const wasForged = this.isForged;
    if (!wasForged) this.#alarms += 1;
    const quiet = Math.min(MOST_CLEAN_MS, CLEAN_MS * 2 ** (this.#alarms - 1));
    this.#cleanAfter = millis(this.#core.tasks.now + quiet);
    if (!wasForged) this.#onForged();
  }

  #instanceOf(time: string | undefined): Instance | undefined {
    return time === undefined ? undefined : this.#instances.get(time);
  }

  #newInstance(time: string): Instance {
    const { now } = this.#core.tasks;
    const instance: Instance = {
      standing: 'unstated',
      firstAt: now,
      lastAt: now,
      flow: 0,
      stated: undefined,
      statements: new Map(),
      highest: -1,
      tracks: undefined,
      waiting: [],
      allowance: new SignatureAllowance(),
      wrong: 0,
    };
    this.#instances.set(time, instance);
    if (this.#instances.size > INSTANCES) this.#forgetOne(time);
    return instance;
  }

  /** One that is known is kept; of others one that is not looked at any more goes first, then the oldest that stated nothing. */
  #forgetOne(but: string): void {
    const others = [...this.#instances].filter(([time]) => time !== but && !this.knows(time));
    const unstated = others.filter(([, { stated }]) => stated === undefined);
    const oldest = unstated.find(([, { wrong }]) => wrong >= WRONG_OF_UNKNOWN) ?? unstated[0] ?? others[0];
    if (oldest !== undefined) this.#instances.delete(oldest[0]);
  }
}

function isAbove(location: Location, other: Location | undefined): boolean {
  return other === undefined || compareLocations(location, other) > 0;
}

/** What the statements that are remembered say of an object. */
function wordOf({ statements }: Instance, track: MemberTrackKind, object: SealedAt): Word {
  for (const statement of statements.values()) {
    const word = wordOn(statement.tracks[track], object);
    if (word !== 'nothing') return word;
  }
  return 'nothing';
}

/** Whether something has waited for its statement for too long. */
function isOverdue({ waiting, flow }: Instance): boolean {
  const [oldest] = waiting;
  return oldest !== undefined && flow - oldest.at >= CONFIRMED_WITHIN_MS;
}

function forgetOld({ waiting, flow }: Instance): void {
  let gone = 0;
  for (let oldest = waiting[0]; oldest !== undefined; oldest = waiting[gone]) {
    if (flow - oldest.at < FORGOTTEN_AFTER_MS) break;
    gone += 1;
  }
  if (gone > 0) waiting.splice(0, gone);
}

/** The first of the statements that are remembered. */
function oldestOf({ statements }: Instance): Statement | undefined {
  let oldest: Statement | undefined;
  for (const statement of statements.values())
    if (oldest === undefined || statement.number < oldest.number) oldest = statement;
  return oldest;
}

function isRemembered({ highest }: Instance, number: number): boolean {
  return number > highest - STATEMENTS;
}

function isNew(instance: Instance, number: number): boolean {
  return isRemembered(instance, number) && !instance.statements.has(number);
}
