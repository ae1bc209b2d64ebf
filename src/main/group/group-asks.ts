/** Answers the coordinator's asks: the counter, MLS, the relay and the store, each behind its port. */
import type { CounterClient } from '../../protocol/counter/client.ts';
import type { Answer, Ask, AskKind, AskTypes } from '../../protocol/group/coordination/asks.ts';
import type { GroupHandle } from '../../protocol/group/mls.ts';
import type { GroupName } from '../../protocol/group/names.ts';
import { epoch } from '../../protocol/units.ts';
import type { UnixMillis } from '../../protocol/units.ts';
import type { MlsMembership, MlsPort } from '../mls/mls-port.ts';
import type { GroupTransport } from './group-transport.ts';
import { encodeMembership } from './membership-codec.ts';
import { pause } from './publishing.ts';

/** Where one membership rests; the bytes hold secrets, so whoever implements this seals them. */
export interface MembershipStore {
  load(): Promise<Uint8Array | undefined>;
  /** Resolves when the bytes survive a crash. */
  save(bytes: Uint8Array): Promise<void>;
  erase(): Promise<void>;
}

/** What the asks are answered with. */
export interface AskPorts {
  readonly counter: CounterClient;
  readonly mls: MlsPort;
  readonly transport: GroupTransport;
  /** Undefined for guests, who keep nothing. */
  readonly store: MembershipStore | undefined;
  /** Suite, identity and secret for a group. */
  membershipOf(group: GroupName): MlsMembership;
  wallClock(): UnixMillis;
  readonly mode: 'fenced' | 'plain';
  /** The store began to fail; it is tried again until it does not, and nothing is sent meanwhile. */
  storeFailed(error: unknown): void;
}

const STORE_RETRY_MS = 1_000;
/** A counter value that no group reaches: asking for it changes nothing and tells the current one. */
const NEVER = epoch((1n << 53n) - 1n);

type Handlers = { [Kind in Exclude<AskKind, 'sleep'>]: (input: AskTypes[Kind][0]) => Promise<Answer<Kind>> };

/** Performs asks. */
export class AskPerformer {
  readonly #ports: AskPorts;
  readonly #handlers: Handlers;
  readonly #held = new Set<GroupHandle>();
  #over = false;

  constructor(ports: AskPorts) {
    this.#ports = ports;
    this.#handlers = this.#makeHandlers(ports);
  }

  /** Performs one ask. Rejects for faults of our own only. */
  perform(ask: Exclude<Ask, { kind: 'sleep' }>): Promise<unknown> {
    // Each kind's handler takes its own input; the union is more than the compiler can follow.
    const handler = this.#handlers[ask.kind] as (input: unknown) => Promise<unknown>;
    return handler(ask.input);
  }

  /** A group that was read back is ours to forget. */
  hold(handle: GroupHandle): void {
    this.#held.add(handle);
  }

  /** Erases all that is secret in MLS, and gives up what the store would not take. */
  async forgetAll(): Promise<void> {
    this.#over = true;
    await Promise.all([...this.#held].map((handle) => this.#ports.mls.forget(handle)));
    this.#held.clear();
  }

  #makeHandlers(ports: AskPorts): Handlers {
    const { counter, mls, transport } = ports;
    const none = undefined;
    return {
      probe: ({ group }) => this.#probe(group),
      lock: ({ group, request }) => counter.lock(group, request),
      increment: ({ group, request }) => counter.increment(group, request),
      history: ({ group, from }) => counter.history(group, from),
      upload: ({ group, entries }) => counter.upload(group, entries),
      'create-group': async ({ group, parameters }) => {
        const created = await mls.createGroup(ports.membershipOf(group), parameters, ports.wallClock());
        this.hold(created.group);
        return created;
      },
      'make-key-package': ({ group }) => mls.keyPackage(ports.membershipOf(group), ports.wallClock()),
      'forget-key-packages': async ({ group }) => {
        await mls.forgetKeyPackages(ports.membershipOf(group));
        return none;
      },
      'inspect-key-package': ({ handle, keyPackage }) =>
        mls.inspectKeyPackage(handle, keyPackage, ports.wallClock()),
      stage: ({ handle, plan }) => mls.stageCommit(handle, plan),
      process: ({ handle, commit }) => mls.processCommit(handle, commit),
      apply: ({ handle, staged }) => mls.apply(handle, staged),
      join: async ({ group, welcome }) => {
        const outcome = await mls.join(ports.membershipOf(group), welcome);
        if (outcome.kind === 'joined') this.hold(outcome.group);
        return outcome;
      },
      'forget-group': async ({ handle }) => {
        this.#held.delete(handle);
        await mls.forget(handle);
        return none;
      },
      save: async ({ handle, record }) => {
        if (ports.store === undefined) return none;
        const state = await mls.serialise(handle);
        const bytes = encodeMembership({ record, state });
        state.fill(0);
        try {
          await this.#write((store) => store.save(bytes));
        } finally {
          bytes.fill(0);
        }
        return none;
      },
      erase: async () => {
        await this.#write((store) => store.erase());
        return none;
      },
      'enter-group': async ({ group, senderId }) => {
        await transport.enter(group, senderId);
        return none;
      },
      'publish-key-package': async ({ group, senderId, keyPackage }) => {
        await transport.publishKeyPackage(group, senderId, keyPackage);
        return none;
      },
      'publish-commit': async ({ group, epoch: of, attempt, commit, welcomes }) => {
        await transport.publishCommit(group, of, attempt, commit, welcomes);
        return none;
      },
      'publish-receipt': ({ group, epoch: of, attempt, receipt }) => {
        transport.publishReceipt(group, of, attempt, receipt);
        return Promise.resolve(none);
      },
      'republish-welcome': async ({ group, epoch: of, attempt, delivery, receipt }) => {
        await transport.republishWelcome(group, of, attempt, delivery, receipt);
        return none;
      },
      'fetch-commits': ({ group, from }) => transport.fetchCommits(group, from),
    };
  }

  /** Whether a group exists: by the log in fenced mode, by asking for an impossible value in plain mode. */
  async #probe(group: GroupName): Promise<Answer<'probe'>> {
    const { counter, mode } = this.#ports;
    if (mode === 'fenced') {
      const outcome = await counter.history(group, NEVER);
      return outcome.kind === 'ok' ? { kind: 'ok', current: outcome.current } : outcome;
    }
    const outcome = await counter.lock(group, { mode: 'plain', val: NEVER });
    switch (outcome.kind) {
      case 'counter-error':
        return { kind: 'ok', current: outcome.current };
      case 'granted':
      case 'locked':
        return { kind: 'unreachable', reason: 'the counter has not compared the value' };
      default:
        return outcome;
    }
  }

  /** Writes until it is written, or until all is over. */
  async #write(write: (store: MembershipStore) => Promise<void>): Promise<void> {
    const { store } = this.#ports;
    if (store === undefined) return;
    for (let isFirst = true; !this.#over; isFirst = false) {
      try {
        await write(store);
        return;
      } catch (error) {
        if (isFirst) this.#ports.storeFailed(error);
        await pause(STORE_RETRY_MS);
      }
    }
  }
}
