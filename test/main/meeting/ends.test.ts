/** The end of a meeting whose shell still waits for answers, or in which something of our own has failed: secrets go. */
import { expect, test, vi } from 'vitest';
import { nodeCrypto } from '../../../src/io/crypto/node-crypto.ts';
import { signatureKeyOf } from '../../../src/main/identity/signature-key.ts';
import { KickedKeysStore } from '../../../src/main/kicked-keys.ts';
import type { MembershipStore } from '../../../src/main/meeting/membership-store.ts';
import { RunningMeeting, type MeetingPorts } from '../../../src/main/meeting/running-meeting.ts';
import type { MlsMembership } from '../../../src/main/mls/mls-port.ts';
import { nodeGroupCrypto } from '../../../src/main/mls/node-group-crypto.ts';
import { TsMlsAdapter } from '../../../src/main/mls/ts-mls-adapter.ts';
import { MemoryStore } from '../../../src/main/storage/memory-store.ts';
import type { CounterClient } from '../../../src/protocol/counter/client.ts';
import { DEFAULT_TIMING } from '../../../src/protocol/group/coordination/timing.ts';
import type { MeetingParameters } from '../../../src/protocol/group/meeting-parameters.ts';
import type { GroupHandle } from '../../../src/protocol/group/mls.ts';
import { equal } from '../../../src/protocol/bytes/equal.ts';
import { fingerprintOf, groupNameOf, senderIdOf } from '../../../src/protocol/group/names.ts';
import type { RoomKey } from '../../../src/protocol/group/room-keys.ts';
import type { MeetingOptions } from '../../../src/protocol/meeting/core.ts';
import { encodeMembership } from '../../../src/protocol/meeting/membership-codec.ts';
import type { TransportSession } from '../../../src/protocol/moqt/transport.ts';
import type { SecureObjectsCrypto } from '../../../src/protocol/secure-objects/crypto.ts';
import { epoch, millis, unixMillis } from '../../../src/protocol/units.ts';
import { founding, joinId } from '../../harness/group/membership.ts';

const SIGNER = nodeGroupCrypto.ed25519Signer(new Uint8Array(32).fill(1));
const ROOM = SIGNER.publicKey as RoomKey;
const IDENTITY = signatureKeyOf(new Uint8Array(32).fill(2));
const FINGERPRINT = fingerprintOf(IDENTITY.publicKey, nodeGroupCrypto);
const GROUP = groupNameOf(ROOM, 0, nodeGroupCrypto);
const PARAMETERS: MeetingParameters = {
  secureObjectsSuite: 4,
  profile: '01',
  mode: 'plain',
  receiptKey: undefined,
  kickedKeys: [],
  admission: 'open',
  organisers: [],
};
const membershipOf = (groupId: Uint8Array): MlsMembership => ({
  identity: IDENTITY,
  suite: 0x0001,
  groupId,
  joinProofKey: new Uint8Array(32),
  invitationPsk: new Uint8Array(32),
});
const NOW = unixMillis(Date.now());

/** A counter of which nothing is known but that epoch 0 was reached, or that nothing was. */
function counter(reached: boolean): CounterClient {
  const no = (): Promise<never> => Promise.reject(new Error('not asked'));
  const current = epoch(0n);
  return {
    lock: (group, { val }) =>
      Promise.resolve(
        val === 0n && !reached
          ? { kind: 'granted', token: undefined, attempt: 0, expiresInMs: millis(1_000) }
          : { kind: 'counter-error', current: equal(group, GROUP) ? current : undefined },
      ),
    increment: () => Promise.resolve({ kind: 'ok', receipt: undefined }),
    history: no,
    upload: no,
    receiptKey: no,
    room: no,
    alive: no,
    close: no,
  };
}

/** Real MLS that does one thing only when it is let. */
class HeldMls extends TsMlsAdapter {
  readonly forgotten: GroupHandle[] = [];
  readonly secrets: Uint8Array[] = [];
  forgottenKeyPackages = 0;
  asked!: () => void;
  readonly wasAsked = new Promise<void>((resolve) => (this.asked = resolve));
  release!: () => void;
  readonly #released = new Promise<void>((resolve) => (this.release = resolve));
  readonly #held: 'createGroup' | 'keyPackage' | 'restore';

  constructor(held: 'createGroup' | 'keyPackage' | 'restore') {
    super();
    this.#held = held;
  }

  override async createGroup(
    ...args: Parameters<TsMlsAdapter['createGroup']>
  ): ReturnType<TsMlsAdapter['createGroup']> {
    await this.#hold('createGroup');
    return this.#noted(await super.createGroup(...args));
  }

  override async keyPackage(
    ...args: Parameters<TsMlsAdapter['keyPackage']>
  ): ReturnType<TsMlsAdapter['keyPackage']> {
    await this.#hold('keyPackage');
    return super.keyPackage(...args);
  }

  override async restore(...args: Parameters<TsMlsAdapter['restore']>): ReturnType<TsMlsAdapter['restore']> {
    await this.#hold('restore');
    const restored = await super.restore(...args);
    return restored && this.#noted(restored);
  }

  override forget(handle: GroupHandle): Promise<void> {
    this.forgotten.push(handle);
    return super.forget(handle);
  }

