/** Attacks on meetings, by whoever may make them, with the real client, relay and counter. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HttpsCounterClient } from '../../../src/io/counter/counter-client.ts';
import { createInvitation } from '../../../src/main/invitations.ts';
import { epoch } from '../../../src/protocol/units.ts';
import { eventually, HeadlessMember } from '../../harness/meeting/headless-member.ts';
import { startServices, type RunningServices } from '../../harness/meeting/services.ts';

let services: RunningServices;
const living: HeadlessMember[] = [];
beforeAll(async () => {
  services = await startServices();
}, 60_000);
afterAll(async () => {
  await Promise.all(living.map(({ meeting }) => meeting.suspend()));
  await services.close();
});

async function enter(name: string, link: string): Promise<HeadlessMember> {
  const member = new HeadlessMember(name, link);
  living.push(member);
  const all = [...living];
  await eventually(`${name} is in`, () => all.every(({ size }) => size === all.length), 60);
  return member;
}

test(
  'junk increment: who knows the name of the group and the counter cannot end the meeting',
  { timeout: 180_000 },
  async () => {
    const link = createInvitation(services.servers, 'Attacked', 'classical');
    const ana = await enter('Ana', link);
    await enter('Bo', link);
    const group = ana.meeting.view.group?.group ?? new Uint8Array(0);

    // The two calls of the attack, as the first version granted them.
    const { counter, caPem = '' } = services.servers;
    const attacker = new HttpsCounterClient({ url: counter, trust: { kind: 'ca', caPem } });
    const val = epoch((ana.epoch ?? 0n) + 1n);
    const lock = await attacker.lock(group, { mode: 'fenced', val, nonce: new Uint8Array(randomBytes(16)) });
    if (lock.kind === 'granted' && lock.token !== undefined) {
      const junk = new Uint8Array(randomBytes(200));
      const [transcript, nextKey] = [new Uint8Array(32), new Uint8Array(32)];
      await attacker.increment(group, {
        mode: 'fenced',
        val,
        token: lock.token,
        commit: junk,
        transcript,
        nextKey,
      });
    }
    attacker.close();

    // The meeting goes on where it was, and the next keys are those of the next member.
    await enter('Cy', link);
    expect(living.map(({ meeting }) => meeting.view.group?.group)).toEqual([group, group, group]);
    expect(living.map(({ epoch: of }) => of)).toEqual([val, val, val]);
    expect(lock).toMatchObject({ kind: 'refused', status: 403 });
  },
);
