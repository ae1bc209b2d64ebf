/** What a person here decides as an organiser: kicks, the door, roles. */
import { equal } from '../../bytes/equal.ts';
import type { Millis } from '../../units.ts';
import type { Fingerprint } from '../names.ts';
import type { Context, GroupInput } from './context.ts';
import type { MemberState } from './member-state.ts';
import type { WaitingJoin } from './waiting-join.ts';

/** Inputs with decisions. */
export type Decision = Extract<
  GroupInput,
  { readonly kind: 'kick' | 'admit' | 'decline' | 'admission' | 'organiser' }
>;

/** Takes decisions, and keeps the door's list true. */
export class Decisions {
  readonly #context: Context;
  readonly #state: MemberState;

  constructor(context: Context, state: MemberState) {
    this.#context = context;
    this.#state = state;
  }

  /** Takes one; where we are no organiser it is told so instead. */
  take(decision: Decision): void {
    if (!this.#state.door.isOurs) {
      this.#context.emit({ kind: 'not-organiser' });
      return;
    }
    const { work, view } = this.#state;
    const { now } = this.#context;
    switch (decision.kind) {
      case 'kick':
        this.#kick(decision.signatureKey);
        break;
      case 'admit':
      case 'decline':
        this.#answer(decision.kind, decision.fingerprint);
        return;
      case 'admission':
        work.settings.admission(decision.admission, now);
        break;
      case 'organiser':
        work.settings.organiser(decision.fingerprint, decision.isOrganiser, now);
        break;
    }
    // Nothing is done where all is as it is wanted.
    work.settings.settle(view.parameters, view.roster);
  }

  /** When somebody at the door has perhaps gone; undefined while nobody could be heard. */
  get callerGoneAt(): Millis | undefined {
    const { reachedSince } = this.#context;
    const { work, door } = this.#state;
    return reachedSince === undefined ? undefined : door.nextGoneAt(work.joins, reachedSince);
  }

  /** Lets those wait no longer who have gone from the door. @returns them. */
  dropGone(): readonly WaitingJoin[] {
    const { now, reachedSince } = this.#context;
    const { work, door } = this.#state;
    const goneAt = this.callerGoneAt;
    if (goneAt === undefined || reachedSince === undefined || goneAt > now) return [];
    const gone = work.joins.filter((join) => door.hasGone(join, reachedSince, now));
    work.dropJoins((join) => gone.includes(join));
    this.#state.noteDoor();
    return gone;
  }

  #kick(signatureKey: Uint8Array): void {
    const { roster, ownLeaf } = this.#state.view;
    const member = roster.find((each) => equal(each.signatureKey, signatureKey));
    const { work } = this.#state;
    const { now } = this.#context;
    if (member?.leaf === ownLeaf) return;
    work.kick(signatureKey, now);
    // The list takes members alone: whoever is away waits at the door at least.
    if (member === undefined) work.settings.admission('ask', now);
  }

  #answer(answer: 'admit' | 'decline', fingerprint: Fingerprint): void {
    const { work, door } = this.#state;
    const { now } = this.#context;
    // It need not ask just now: what is decided is of the person.
    const join = work.joins.find((each) => equal(each.fingerprint, fingerprint));
    if (answer === 'admit') door.admit(fingerprint, now);
    else {
      door.decline(fingerprint, join?.senderId, now);
      work.dropJoins((each) => each === join);
    }
    this.#state.noteDoor();
  }
}
