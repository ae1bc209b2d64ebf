/** A meeting that whoever runs relay and counter splits in two, with the real client, relays and counters. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createInvitation, readInvitation } from '../../../src/main/invitations.ts';
import { nodeGroupCrypto } from '../../../src/main/mls/node-group-crypto.ts';
import { encodeInvitation } from '../../../src/protocol/group/invitation.ts';
import { verifyHistory } from '../../../src/protocol/history/verify.ts';
import { historyVerifier } from '../../../src/services/verify/check.ts';
import { eventually, HeadlessMember } from '../../harness/meeting/headless-member.ts';
import { SplittingOperator, type Line } from '../../harness/meeting/splitting-operator.ts';

let operator: SplittingOperator;
const members: HeadlessMember[] = [];
beforeAll(async () => {
  operator = await SplittingOperator.start(3);
}, 120_000);
afterAll(async () => {
  await Promise.all(members.map(({ meeting }) => meeting.suspend()));
  await operator.close();
});

/** The same meeting, by the addresses of one line. */
function linkBy({ servers }: Line, link: string): string {
  const read = readInvitation(link);
  if (!read.ok) throw new Error(read.problem.sentence);
  const { relays, counter } = servers;
  return encodeInvitation({ ...read.value, relays, counter }, nodeGroupCrypto);
}

const isAlarmed = ({ view }: HeadlessMember): boolean =>
  view.fork !== undefined && view.attention.has('equivocation');

test(
  'two that the operator has put into two meetings are both told, and stop, as soon as one member reaches both',
  { timeout: 600_000 },
  async () => {
    const [anas, bos, cys] = operator.lines;
    if (anas === undefined || bos === undefined || cys === undefined) throw new Error('there are three');
    const link = createInvitation(anas.servers, 'Split', 'classical');
    for (const [name, line] of [
      ['Ana', anas],
      ['Cy', cys],
      ['Bo', bos],
    ] as const) {
      const member = new HeadlessMember(name, linkBy(line, link));
      members.push(member);
      await eventually(`${name} is in`, () => members.every(({ size }) => size === members.length), 120);
    }
    const [ana, cy, bo] = members;
    if (ana === undefined || bo === undefined || cy === undefined) throw new Error('there are three');

    await operator.copyCounter();
    bos.counter('second');
    bos.relay('second');
    bo.meeting.woke();
    // Each half thinks that the other has gone, and goes on without it: nobody could tell that there are two.
    const isSplit = (): boolean => ana.size === 2 && cy.size === 2 && bo.size === 1;
    await eventually('each half goes on alone', isSplit, 120);
    expect(members.map(({ view }) => [...view.attention])).toEqual([[], [], []]);
    expect(bo.view.group?.securityCode).not.toBe(ana.view.group?.securityCode);
    for (const each of members) each.goLive();

    // Cy's network changes, so that it reaches the relay of the others; then it is where it was.
    cys.relay('second');
    cy.meeting.woke();
    await eventually('Bo is told, and Cy by Bo', () => isAlarmed(bo) && isAlarmed(cy), 120);
    cys.relay('first');
    cy.meeting.woke();
    await eventually('Ana is told by Cy', () => isAlarmed(ana), 120);

    for (const each of members) {
      each.goLive();
      expect(each.view.sending).toEqual({ microphone: false, camera: false });
      expect(each.meeting.decide({ kind: 'admission', admission: 'ask' })).toBe('split');
      const history = await each.keyHistory();
      if (history.kind !== 'history') throw new Error(history.sentence);
      const verdict = verifyHistory(history.text, historyVerifier);
      expect(verdict.kind === 'holds' ? verdict.report.fork?.epoch : verdict).toBe(each.view.fork?.epoch);
    }
  },
);
