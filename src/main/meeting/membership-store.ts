/** Answers the meeting's asks of the store: one room's membership, MLS state and record together. */
import { groupNameOf, type GroupName } from '../../protocol/group/names.ts';
import type { RoomKey } from '../../protocol/group/room-keys.ts';
import { decodeMembership, encodeMembership } from '../../protocol/meeting/membership-codec.ts';
import type { LoadAnswer, StoreAsk, WriteAnswer } from '../../protocol/meeting/effects.ts';
import type { KickedKeysStore } from '../kicked-keys.ts';
import type { MlsMembership, MlsPort } from '../mls/mls-port.ts';
import { nodeGroupCrypto } from '../mls/node-group-crypto.ts';

/** Where one membership rests; the bytes hold secrets, so whoever implements this seals them. */
export interface MembershipStore {
  load(): Promise<Uint8Array | undefined>;
  /** Resolves when the bytes survive a crash. */
  save(bytes: Uint8Array): Promise<void>;
  erase(): Promise<void>;
}

/** What the asks are answered with. */
export interface StoreAskPorts {
  readonly mls: MlsPort;
  /** Undefined for guests, who keep nothing. */
  readonly store: MembershipStore | undefined;
  readonly kickedKeys: KickedKeysStore;
  readonly room: RoomKey;
  readonly membershipOf: (group: GroupName) => MlsMembership;
}

/** Answers one ask. Rejects for faults of our own only; a store that fails is an answer. */
export async function answerStoreAsk(ask: StoreAsk, ports: StoreAskPorts): Promise<LoadAnswer | WriteAnswer> {
  const { store, mls, kickedKeys, room } = ports;
  switch (ask.kind) {
    case 'load':
      return load(ports);
    case 'save': {
      if (store === undefined) return 'written';
      const state = await mls.serialise(ask.handle);
      const bytes = encodeMembership({ record: ask.record, state });
      state.fill(0);
      try {
        return await outcomeOf(store.save(bytes));
      } finally {
        bytes.fill(0);
      }
    }
    case 'remember-kicked':
      return outcomeOf(kickedKeys.remember(room, ask.keys));
    case 'erase':
      return store === undefined ? 'written' : outcomeOf(store.erase());
  }
}

/** Erases a membership that nobody takes any more, since the meeting ended before it was read. */
export async function discardStoreAnswer(
  answer: LoadAnswer | WriteAnswer,
  { mls }: StoreAskPorts,
): Promise<void> {
  if (typeof answer !== 'object' || answer.restored === undefined) return;
  const { masterKey, handle } = answer.restored;
  masterKey.fill(0);
  await mls.forget(handle);
}

async function outcomeOf(write: Promise<void>): Promise<WriteAnswer> {
  try {
    await write;
    return 'written';
  } catch {
    // Why it failed is the disk's business; that it failed is what people are told.
    return 'failed';
  }
}

async function load(ports: StoreAskPorts): Promise<LoadAnswer> {
  return { kickedKeys: await ports.kickedKeys.of(ports.room), restored: await restore(ports) };
}

async function restore({ store, mls, room, membershipOf }: StoreAskPorts): Promise<LoadAnswer['restored']> {
  const bytes = await store?.load();
  const saved = bytes && decodeMembership(bytes);
  bytes?.fill(0);
  if (saved === undefined) return undefined;
  const group = groupNameOf(room, saved.record.generation, nodeGroupCrypto);
  const restored = await mls.restore(membershipOf(group), saved.state);
  saved.state.fill(0);
  if (restored === undefined) return undefined;
  const { group: handle, ...rest } = restored;
  return { record: saved.record, handle, ...rest };
}
