/** The disk of a simulated member, which outlives its processes, fails, and can be put back to what it held before. */
import type { MembershipRecord } from '../../../src/protocol/group/coordination/asks.ts';
import type { StoreAsk, WriteAnswer } from '../../../src/protocol/meeting/effects.ts';
import type { FakeMls } from '../group/fake-mls.ts';

interface Content {
  readonly membership: { readonly record: MembershipRecord; readonly state: Uint8Array } | undefined;
  /** What it remembers of kicks. */
  readonly kickedKeys: readonly Uint8Array[];
}

/** Earlier contents that are remembered. */
const MOST_EARLIER = 16;
const EMPTY: Content = { membership: undefined, kickedKeys: [] };

/** A disk, empty at first. */
export class SimulatedDisk {
  /** Whether writes fail. */
  fails = false;
  /** Whether it ever held less than its member had written. */
  wasPutBack = false;
  #content = EMPTY;
  readonly #earlier: Content[] = [];

  get hasMembership(): boolean {
    return this.#content.membership !== undefined;
  }

  lose(): void {
    this.#content = EMPTY;
  }

  /** Puts back what was there some writes ago, if there were as many. */
  putBack(writesAgo: number): void {
    this.#content = this.#earlier.at(-writesAgo) ?? this.#content;
    this.wasPutBack = true;
  }

  /** What reading and writing is answered with. */
  answer(ask: StoreAsk, mls: FakeMls): unknown {
    const { membership, kickedKeys } = this.#content;
    switch (ask.kind) {
      case 'load': {
        if (membership === undefined) return { restored: undefined, kickedKeys };
        const { group, ...rest } = mls.restore(membership.state);
        return { restored: { record: membership.record, handle: group, ...rest }, kickedKeys };
      }
      case 'save':
        return this.#write({ membership: { record: ask.record, state: mls.serialise(ask.handle) } });
      case 'remember-kicked':
        return this.#write({ kickedKeys: [...kickedKeys, ...ask.keys] });
      case 'erase':
        return this.#write({ membership: undefined });
    }
  }

  #write(change: Partial<Content>): WriteAnswer {
    if (this.fails) return 'failed';
    this.#earlier.push(this.#content);
    if (this.#earlier.length > MOST_EARLIER) this.#earlier.shift();
    this.#content = { ...this.#content, ...change };
    return 'written';
  }
}
