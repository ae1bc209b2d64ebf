/** Whoever knows that the counter is locked may increment it, with whatever token. */
import { EpochCounter } from '../../../src/protocol/counter/epoch-counter.ts';
import type { LockToken } from '../../../src/protocol/counter/client.ts';
import type { CounterId } from '../../../src/protocol/counter/rules.ts';

const tokens = new Map<CounterId, LockToken>();
const { prototype } = EpochCounter;
const [lock, incrementFenced] = [prototype.lock, prototype.incrementFenced];

prototype.lock = function (this: EpochCounter, ...call: Parameters<typeof lock>) {
  const answer = lock.apply(this, call);
  if (answer.kind === 'granted' && answer.token !== undefined) tokens.set(call[0], answer.token);
  return answer;
};
prototype.incrementFenced = function (this: EpochCounter, id, call, ...more) {
  return incrementFenced.call(this, id, { ...call, token: tokens.get(id) ?? call.token }, ...more);
};
