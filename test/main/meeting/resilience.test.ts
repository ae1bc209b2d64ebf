/** Meetings through real services in which something dies. All cases run side by side: they mostly wait. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createInvitation, readInvitation } from '../../../src/main/invitations.ts';
import { nodeGroupCrypto } from '../../../src/main/mls/node-group-crypto.ts';
import { MemoryStore } from '../../../src/main/storage/memory-store.ts';
import { classifyTrack, groupNameOf, type GroupName } from '../../../src/protocol/group/names.ts';
import { roomKeysOf } from '../../../src/protocol/group/room-keys.ts';
import { Eavesdropper } from '../../harness/meeting/eavesdropper.ts';
import { FileStore } from '../../harness/meeting/file-store.ts';
import { eventually, HeadlessMember, identityOfSeed } from '../../harness/meeting/headless-member.ts';
import { startServices, type RunningServices } from '../../harness/meeting/services.ts';

const MEMBER_PROCESS = join(import.meta.dirname, '../../harness/meeting/member-process.ts');

let services: RunningServices;
const living = new Set<HeadlessMember>();
const talking = setInterval(() => {
  for (const member of living) member.speak(Buffer.from(`${member.name} speaks`));
}, 50);
beforeAll(async () => {
  services = await startServices();
});
afterAll(async () => {
  clearInterval(talking);
  await Promise.all([...living].map(({ meeting }) => meeting.suspend()));
  await services.close();
});

const invite = (title: string, keys: 'classical' | 'post-quantum' = 'classical'): string =>
  createInvitation(services.servers, title, keys);

function enter(...args: ConstructorParameters<typeof HeadlessMember>): HeadlessMember {
  const member = new HeadlessMember(...args);
  living.add(member);
  return member;
}

const agree = (...members: readonly HeadlessMember[]): boolean =>
  members.every(({ size }) => size === members.length) &&
  new Set(members.map(({ meeting }) => meeting.view.group?.securityCode)).size === 1;

const states =
  (...members: readonly HeadlessMember[]) =>
  (): string =>
    members
      .map(({ name, size, epoch, meeting }) =>
        [name, size, epoch, meeting.view.step, meeting.view.connection.kind, meeting.view.end]
          .map(String)
          .join(':'),
      )
      .join(' ');

const heard = (by: HeadlessMember, whom: string): number => by.chunksFrom(whom, 'audio').length;

/** Opens a meeting and lets the others in; all are live. */
async function meet(link: string, ...names: readonly string[]): Promise<HeadlessMember[]> {
  const members: HeadlessMember[] = [];
  for (const name of names) {
    members.push(enter(name, link));
    await eventually(`${name} is in`, () => agree(...members), 60, states(...members));
  }
  for (const member of members) member.goLive();
  return members;
}

function groupOf(link: string): GroupName {
  const read = readInvitation(link);
  if (!read.ok) throw new Error(read.problem.sentence);
  return groupNameOf(roomKeysOf(read.value.secret, nodeGroupCrypto).room, 0, nodeGroupCrypto);
}

test.concurrent(
  'a relay that dies: members come back to it, keep their group, and hear each other again',
  async () => {
    const own = await startServices();
    try {
      const [ana, bo] = await meet(createInvitation(own.servers, 'Relay', 'classical'), 'Ana', 'Bo');
      if (ana === undefined || bo === undefined) throw new Error('two members');
      const [anaId = '', boId = ''] = [ana.id, bo.id];
      await eventually('they talk', () => heard(ana, boId) > 5 && heard(bo, anaId) > 5);
      const { epoch } = ana;
      await own.killRelay();
      await eventually('both notice', () =>
        [ana, bo].every(({ meeting }) => meeting.view.connection.kind === 'connecting'),
      );
      await own.restartRelay();
      const before = [heard(ana, boId), heard(bo, anaId)];
      await eventually(
        'they talk again',
        () => heard(ana, boId) > (before[0] ?? 0) + 5 && heard(bo, anaId) > (before[1] ?? 0) + 5,
        30,
        states(ana, bo),
      );
      expect([ana.epoch, bo.epoch, ana.size, bo.size]).toEqual([epoch, epoch, 2, 2]);
    } finally {
      await own.close();
    }
  },
  120_000,
);

test.concurrent(
  'a member that dies and comes back within its grace: same leaf, new tracks, heard at once',
  async () => {
    const link = invite('Comes back');
    const folder = join(services.folder, 'comes-back');
    const seed = randomBytes(32).toString('hex');
    const [ana] = await meet(link, 'Ana');
    if (ana === undefined) throw new Error('a member');
    const spy = await Eavesdropper.listen(services.servers, link);
    const child = await startMember('Bo', link, folder, seed);
    await eventually('Bo is in', () => ana.size === 2, 60);
    const boId = idOfOther(ana);
    await eventually('Bo is heard', () => heard(ana, boId) > 5, 30);
    const { epoch } = ana;
    const leaf = leafOf(ana, boId);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    const before = heard(ana, boId);

    const bo = enter('Bo', link, { identity: identityOfSeed(seed), store: new FileStore(folder) });
    await eventually('Bo resumes', () => bo.size === 2, 30, states(bo));
    bo.goLive();
    await eventually('Bo is heard again', () => heard(ana, boId) > before + 5, 15, states(ana, bo));
    // Nobody had to commit anything: the membership is the same.
    expect([ana.epoch, bo.epoch, bo.meeting.view.group?.ownLeaf]).toEqual([epoch, epoch, leaf]);
    const instances = new Set(
      spy.tracks.flatMap((track) => {
        const known = classifyTrack(groupOf(link), track);
        const bos = known.kind === 'media' && Buffer.from(known.instance).toString().startsWith('audio.');
        return bos ? [Buffer.from(known.instance).toString()] : [];
      }),
    );
    // Ana's, and one for each time that Bo was there.
    expect(instances.size).toBe(3);
    spy.close();
  },
  120_000,
);

