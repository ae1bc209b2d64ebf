/**
 * Whether a Commit that removes us is one that the others have followed, judged by what is heard of them: what they seal in an epoch
 * that we have no key of, or in ours. Until it is judged, those of them that stay in our epoch can take us along to another room.
 * @see docs/protocol.md#a-broken-line
 */
import type { LeafIndex, Member } from '../group/roster.ts';
import type { Epoch, Millis } from '../units.ts';
import type { GroupNotices, MeetingCore } from './core.ts';
import { participantIdOf, type Members } from './members.ts';
import type { Moves } from './moves.ts';
import type { RelayLink } from './relay-link.ts';

/** Who stays in our epoch says something this often: a hello each 4 s, and a network that is slow. */
const SILENT_MS = 6_000;
/** How long others have for a word, after we have heard of the removal and after our session has begun. */
const FIRST_WORD_MS = 3_000;
/**
 * How long nobody but organisers moves us: who follows the removal has said so by then, also where each has to find it in the log, which
 * members of a small meeting ask for every 2 s. From a line that is broken nobody moves much sooner.
 */
const LISTEN_MS = 3_000;

/** A removal in doubt. */
export interface DoubtedRemoval {
  readonly committer: LeafIndex;
  /** Who could follow it, besides its author. */
  readonly others: readonly Member[];
}

/** What the judge goes by. */
export interface RemovalDoubtContext {
  readonly core: Pick<MeetingCore, 'tasks'>;
  readonly link: Pick<RelayLink, 'connectedSince'>;
  readonly notices: Pick<GroupNotices, 'removalJudged'>;
  readonly members: Pick<Members, 'get'>;
  readonly moves: Pick<Moves, 'removalDoubted'>;
}

/** The judge. */
export class RemovalDoubt {
  readonly #context: RemovalDoubtContext;
  #open: (DoubtedRemoval & { readonly epoch: Epoch; readonly since: Millis }) | undefined;

  constructor(context: RemovalDoubtContext) {
    this.#context = context;
  }

  /** We are said to be removed. @param epoch - the one that we are in. */
  begin(doubted: DoubtedRemoval, epoch: Epoch): void {
    this.#open = { ...doubted, epoch, since: this.#context.core.tasks.now };
    this.look();
  }

  /** It is decided, or does not matter any more. */
  end(): void {
    this.#open = undefined;
  }

  /** Somebody moves the meeting, and takes us along: whoever does has not followed the removal. */
  moved(): void {
    if (this.#open !== undefined) this.#judge(false);
  }

  /** To be called a few times a second, and when somebody is heard. */
  look(): void {
    const open = this.#open;
    if (open === undefined) return;
    const { core, moves } = this.#context;
    if (this.#isFollowed(open) || this.#isAlone(open)) {
      this.#judge(true);
      return;
    }
    // An author who is honest, and did not log it itself, is followed by others, who say its move, too.
    moves.removalDoubted(open.committer, core.tasks.now - open.since < LISTEN_MS ? 'organisers' : 'others');
  }

  #isFollowed({ others, epoch }: { readonly others: readonly Member[]; readonly epoch: Epoch }): boolean {
    return others.some((other) => {
      const ahead = this.#context.members.get(participantIdOf(other))?.aheadIn;
      return ahead !== undefined && ahead > epoch;
    });
  }

  /** Whether nobody is in our epoch with whom we could go anywhere. */
  #isAlone({ others, since }: { readonly others: readonly Member[]; readonly since: Millis }): boolean {
    const { core, link, members } = this.#context;
    const { now } = core.tasks;
    const { connectedSince } = link;
    if (connectedSince === undefined || now - Math.max(connectedSince, since) < FIRST_WORD_MS) return false;
    return others.every((other) => {
      const heard = members.get(participantIdOf(other))?.lastHeard;
      return heard === undefined || now - heard > SILENT_MS;
    });
  }

  #judge(counts: boolean): void {
    this.end();
    this.#context.notices.removalJudged(counts);
  }
}
