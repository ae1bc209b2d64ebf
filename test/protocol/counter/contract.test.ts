import { millis, unixMillis } from '../../../src/protocol/units.ts';
import { freshSigner, LocalCounterClient } from '../../harness/counter/local-client.ts';
import { MemoryCounterStore } from '../../harness/counter/memory-store.ts';
import { describeCounter } from '../../services/counter/contract.ts';

describeCounter('rules over memory', () => {
  const signer = freshSigner();
  const lockTtlMs = millis(10_000);
  let now = 1_800_000_000_000;
  let store = new MemoryCounterStore();
  let backup = store;
  const clientOf = (held: MemoryCounterStore): LocalCounterClient =>
    new LocalCounterClient(held, signer, lockTtlMs, () => unixMillis(now));
  let client = clientOf(store);
  return Promise.resolve({
    get client() {
      return client;
    },
    publicKey: signer.publicKey,
    lockTtlMs,
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
