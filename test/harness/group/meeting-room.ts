import { randomBytes } from 'node:crypto';
import { joinGroup } from '../../../src/main/group/group-member.ts';
import type { GroupMember } from '../../../src/main/group/group-member.ts';
import type { MembershipStore } from '../../../src/main/group/group-asks.ts';
import type { EpochBegun, GroupEvent } from '../../../src/main/group/group-events.ts';
import type { MlsPort, SignatureIdentity } from '../../../src/main/mls/mls-port.ts';
import { ed25519PublicKey } from '../../../src/io/crypto/raw-keys.ts';
import type { MoqtClient } from '../../../src/io/moqt/client-api.ts';
import type { CounterClient, CounterMode } from '../../../src/protocol/counter/client.ts';
import { DEFAULT_TIMING } from '../../../src/protocol/group/coordination/timing.ts';
import type { Timing } from '../../../src/protocol/group/coordination/timing.ts';
import type { Invitation } from '../../../src/protocol/group/invitation.ts';
import type { MlsSuite } from '../../../src/protocol/group/mls.ts';
import type { RoomId } from '../../../src/protocol/group/names.ts';
import { millis } from '../../../src/protocol/units.ts';

/** The design's times, shortened so that tests do not wait. */
export const FAST: Timing = {
  ...DEFAULT_TIMING,
  abandoned: millis(6_000),
  resend: millis(150),
  resendMost: millis(600),
  freshKeyPackage: millis(4_000),
  batch: millis(10),
  step: millis(200),
  receipt: millis(100),
  grace: millis(300),
  history: millis(1_500),
  lonely: millis(500),
  backoff: millis(50),
  backoffMost: millis(400),
};

/** A store in memory that outlives its member, as a disk does. */
export class MemoryStore implements MembershipStore {
  bytes: Uint8Array | undefined;
  load(): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.bytes?.slice());
  }
  save(bytes: Uint8Array): Promise<void> {
    this.bytes = bytes.slice();
    return Promise.resolve();
  }
  erase(): Promise<void> {
    this.bytes = undefined;
    return Promise.resolve();
  }
}

/** What all in a room share. */
export interface RoomOptions {
  readonly mls: MlsPort;
  readonly counter: () => CounterClient;
  readonly connect: () => MoqtClient | Promise<MoqtClient>;
  readonly receiptKey: Uint8Array | undefined;
  readonly mode?: CounterMode;
  readonly suite?: MlsSuite;
  readonly timing?: Timing;
}

/** A person with a device in a room. */
export interface Person {
  readonly member: GroupMember;
  readonly identity: SignatureIdentity;
  readonly store: MemoryStore;
  readonly events: GroupEvent[];
  readonly faults: Error[];
  /** Epochs in order, of whatever generation. */
  readonly epochs: EpochBegun[];
  readonly client: MoqtClient;
  /** Cuts the device off and drops the process: nothing is said to anybody. */
  kill(): Promise<void>;
}

/** A room whose members are real but for what the options put in. */
export class MeetingRoom {
  readonly invitation: Invitation;
  readonly #options: RoomOptions;

  constructor(options: RoomOptions) {
    this.#options = options;
    this.invitation = {
      room: new Uint8Array(randomBytes(16)) as RoomId,
      name: 'test',
      mode: options.mode ?? 'fenced',
      suite: options.suite ?? 0x0001,
      secret: new Uint8Array(randomBytes(32)),
      relays: ['https://127.0.0.1/'],
      counter: 'https://127.0.0.1/',
      receiptKey: options.receiptKey,
      counterToken: '',
      anchors: [],
    };
  }

  /** Somebody comes; `before` comes back with identity and store. */
  async enter(before?: Pick<Person, 'identity' | 'store'>): Promise<Person> {
    const seed = new Uint8Array(randomBytes(32));
    const identity = before?.identity ?? { seed, publicKey: ed25519PublicKey(seed) };
    const store = before?.store ?? new MemoryStore();
    const events: GroupEvent[] = [];
    const epochs: EpochBegun[] = [];
    const faults: Error[] = [];
    const client = await this.#options.connect();
    const member = joinGroup({
      invitation: this.invitation,
      identity,
      counter: this.#options.counter(),
      mls: this.#options.mls,
      store,
      timing: this.#options.timing ?? FAST,
      onEvent: (event) => {
        events.push(event);
        if (event.kind === 'epoch') epochs.push(event);
      },
      onTrackOffered: (offer) => {
        offer.reject({ code: 0x20, reason: 'no media here' });
      },
      onFault: (fault) => faults.push(fault),
    });
    member.transportRestored(client);
    const kill = async (): Promise<void> => {
      client.close(0, 'killed');
      await member.suspend();
    };
    return { member, identity, store, events, faults, epochs, client, kill };
  }
}

/** Waits until `condition` holds. */
export async function until(condition: () => boolean, what: string, ms = 25_000): Promise<void> {
  const end = Date.now() + ms;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Whether all stand in one epoch of one group with `size` members. */
export function agree(people: readonly Person[], size: number): boolean {
  const states = people.map(({ epochs }) => epochs.at(-1));
  const [first] = states;
  return states.every(
    (state) =>
      state !== undefined &&
      first !== undefined &&
      state.roster.length === size &&
      state.epoch === first.epoch &&
      state.securityCode === first.securityCode &&
      Buffer.from(state.masterKey).equals(first.masterKey),
  );
}
