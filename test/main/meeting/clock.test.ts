/** Machines whose clocks differ from the counter's by hours and days: they meet all the same, and are told. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createInvitation } from '../../../src/main/invitations.ts';
import { unixMillis } from '../../../src/protocol/units.ts';
import { eventually, HeadlessMember } from '../../harness/meeting/headless-member.ts';
import { startServices, type RunningServices } from '../../harness/meeting/services.ts';
import { startRunningCounter, type RunningCounter } from '../../services/counter/running-counter.ts';
import { encodeBase64Url } from '../../../src/protocol/bytes/base64url.ts';

const HOUR = 3_600_000;

let services: RunningServices;
let counter: RunningCounter;
/** By how much the counter is ahead of our clock. */
let ahead = 0;
beforeAll(async () => {
  services = await startServices();
  counter = await startRunningCounter({ now: () => unixMillis(Date.now() + ahead) });
});
afterAll(async () => {
  await counter.close();
  await services.close();
});

test.each([
  ['fast', -3 * HOUR],
  ['slow', 3 * HOUR],
  ['a month fast', -30 * 24 * HOUR],
  ['ten years slow', 87_660 * HOUR],
])(
  'whose clock is %s is in the meeting, and told so until the clock is right',
  async (_, by) => {
    ahead = by;
    const link = createInvitation(
      {
        ...services.servers,
        counter: counter.url,
        caPem: `${services.servers.caPem}\n${counter.certificate.caPem}`,
        receiptKey: encodeBase64Url(counter.publicKey),
      },
      'Clocks',
      'classical',
    );
    const first = new HeadlessMember('Ana', link);
    await eventually('Ana is in', () => first.size === 1);
    const second = new HeadlessMember('Bo', link);
    const people = [first, second];
    await eventually('both are in', () => people.every(({ size }) => size === 2), 40);
    expect(people.map(({ view }) => view.clockOffset)).toEqual([-by, -by]);
    ahead = 0;
    await eventually('nothing is said of the clock', () =>
      people.every(({ view }) => view.clockOffset === undefined),
    );
    for (const { meeting } of people) await meeting.leave();
    expect(counter.faults).toEqual([]);
  },
  120_000,
);
