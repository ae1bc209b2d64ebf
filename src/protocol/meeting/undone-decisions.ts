/**
 * What a person here has decided and no Commit has done yet. It outlives MLS that dies, and a membership that ends since we were
 * away: the next one is told of it.
 */
import { encodeHex } from '../bytes/hex.ts';
import type { Decision } from '../group/coordination/decisions.ts';
import { MAX_KICKED_KEYS } from '../group/meeting-parameters.ts';
import type { EpochView } from '../group/mls.ts';
import type { Fingerprint } from '../group/names.ts';
import { ownRoleIn, roleOf } from '../group/roles.ts';
import type { Member } from '../group/roster.ts';
import type { ParticipantId } from '../media/encoded-media.ts';
import { participantIdOf } from './members.ts';

/** Of each kind; the oldest makes room. */
const MOST = 1024;

/** See the module's description. */
export class UndoneDecisions {
  /** By what they are about, in the order in which they were made; a later one about the same takes the place of an earlier. */
  readonly #decisions = new Map<string, Decision>();
  #renews = false;

  decided(decision: Decision): void {
    const about = subjectOf(decision);
    this.#decisions.delete(about);
    this.#decisions.set(about, decision);
    // A kick closes the door.
    if (decision.kind === 'kick') this.#opensNoMore();
    const [oldest] = this.#decisions.keys();
    if (this.#decisions.size > MOST && oldest !== undefined) this.#decisions.delete(oldest);
  }

  /** A fresh key for our leaf is wanted. */
  renews(): void {
    this.#renews = true;
  }

  /** Nothing of it is done any more but a fresh key, which needs no organiser. */
  giveUp(): void {
    this.#decisions.clear();
  }

  /** An epoch has begun: drops what is done, and what it is too late for. */
  epochBegan(view: EpochView, madeOwnKey: boolean): void {
    if (madeOwnKey) this.#renews = false;
    for (const [about, decision] of this.#decisions)
      if (isOver(decision, view)) this.#decisions.delete(about);
  }

  /** What a membership that begins is to be told; where we decide nothing in it, the decisions are given up. */
  forMembership(view: EpochView): {
    readonly decisions: readonly Decision[];
    readonly renews: boolean;
    /** There were some, and they are not done. */
    readonly areRefused: boolean;
  } {
    const decides = ownRoleIn(view) === 'organiser';
    const areRefused = !decides && this.#decisions.size > 0;
    if (!decides) this.giveUp();
    return { decisions: [...this.#decisions.values()], renews: this.#renews, areRefused };
  }

  /** Which of these members are to be removed for good. */
  kickedAmong(roster: readonly Member[]): readonly ParticipantId[] {
    const isKicked = ({ signatureKey }: Member): boolean =>
      this.#decisions.has(subjectOf({ kind: 'kick', signatureKey }));
    return roster.filter(isKicked).map((member) => participantIdOf(member));
  }

  #opensNoMore(): void {
    const door = subjectOf({ kind: 'admission', admission: 'open' });
    const wanted = this.#decisions.get(door);
    if (wanted?.kind === 'admission' && wanted.admission === 'open') this.#decisions.delete(door);
  }
}

/** What a decision is about: of two about the same the later counts. */
function subjectOf(decision: Decision): string {
  switch (decision.kind) {
    case 'kick':
      return `kick ${encodeHex(decision.signatureKey)}`;
    case 'admit':
    case 'decline':
      return `door ${encodeHex(decision.fingerprint)}`;
    case 'admission':
      return 'admission';
    case 'organiser':
      return `role ${encodeHex(decision.fingerprint)}`;
  }
}

function isOver(decision: Decision, { parameters, roster }: EpochView): boolean {
  const isThere = ({ fingerprint }: { readonly fingerprint: Fingerprint }): boolean => {
    const text = encodeHex(fingerprint);
    return roster.some((member) => encodeHex(member.fingerprint) === text);
  };
  switch (decision.kind) {
    case 'kick': {
      const key = encodeHex(decision.signatureKey);
      const names = (keys: readonly Uint8Array[]): boolean => keys.some((each) => encodeHex(each) === key);
      // Whoever the list has no room for is out, and that is all.
      const isOut = !names(roster.map(({ signatureKey }) => signatureKey));
      return names(parameters.kickedKeys) || (isOut && parameters.kickedKeys.length >= MAX_KICKED_KEYS);
    }
    case 'admit':
    case 'decline':
      return isThere(decision);
    case 'admission':
      return parameters.admission === decision.admission;
    case 'organiser':
      return (
        (roleOf(parameters, decision.fingerprint) === 'organiser') === decision.isOrganiser ||
        (decision.isOrganiser && !isThere(decision))
      );
  }
}
