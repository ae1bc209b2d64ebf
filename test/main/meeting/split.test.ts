/** A meeting that whoever runs relay and counter splits in two, with the real client, relays and counters. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createInvitation, readInvitation } from '../../../src/main/invitations.ts';
import { nodeGroupCrypto } from '../../../src/main/mls/node-group-crypto.ts';
import { encodeInvitation } from '../../../src/protocol/group/invitation.ts';
import { verifyHistory } from '../../../src/protocol/history/verify.ts';
import { historyVerifier } from '../../../src/services/verify/check.ts';
import { eventually, HeadlessMember } from '../../harness/meeting/headless-member.ts';
import { SplittingOperator, type Line } from '../../harness/meeting/splitting-operator.ts';

let operator: SplittingOperator;
const living: HeadlessMember[] = [];
beforeEach(async () => {
  operator = await SplittingOperator.start(3);
}, 300_000);
afterEach(async () => {
  await Promise.all(living.splice(0).map(({ meeting }) => meeting.suspend()));
  await operator.close();
});

/**
 * Lets people come, each by a line of its own: to one meeting.
 * @param other - URL of a relay beside that of the line.
 */
async function meet(names: readonly string[], other?: string): Promise<HeadlessMember[]> {
  const members: HeadlessMember[] = [];
  let link: string | undefined;
  for (const [at, name] of names.entries()) {
    const line = operator.lines[at];
    if (line === undefined) throw new Error('each has a line');
    link ??= createInvitation(line.servers, 'Split', 'classical');
    const member = new HeadlessMember(name, linkBy(line, link, other));
    members.push(member);
    living.push(member);
    await eventually(`${name} is in`, () => members.every(({ size }) => size === members.length), 240);
  }
  return members;
}

/** The same meeting, by the addresses of one line. */
function linkBy({ servers }: Line, link: string, other: string | undefined): string {
  const read = readInvitation(link);
  if (!read.ok) throw new Error(read.problem.sentence);
  const { relays, counter } = servers;
  const all = other === undefined ? relays : [...relays, { url: other, pass: true }];
  return encodeInvitation({ ...read.value, relays: all, counter }, nodeGroupCrypto);
}

const isAlarmed = ({ view }: HeadlessMember): boolean =>
  view.fork !== undefined && view.attention.has('equivocation');

test(
  'two that the operator has put into two meetings are both told, and stop, as soon as one member reaches both',
  { timeout: 1_200_000 },
  async () => {
    const [, cys, bos] = operator.lines;
    if (bos === undefined || cys === undefined) throw new Error('there are three');
    const members = await meet(['Ana', 'Cy', 'Bo']);
    const [ana, cy, bo] = members;
    if (ana === undefined || bo === undefined || cy === undefined) throw new Error('there are three');

    await operator.copyCounter();
    bos.counter('second');
    bos.relay('second');
    bo.meeting.woke();
    // Each half thinks that the other has gone, and goes on without it: nobody could tell that there are two.
    const isSplit = (): boolean => ana.size === 2 && cy.size === 2 && bo.size === 1;
    await eventually('each half goes on alone', isSplit, 240);
    expect(members.map(({ view }) => [...view.attention])).toEqual([[], [], []]);
    expect(bo.view.group?.securityCode).not.toBe(ana.view.group?.securityCode);
    for (const each of members) each.goLive();

    // Cy's network changes, so that it reaches the relay of the others; then it is where it was.
    cys.relay('second');
    cy.meeting.woke();
    await eventually('Bo is told, and Cy by Bo', () => isAlarmed(bo) && isAlarmed(cy), 240);
    cys.relay('first');
    cy.meeting.woke();
    await eventually('Ana is told by Cy', () => isAlarmed(ana), 240);

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

test(
  'two that the operator has put into two meetings are told by another relay of the invitation, though nothing passes at the first',
  { timeout: 1_200_000 },
  async () => {
    const other = await operator.startOther();
    const members = await meet(['Ana', 'Bo'], other);
    const [ana, bo] = members;
    const [, bos] = operator.lines;
    if (ana === undefined || bo === undefined || bos === undefined) throw new Error('there are two');
    await operator.copyCounter();
    bos.counter('second');
    bos.relay('second');
    bo.meeting.woke();
    await eventually('both are told', () => members.every(isAlarmed), 240);
    // Neither has left the operator's relay for it.
    expect(members.map(({ view }) => view.connection.relay)).not.toContain(other);
    for (const each of members) {
      each.goLive();
      expect(each.view.sending).toEqual({ microphone: false, camera: false });
    }
  },
);
