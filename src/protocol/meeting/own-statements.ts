/** What this member has sealed of the tracks of one instance, gathered for its statements. No keys and no clock. */
import { invariant } from '../errors.ts';
import type { Location } from '../moqt/model.ts';
import { encodeStatement, type SealedAt } from './statement.ts';
import type { MemberTrackKind } from './track-instance.ts';

/** So many objects are stated at once, however little time has passed: a machine that stood still has many at a time. */
const MOST_UNSTATED = 400;
/** Statements whose objects may be stated again: two seconds of them. */
const REPEATED_STATEMENTS = 4;
/** Objects of one track that may be stated again. */
const MOST_REPEATED = 128;

interface Sealed extends SealedAt {
  /** In which statement it first was; undefined: in none yet. */
  statedIn: number | undefined;
}

/** One track's part. */
class OwnTrackStatements {
  /** In the order of locations: what was not stated yet, behind what may be stated again. */
  #recent: Sealed[] = [];
  /** The last object before those. */
  #floor: Location | undefined;

  note(sealed: SealedAt): void {
    this.#recent.push({ ...sealed, statedIn: undefined });
  }

  /** What is stated in a statement. @param again - also what was stated lately. */
  take(number: number, again: boolean): { after: Location | undefined; sealed: readonly SealedAt[] } {
    const from = again ? 0 : this.#recent.findIndex(({ statedIn }) => statedIn === undefined);
    const begin = from === -1 ? this.#recent.length : from;
    const after = begin === 0 ? this.#floor : this.#recent[begin - 1]?.location;
    const sealed = this.#recent.slice(begin);
    for (const each of sealed) each.statedIn ??= number;
    this.#forget(number - REPEATED_STATEMENTS);
    return { after, sealed };
  }

  #forget(upTo: number): void {
    const kept = this.#recent.findIndex(({ statedIn }) => statedIn !== undefined && statedIn > upTo);
    const old = kept === -1 ? this.#recent.length : kept;
    const gone = Math.max(old, this.#recent.length - MOST_REPEATED);
    if (gone === 0) return;
    this.#floor = this.#recent[gone - 1]?.location;
    this.#recent = this.#recent.slice(gone);
  }
}

/** The whole. */
export class OwnStatements {
  readonly #tracks: Readonly<Record<MemberTrackKind, OwnTrackStatements>> = {
    control: new OwnTrackStatements(),
    catalog: new OwnTrackStatements(),
    audio: new OwnTrackStatements(),
    video: new OwnTrackStatements(),
  };
  #number = 0;
  #unstated = 0;
  #isDue = false;
  /** A statement was taken; the control object that carries it makes no other one due. */
  #isTaken = false;

  /** Something was sealed that the others are to be told of. */
  get isDue(): boolean {
    return this.#isDue;
  }

  /** So much was sealed that a statement cannot wait. */
  get isFull(): boolean {
    return this.#unstated >= MOST_UNSTATED;
  }

  /** An object was sealed. */
  note(track: MemberTrackKind, sealed: SealedAt): void {
    this.#tracks[track].note(sealed);
    this.#unstated += 1;
    if (track === 'control' && this.#isTaken) this.#isTaken = false;
    else this.#isDue = true;
  }

  /**
   * The next statement, encoded: of all that was not stated yet. It is to be sealed before anything else of the control track.
   * @param again - also of what was stated in the last two seconds, for those who could not open those statements.
   */
  take(again: boolean): Uint8Array {
    invariant(this.#unstated <= MOST_UNSTATED + MOST_REPEATED, 'a statement has room for what it is about');
    const number = this.#number;
    this.#number += 1;
    this.#unstated = 0;
    this.#isDue = false;
    this.#isTaken = true;
    const of = (track: MemberTrackKind): ReturnType<OwnTrackStatements['take']> =>
      this.#tracks[track].take(number, again);
    return encodeStatement(number, {
      control: of('control'),
      catalog: of('catalog'),
      audio: of('audio'),
      video: of('video'),
    });
  }
}
