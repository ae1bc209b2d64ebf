/**
 * Tracks that wait for the tree to name their sender. Anybody who has the link can offer any number of them under any name, so
 * that their number is bounded, also that of one person; what may be its sender's own by its name makes room last.
 * @see docs/protocol.md #rooms-generations-and-names
 */
import { encodeBase64Url } from '../bytes/base64url.ts';
import type { JoinId } from '../group/leaf-join.ts';
import { partsOfSender, type SenderId } from '../group/names.ts';
import type { ParticipantId } from '../media/encoded-media.ts';
import type { PublishOffer } from '../moqt/client/client-api.ts';
import { RequestErrorCode } from '../moqt/codes.ts';
import type { MeetingCore } from './core.ts';
import { follows } from './instance-chain.ts';
import { timeOfTrack } from './track-instance.ts';

/** An offer, and whose track it says it is. */
export interface ClaimedOffer {
  readonly offer: PublishOffer;
  readonly sender: SenderId;
  readonly joinId: JoinId;
  readonly id: ParticipantId;
}

/** Of all joiners that one Commit may add. */
const MOST = 4_096;
const MOST_OF_ONE = 256;

/** How likely a track is its sender's: nothing says so, its name follows the join of its sender, or what was heard of the person. */
type Likelihood = 0 | 1 | 2;

interface Waiting<Claimed> {
  readonly claimed: Claimed;
  readonly likelihood: Likelihood;
}

/** Whose track an offer of a control or media track says it is; undefined where it names nobody. */
export function claimOf(offer: PublishOffer): ClaimedOffer | undefined {
  const sender = offer.track.namespace[2];
  const parts = sender && partsOfSender(sender);
  if (parts === undefined) return undefined;
  const { fingerprint, joinId } = parts;
  return { offer, sender: sender as SenderId, joinId, id: encodeBase64Url(fingerprint) };
}

/** The offers, oldest first. */
export class WaitingOffers<Claimed extends ClaimedOffer = ClaimedOffer> {
  readonly #core: Pick<MeetingCore, 'known' | 'options'>;
  #waiting: Waiting<Claimed>[] = [];

  constructor(core: Pick<MeetingCore, 'known' | 'options'>) {
    this.#core = core;
  }

  /** Lets one wait. */
  hold(claimed: Claimed): void {
    this.#waiting.push({ claimed, likelihood: this.#likelihoodOf(claimed) });
    const ofOne = this.#waiting.filter((each) => each.claimed.id === claimed.id);
    if (ofOne.length > MOST_OF_ONE) this.#refuseOneOf(ofOne);
    if (this.#waiting.length > MOST) this.#refuseOneOf(this.#waiting);
  }

  /** Takes out those that are wanted now. */
  settle(isTaken: (claimed: Claimed) => boolean): void {
    this.#waiting = this.#waiting.filter(({ claimed }) => !isTaken(claimed));
  }

  /** Takes out all. */
  take(): readonly Claimed[] {
    const taken = this.#waiting.map(({ claimed }) => claimed);
    this.#waiting = [];
    return taken;
  }

  #likelihoodOf({ id, joinId, offer }: ClaimedOffer): Likelihood {
    const time = timeOfTrack(offer.track);
    if (time === undefined) return 0;
    if (this.#core.known.has(id, time)) return 2;
    return follows(time, joinId, this.#core.options.groupCrypto) ? 1 : 0;
  }

  /** Of those that are least likely the oldest goes; the relay does not offer it again. */
  #refuseOneOf(waiting: readonly Waiting<Claimed>[]): void {
    const least = Math.min(...waiting.map(({ likelihood }) => likelihood));
    const refused = waiting.find(({ likelihood }) => likelihood === least);
    this.#waiting = this.#waiting.filter((each) => each !== refused);
    refused?.claimed.offer.reject({ code: RequestErrorCode.UNINTERESTED, reason: 'not a member' });
  }
}
