/** Times and pauses of the coordinator. */
import { millis } from '../../units.ts';
import type { Millis } from '../../units.ts';

/** All times of the coordinator; a test may shorten them. */
export interface Timing {
  /** In plain mode: nobody answers a joiner, and it opens the next generation. */
  readonly abandoned: Millis;
  /** How often a joiner looks whether what it joins is still the meeting, in fenced mode. */
  readonly room: Millis;
  /** First wait before a KeyPackage is sent again; doubles each time. */
  readonly resend: Millis;
  readonly resendMost: Millis;
  /** The counter moves on and no Welcome came for this long, which doubles: the joiner begins a new join. */
  readonly freshJoin: Millis;
  readonly freshJoinMost: Millis;
  /** A joiner or leaver waits this long for others to come into the same Commit. */
  readonly batch: Millis;
  /** How much longer each next member in leaf order waits. */
  readonly step: Millis;
  /** A Commit without its receipt: `/history` is asked. */
  readonly receipt: Millis;
  /** How long a member stays in a line that is broken, for the meeting to move from there. */
  readonly broken: Millis;
  /** A removal of ourselves that nobody else is seen to have followed counts all the same. */
  readonly removal: Millis;
  /** A member without transport is removed. */
  readonly grace: Millis;
  /** Somebody who waits at the door and is not heard for this long has gone. */
  readonly callerSilent: Millis;
  /** Whoever was declined at the door is not shown there again for this long, whichever join it asks with. */
  readonly declined: Millis;
  /** How often `/history` is asked when nothing seems to be missing: by group size, between these. */
  readonly history: Millis;
  readonly historyLeast: Millis;
  readonly historyPerMember: Millis;
  /** In plain mode: how often a lonely member looks for a newer generation. */
  readonly lonely: Millis;
  /** How often any other member does. */
  readonly healthy: Millis;
  /** First wait after a failed call; doubles up to {@link Timing.backoffMost}. */
  readonly backoff: Millis;
  readonly backoffMost: Millis;
  /** A leaf key of this age is renewed. */
  readonly renewAfter: Millis;
  /** The least time between two Commits of a group that only renew keys. */
  readonly renewPause: Millis;
  /** Who lets somebody in with a leaf key of this age renews it in the same Commit. */
  readonly renewWithAdd: Millis;
}

/** The times of docs/protocol.md. */
export const DEFAULT_TIMING: Timing = {
  abandoned: millis(30_000),
  room: millis(5_000),
  resend: millis(1_000),
  resendMost: millis(8_000),
  freshJoin: millis(10_000),
  freshJoinMost: millis(120_000),
  batch: millis(30),
  step: millis(1_000),
  receipt: millis(700),
  broken: millis(180_000),
  removal: millis(30_000),
  grace: millis(10_000),
  callerSilent: millis(30_000),
  declined: millis(120_000),
  history: millis(20_000),
  historyLeast: millis(2_000),
  historyPerMember: millis(200),
  lonely: millis(15_000),
  healthy: millis(60_000),
  backoff: millis(500),
  backoffMost: millis(8_000),
  renewAfter: millis(3_600_000),
  renewPause: millis(30_000),
  renewWithAdd: millis(600_000),
};

/** The earliest of some times, or undefined when there is none. */
export function earliest(...times: readonly (Millis | undefined)[]): Millis | undefined {
  let first: Millis | undefined;
  for (const time of times) if (time !== undefined && (first === undefined || time < first)) first = time;
  return first;
}

/** Pauses that double up to a limit. */
export class Backoff {
  readonly #first: Millis;
  readonly #most: Millis;
  #next: Millis;

  constructor(first: Millis, most: Millis) {
    this.#first = first;
    this.#most = most;
    this.#next = first;
  }

  /** The pause to make now; the next one is twice as long. */
  next(): Millis {
    const wait = this.#next;
    this.#next = millis(Math.min(this.#most, wait * 2));
    return wait;
  }

  reset(): void {
    this.#next = this.#first;
  }
}
