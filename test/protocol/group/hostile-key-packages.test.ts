import { expect, test } from 'vitest';
import { fingerprintOf, senderIdOf, type SenderId } from '../../../src/protocol/group/names.ts';
import { nodeGroupCrypto as crypto } from '../../../src/main/mls/node-group-crypto.ts';
import { OneCoordinator } from './one-coordinator.ts';
import { joinId } from '../../harness/group/membership.ts';

/** How long a flood lasts, and how long one of its KeyPackages or Welcomes takes us. */
const FLOOD_MS = 20_000;
const EACH_MS = 5;

/** Somebody who asks to be let in. */
function joiner(one: OneCoordinator, name: number): { sender: SenderId; payload: Uint8Array } {
  const key = new Uint8Array(32).fill(name);
  const sender = senderIdOf(fingerprintOf(key, crypto), joinId());
  return { sender, payload: one.otherMls(key).makeKeyPackage().keyPackage };
}

test('KeyPackages that come faster than they can be looked at keep no Commit from being made', () => {
  let made = 0;
  const junk = (): void => {
    made += 1;
    const payload = new Uint8Array([made % 256, Math.floor(made / 256)]);
    one.feedMeanwhile({ kind: 'key-package', sender: new Uint8Array(0) as SenderId, payload });
  };
  const one: OneCoordinator = new OneCoordinator('fenced', {
    'inspect-key-package': () => {
      one.now += EACH_MS;
      if (one.now < FLOOD_MS) [0, 1].forEach(junk);
      return { kind: 'refused', reason: 'junk' };
    },
  });
  one.startAsMember();
  junk();
  one.input({ kind: 'update' });
  one.run(2 * FLOOD_MS);
  expect(made).toBeGreaterThan(1_000);
  expect(one.asked('stage')[0]?.at).toBeLessThan(2_000);
});

test('a joiner that asks again and again keeps no other one out', () => {
  const one: OneCoordinator = new OneCoordinator('fenced', {
    'republish-welcome': () => {
      one.now += EACH_MS;
      if (one.now < FLOOD_MS) one.feedMeanwhile({ kind: 'key-package', ...first });
      return undefined;
    },
  });
  one.startAsMember();
  const [first, second] = [joiner(one, 2), joiner(one, 3)];
  one.input({ kind: 'key-package', ...first });
  one.run(1_000);
  expect(one.epochs.at(-1)?.roster).toHaveLength(2);
  one.feedMeanwhile({ kind: 'key-package', ...first });
  one.feedMeanwhile({ kind: 'key-package', ...second });
  one.run(2 * FLOOD_MS);
  expect(one.asked('republish-welcome').length).toBeGreaterThan(1_000);
  expect(one.epochs.at(-1)?.roster).toHaveLength(3);
  expect(one.asked('stage').at(-1)?.at).toBeLessThan(5_000);
});

test('a Welcome is sent again for two minutes', () => {
  const one = new OneCoordinator('fenced');
  one.startAsMember();
  const first = joiner(one, 2);
  one.input({ kind: 'key-package', ...first });
  one.run(1_000);
  const sentAt = one.asked('publish-commit')[0]!.at;
  const again = (at: number): number => {
    one.run(sentAt + at - one.now);
    one.input({ kind: 'key-package', ...first });
    return one.asked('republish-welcome').length;
  };
  expect([again(2_000), again(119_999), again(120_000)]).toEqual([1, 2, 2]);
});