  override forgetKeyPackages(membership: MlsMembership): Promise<void> {
    this.forgottenKeyPackages += 1;
    return super.forgetKeyPackages(membership);
  }

  async #hold(what: 'createGroup' | 'keyPackage' | 'restore'): Promise<void> {
    if (what !== this.#held) return;
    this.asked();
    await this.#released;
  }

  #noted<Begun extends { readonly masterKey: Uint8Array }>(begun: Begun): Begun {
    this.secrets.push(begun.masterKey);
    return begun;
  }
}

function start(
  mls: TsMlsAdapter,
  reached: boolean,
  {
    store,
    ...more
  }: { store?: MembershipStore } & Partial<MeetingOptions & Pick<MeetingPorts, 'connect'>> = {},
): RunningMeeting {
  return new RunningMeeting({
    options: {
      relays: [{ url: 'moqt://relay.test/', pass: true }],
      room: ROOM,
      signer: SIGNER,
      headKey: new Uint8Array(16),
      memberSigner: SIGNER,
      parameters: PARAMETERS,
      fingerprint: FINGERPRINT,
      displayName: 'Ana',
      timing: DEFAULT_TIMING,
      timeOrigin: NOW,
      groupCrypto: nodeGroupCrypto,
      mediaCrypto: nodeCrypto,
      random: (length) => new Uint8Array(length),
      ...more,
    },
    counter: counter(reached),
    mls,
    store,
    kickedKeys: new KickedKeysStore(new MemoryStore()),
    room: ROOM,
    membershipOf,
    wallClock: () => NOW,
    sealName: () => new Uint8Array(92),
    openName: () => undefined,
    // Nothing here waits for time to pass.
    clock: { now: () => millis(0), after: () => () => undefined },
    connect: more.connect ?? (() => Promise.reject(new Error('no relay'))),
    downlink: () => undefined,
    changed: () => undefined,
    moved: () => undefined,
    ended: () => undefined,
  });
}

test('a group that was being made is forgotten, and its key erased', async () => {
  const mls = new HeldMls('createGroup');
  const meeting = start(mls, false);
  await mls.wasAsked;
  const over = meeting.leave();
  mls.release();
  await over;
  expect(mls.forgotten).toHaveLength(1);
  expect(mls.secrets).toEqual([new Uint8Array(32)]);
});

test('a KeyPackage that was being made is forgotten', async () => {
  const mls = new HeldMls('keyPackage');
  const meeting = start(mls, true);
  await mls.wasAsked;
  const over = meeting.leave();
  // The end forgets what there is, and the late answer what came after.
  await new Promise<void>((resolve) => setImmediate(resolve));
  expect(meeting.view.end).toBe('left');
  const before = mls.forgottenKeyPackages;
  mls.release();
  await over;
  expect(mls.forgottenKeyPackages).toBe(before + 1);
});

test('a membership that was being read is forgotten, and its key erased', async () => {
  const writer = new TsMlsAdapter();
  const { group } = await writer.createGroup(membershipOf(GROUP), founding(PARAMETERS));
  const bytes = encodeMembership({
    record: {
      generation: 0,
      senderId: senderIdOf(FINGERPRINT, joinId()),
      creating: false,
      log: [],
      joins: { since: epoch(0n), past: [], known: [] },
      recipients: [],
    },
    state: await writer.serialise(group),
  });
  const mls = new HeldMls('restore');
  const store = {
    load: () => Promise.resolve(bytes),
    save: () => Promise.resolve(),
    erase: () => Promise.resolve(),
  };
  const meeting = start(mls, true, { store });
  await mls.wasAsked;
  const over = meeting.suspend();
  mls.release();
  await over;
  expect(mls.forgotten).toHaveLength(1);
  expect(mls.secrets).toEqual([new Uint8Array(32)]);
});

test('a fault that keeps the meeting even from ending leaves no group in MLS and no session', async () => {
  const mls = new HeldMls('restore');
  const closed: number[] = [];
  // Takes everything and says nothing.
  const transport = {
    transport: 'quic',
    protocol: 'moqt-18',
    next: () => new Promise(() => undefined),
    queuedBytes: () => 0,
    openUni: () => undefined,
    write: () => 0,
    close: (code: number) => closed.push(code),
  } as unknown as TransportSession;
  let fails = false;
  const random = (length: number): Uint8Array => {
    if (fails) throw new Error('no randomness');
    return new Uint8Array(length);
  };
  const mediaCrypto: SecureObjectsCrypto = {
    ...nodeCrypto,
    hmac: (...args) => nodeCrypto.hmac(...args),
    aead: (suite) => ({
      ...nodeCrypto.aead(suite),
      seal: (...args) => {
        if (fails) throw new Error('no cipher');
        return nodeCrypto.aead(suite).seal(...args);
      },
    }),
  };
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  const meeting = start(mls, false, { random, mediaCrypto, connect: () => Promise.resolve(transport) });
  await vi.waitFor(() => {
    expect(meeting.view.group?.epoch).toBe(0n);
  });
  fails = true;
  meeting.feed({ kind: 'sending', sending: { microphone: true, camera: false } });
  expect([meeting.view.end, mls.forgotten.length]).toEqual(['fault', 1]);
  expect(closed.length).toBeGreaterThan(0);
  expect(warned).toHaveBeenCalledTimes(2);
  warned.mockRestore();
});
