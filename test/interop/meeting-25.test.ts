/** Twenty-five members of one meeting, driven by the app's own engine, over our relay and over an independent one. */
import { describe, expect, test } from 'vitest';
import { createInvitation } from '../../src/main/invitations.ts';
import { TsMlsAdapter } from '../../src/main/mls/ts-mls-adapter.ts';
import { eventually, HeadlessMember } from '../harness/meeting/headless-member.ts';
import { startServices, type RelayChoice } from '../harness/meeting/services.ts';
import { INSTALL, isInstalled } from './moq-relay-ietf.ts';

const MEMBERS = 25;
const SPEAK_EVERY_MS = 200;
/** Twenty-five members in one process, on a machine that is full: what never comes is what fails. */
const PATIENCE_S = 600;

const relays: readonly (readonly [string, RelayChoice['kind'] & ('ours' | 'moq-relay-ietf')])[] = [
  ['our relay', 'ours'],
  ['moq-relay-ietf 0.8.0', 'moq-relay-ietf'],
];

describe.each(relays)('twenty-five members over %s', (_name, kind) => {
  test.skipIf(kind === 'moq-relay-ietf' && !isInstalled && process.env.CONCLAVE_INTEROP === undefined)(
    'join, hear each other, leave and vanish',
    async () => {
      if (kind === 'moq-relay-ietf') expect(isInstalled, INSTALL).toBe(true);
      const services = await startServices({ kind });
      const mls = new TsMlsAdapter();
      const link = createInvitation(services.servers, 'Twenty-five', 'classical');
      const members: HeadlessMember[] = [];
      const states = (): string =>
        members
          .map(({ size, epoch, meeting }) => `${String(size)}@${String(epoch)}:${meeting.view.step}`)
          .join(' ');
      const agree = (present: readonly HeadlessMember[]): boolean =>
        present.every(({ size }) => size === present.length) &&
        new Set(present.map(({ meeting }) => meeting.view.group?.securityCode)).size === 1;
      const speak = setInterval(() => {
        for (const member of members) member.speak(Buffer.from(`${member.name} says something`));
      }, SPEAK_EVERY_MS);
      try {
        const host = new HeadlessMember('Member 0', link, { mls });
        members.push(host);
        await eventually('the meeting is open', () => host.size === 1, PATIENCE_S, states);
        for (let at = 1; at < MEMBERS; at += 1)
          members.push(new HeadlessMember(`Member ${String(at)}`, link, { mls }));
        await eventually('all are members', () => agree(members), PATIENCE_S, states);
        // Joins that come together go in one commit.
        expect(host.epoch).toBeLessThan(BigInt(MEMBERS));

        for (const member of members) member.goLive();
        const heardBy = (member: HeadlessMember): number =>
          members.filter((other) => other !== member && member.chunksFrom(other.id ?? '', 'audio').length > 0)
            .length;
        await eventually(
          'everybody hears everybody',
          () => members.every((member) => heardBy(member) === MEMBERS - 1),
          PATIENCE_S,
          () => members.map(heardBy).join(' '),
        );
        for (const member of members)
          for (const other of members)
            if (other !== member)
              expect(Buffer.from(member.chunksFrom(other.id ?? '', 'audio')[0] ?? []).toString()).toBe(
                `${other.name} says something`,
              );

        const leaving = members.splice(3, 4);
        await Promise.all(leaving.map(({ meeting }) => meeting.leave()));
        await eventually('those who left are removed', () => agree(members), PATIENCE_S, states);

        const [vanished] = members.splice(5, 1);
        await vanished?.meeting.suspend();
        await eventually('one that vanished is removed', () => agree(members), PATIENCE_S, states);
      } finally {
        clearInterval(speak);
        await Promise.all(members.map(({ meeting }) => meeting.leave()));
        await services.close();
      }
    },
    4 * PATIENCE_S * 1000,
  );
});
