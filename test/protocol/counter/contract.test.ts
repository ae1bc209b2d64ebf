import { randomBytes } from 'node:crypto';
import { ed25519Signer } from '../../../src/io/crypto/raw-keys.ts';
import { DEFAULT_TIMES } from '../../../src/protocol/counter/room.ts';
import { unixMillis } from '../../../src/protocol/units.ts';
import { freshSigner, LocalCounterClient } from '../../harness/counter/local-client.ts';
import { MemoryCounterStore } from '../../harness/counter/memory-store.ts';
import { describeCounter } from '../../services/counter/contract.ts';

describeCounter('rules over memory', () => {
  const signer = freshSigner();
  const room = ed25519Signer(new Uint8Array(randomBytes(32)));
  let now = 1_800_000_000_000;
  let store = new MemoryCounterStore();
  let backup = store;
  const clientOf = (held: MemoryCounterStore): LocalCounterClient =>
    new LocalCounterClient(held, signer, room, DEFAULT_TIMES, () => unixMillis(now));
  let client = clientOf(store);
  return Promise.resolve({
    get client() {
      return client;
    },
    publicKey: signer.publicKey,
    room: room.publicKey,
    times: DEFAULT_TIMES,
    advance: (ms) => {
      now += ms;
    },
    backUp: () => {
      backup = store.copy();
    },
    restore: () => {
      store = backup.copy();
      client = clientOf(store);
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  });
});