test.concurrent(
  'a member that lost its store joins again in the place of its old leaf',
  async () => {
    const link = invite('Lost its state');
    const identity = identityOfSeed(randomBytes(32).toString('hex'));
    const [ana, cy] = await meet(link, 'Ana', 'Cy');
    if (ana === undefined || cy === undefined) throw new Error('two members');
    const first = enter('Bo', link, { identity });
    await eventually('Bo is in', () => agree(ana, cy, first), 60, states(ana, first));
    const boId = first.id ?? '';
    first.goLive();
    await eventually('Bo is heard', () => heard(ana, boId) > 0 && heard(cy, boId) > 0);
    living.delete(first);
    await first.meeting.suspend();

    const bo = enter('Bo', link, { identity });
    await eventually('Bo is in once', () => agree(ana, cy, bo), 60, states(ana, cy, bo));
    bo.goLive();
    const before = [heard(ana, boId), heard(cy, boId)];
    await eventually(
      'both hear Bo',
      () => heard(ana, boId) > (before[0] ?? 0) + 5 && heard(cy, boId) > (before[1] ?? 0) + 5,
      20,
      states(ana, cy, bo),
    );
  },
  120_000,
);

test.concurrent(
  'a member that is kicked is told, and its key is refused',
  async () => {
    const link = invite('Kick');
    const [ana, bo] = await meet(link, 'Ana', 'Bo');
    if (ana === undefined || bo === undefined) throw new Error('two members');
    const boId = bo.id ?? '';
    expect(ana.meeting.decide({ kind: 'kick', participant: boId })).toBeUndefined();
    await eventually('Bo is told', () => bo.meeting.view.end !== undefined, 20, states(ana, bo));
    expect(bo.meeting.view.end).toBe('kicked');
    await eventually('Bo is gone', () => ana.size === 1);
    expect(ana.meeting.decide({ kind: 'kick', participant: boId })).toBe('not-there');
    const again = enter('Bo', link, { identity: bo.identity });
    await eventually('Ana hears of it', () => ana.meeting.view.attention.has('kicked-asks'), 20, states(ana));
    expect([ana.size, again.size]).toEqual([1, 0]);
  },
  90_000,
);

test.concurrent(
  'three members agree on keys of X-Wing and hear each other',
  async () => {
    const [ana, bo, cy] = await meet(invite('X-Wing', 'post-quantum'), 'Ana', 'Bo', 'Cy');
    if (ana === undefined || bo === undefined || cy === undefined) throw new Error('three members');
    expect(cy.meeting.view.group?.suite).toBe(0x0053);
    await eventually('all hear all', () =>
      [ana, bo, cy].every((by) =>
        [ana, bo, cy].every((other) => other === by || heard(by, other.id ?? '') > 0),
      ),
    );
  },
  90_000,
);

test.concurrent(
  'a counter that knows the draft’s two calls only is enough',
  async () => {
    const link = createInvitation({ ...services.servers, mode: 'plain' }, 'Plain', 'classical');
    const [ana, bo, cy] = await meet(link, 'Ana', 'Bo', 'Cy');
    if (ana === undefined || bo === undefined || cy === undefined) throw new Error('three members');
    expect(cy.meeting.view.group?.parameters.mode).toBe('plain');
    await eventually('Cy is heard', () => heard(ana, cy.id ?? '') > 0 && heard(bo, cy.id ?? '') > 0);
    await cy.meeting.leave();
    living.delete(cy);
    // Far sooner than a silent member would be.
    await eventually('Cy is removed', () => agree(ana, bo), 10, states(ana, bo));
  },
  90_000,
);

test.concurrent(
  'a membership that ended and is taken up in one process has new tracks',
  async () => {
    const link = invite('Same process');
    const identity = identityOfSeed(randomBytes(32).toString('hex'));
    const store = new MemoryStore();
    const spy = await Eavesdropper.listen(services.servers, link);
    const first = new HeadlessMember('Ana', link, { identity, store });
    await eventually('Ana is in', () => first.size === 1, 60);
    await eventually('her tracks come', () => spy.tracks.some(isControl(link)));
    const { epoch } = first;
    await first.meeting.suspend();
    const second = enter('Ana', link, { identity, store });
    await eventually('Ana resumes', () => second.size === 1, 60);
    await eventually('they come anew', () => spy.tracks.filter(isControl(link)).length >= 2);
    expect(second.epoch).toBe(epoch);
    const names = spy.tracks
      .filter(isControl(link))
      .map((track) => Buffer.concat(track.namespace).toString());
    expect(new Set(names).size).toBe(2);
    spy.close();
  },
  60_000,
);

const isControl =
  (link: string) =>
  (track: Parameters<typeof classifyTrack>[1]): boolean =>
    classifyTrack(groupOf(link), track).kind === 'control';

function idOfOther(member: HeadlessMember): string {
  return member.group?.participants.find(({ self }) => !self)?.id ?? '';
}

function leafOf(member: HeadlessMember, id: string): number | undefined {
  return member.participant(id)?.member.leaf;
}

/** Starts a member's process. @returns it, once it is a member. */
async function startMember(...args: readonly string[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--import', 'tsx', MEMBER_PROCESS, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', () => {
      resolve();
    });
    child.once('exit', () => {
      reject(new Error('the member ended before it was in'));
    });
  });
  return child;
}
