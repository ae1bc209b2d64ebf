/** A relay that repeats KeyPackages, of members and of who left, in each phase: the real client and counter. */
import { expect, test } from 'vitest';
import { createInvitation } from '../../../src/main/invitations.ts';
import type { InspectedKeyPackage } from '../../../src/main/mls/mls-port.ts';
import { TsMlsAdapter } from '../../../src/main/mls/ts-mls-adapter.ts';
import { encodeBase64Url } from '../../../src/protocol/bytes/base64url.ts';
import type { GroupHandle } from '../../../src/protocol/group/mls.ts';
import { Eavesdropper } from '../../harness/meeting/eavesdropper.ts';
import { Gathering } from '../../harness/meeting/gathering.ts';
import { eventually } from '../../harness/meeting/headless-member.ts';
import type { HeadlessMember, HeadlessOptions } from '../../harness/meeting/headless-member.ts';

const gathering = new Gathering({ kind: 'lawless' });
/** Who is to be in the meeting. */
const here: HeadlessMember[] = [];

/** MLS that tells what it found of the KeyPackages of others. */
class WatchedMls extends TsMlsAdapter {
  readonly found: InspectedKeyPackage[] = [];
  override async inspectKeyPackage(group: GroupHandle, bytes: Uint8Array): Promise<InspectedKeyPackage> {
    const verdict = await super.inspectKeyPackage(group, bytes);
    this.found.push(verdict);
    return verdict;
  }
}

const agree = (): boolean =>
  here.every(({ size, epoch }) => size === here.length && epoch === here[0]?.epoch);
async function enter(name: string, link: string, options: HeadlessOptions = {}): Promise<HeadlessMember> {
  const member = gathering.join(name, link, options);
  here.push(member);
  await eventually(`${name} is in`, agree, 60, () => gathering.state());
  return member;
}
const gone = (member: HeadlessMember): void => {
  here.splice(here.indexOf(member), 1);
};

test(
  'nobody is thrown out or comes back by KeyPackages that a relay repeats',
  { timeout: 300_000 },
  async () => {
    const link = createInvitation(gathering.services.servers, 'Repeated', 'classical');
    const ana = await enter('Ana', link);
    const relay = await Eavesdropper.listen(gathering.services.servers, link);
    const bo = await enter('Bo', link);
    const boId = bo.id ?? '';

    // After the Commit that used them: to those who know them, and to Cy, who does not.
    const cyMls = new WatchedMls();
    const cy = await enter('Cy', link, { mls: cyMls });
    expect(await relay.replayKeyPackages()).toBeGreaterThanOrEqual(2);
    await eventually('Cy has seen that of Bo', () => cyMls.found.some(({ kind }) => kind === 'answered'));
    const before = ana.epoch ?? 0n;

    // While somebody comes in: his own, and those of the members.
    const arrival = enter('Di', link);
    await relay.replayKeyPackages();
    const di = await arrival;
    await relay.replayKeyPackages();
    expect([ana.epoch, di.epoch]).toEqual([before + 1n, before + 1n]);
    expect(ana.participant(boId)?.joinedEpoch).toBe(1n);
    expect(here.map(({ view }) => view.end)).toEqual([undefined, undefined, undefined, undefined]);

    // After a leave: also to Ed, who never saw Bo and whom MLS tells that it could be added.
    gone(bo);
    await bo.meeting.leave();
    await eventually('Bo is out', agree);
    await relay.replayKeyPackages();
    const edMls = new WatchedMls();
    await enter('Ed', link, { mls: edMls });
    await relay.replayKeyPackages();
    const isBo = (verdict: InspectedKeyPackage): boolean =>
      verdict.kind === 'acceptable' &&
      verdict.signatureKey.join() === bo.identity.signatureKey.publicKey.join();
    await eventually('Ed has seen that of Bo', () => edMls.found.some(isBo));

    // After a kick.
    gone(cy);
    expect(ana.meeting.decide({ kind: 'kick', participant: cy.id ?? '' })).toBeUndefined();
    await eventually('Cy is out', () => agree() && cy.view.end === 'kicked');
    await relay.replayKeyPackages();
    const after = ana.epoch ?? 0n;
    // The kick has closed the door.
    const fay = enter('Fay', link);
    await ana.admit('Fay');
    await fay;
    expect(ana.epoch).toBe(after + 1n);
    const out = [bo, cy].map(({ identity }) => encodeBase64Url(identity.fingerprint));
    for (const member of here) for (const id of out) expect(member.participant(id)).toBeUndefined();

    // Who left comes back by itself, and is let in.
    await enter('Bo', link, { identity: bo.identity });
    relay.close();
  },
);
