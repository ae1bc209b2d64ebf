import { randomBytes } from 'node:crypto';
import { ed25519Signer } from '../../../src/io/crypto/raw-keys.ts';
import type { ReceiptWait } from '../../../src/protocol/counter/epoch-counter.ts';
import { DEFAULT_TIMES } from '../../../src/protocol/counter/room.ts';
import { millis, unixMillis } from '../../../src/protocol/units.ts';
import { freshSigner, LocalCounterClient } from '../../harness/counter/local-client.ts';
import { MemoryCounterStore } from '../../harness/counter/memory-store.ts';
import { describeCounter } from '../../services/counter/contract.ts';
import type { CounterUnderTest } from '../../services/counter/contract.ts';
import { describeRestoredCounter } from '../../services/counter/restored-contract.ts';

/** The rules over memory, on a clock of the test. */
function start(): Promise<CounterUnderTest> {
  const signer = freshSigner();
  const room = ed25519Signer(new Uint8Array(randomBytes(32)));
  let now = 1_800_000_000_000;
  let store = new MemoryCounterStore();
  let backup = store;
  const clientOf = (held: MemoryCounterStore, wait?: ReceiptWait): LocalCounterClient =>
    new LocalCounterClient(held, signer, room, DEFAULT_TIMES, () => unixMillis(now), wait);
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
    restore: (isSaid = false) => {
      store = backup.copy();
      const end = now + DEFAULT_TIMES.leaseMs;
      client = clientOf(store, () => (isSaid && now < end ? millis(end - now) : undefined));
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  });
}

describeCounter('rules over memory', start);
describeRestoredCounter('rules over memory', start);
