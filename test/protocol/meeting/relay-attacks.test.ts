/** What somebody who reaches the relay, or has the link too, can do to a meeting: real members, the real relay and the counter's rules. */
import { describe, expect, test } from 'vitest';
import {
  commitTrack,
  groupNameOf,
  groupNamespace,
  type GroupName,
} from '../../../src/protocol/group/names.ts';
import { mlsObject } from '../../../src/protocol/meeting/short-publication.ts';
import { RequestErrorCode } from '../../../src/protocol/moqt/codes.ts';
import { groupId, objectId, subgroupId } from '../../../src/protocol/moqt/model.ts';
import type { FullTrackName, MoqtObject } from '../../../src/protocol/moqt/model.ts';
import { decodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import { at, object } from '../../harness/moqt/names.ts';
import { Intruder, passOf } from '../../harness/simulation/intruder.ts';
import { meet, meetLive } from '../../harness/simulation/meet.ts';
import {
  RELAY,
  RELAY_AUTHORITY,
  SimulatedMeeting,
  type SimulatedMember,
} from '../../harness/simulation/simulated-meeting.ts';
import { fakeCrypto } from '../../harness/group/simulation.ts';
import { makeRelayPass } from '../../../src/protocol/group/relay-pass.ts';
import type { RoomKey } from '../../../src/protocol/group/room-keys.ts';
import type { RequestId } from '../../../src/protocol/moqt/model.ts';
import { epoch } from '../../../src/protocol/units.ts';
import { meetingTracks } from '../../../src/services/relay/meeting-tracks.ts';
import type { AuthorizationToken, RequestRefusal } from '../../../src/protocol/moqt/session-api.ts';
import type { AccessPolicy, SessionAccess } from '../../../src/protocol/relay/policy.ts';
import { passAccess } from '../../../src/services/relay/pass-access.ts';

function groupOf(member: SimulatedMember | undefined): GroupName {
  if (member?.group === undefined) throw new Error('nobody is in a group');
  return member.group.group;
}

/** Whether what `speaker` says from now on reaches `listener` within a second. */
function isHeard(world: SimulatedMeeting, speaker: SimulatedMember, listener: SimulatedMember): boolean {
  const before = listener.got(speaker, 'audio').length;
  for (let spoken = 0; spoken < 50; spoken += 1) {
    speaker.speak(`${speaker.name} at ${String(world.agenda.now)}`);
    world.pass(20);
  }
  return listener.got(speaker, 'audio').length > before + 25;
}

/** All tracks of the meeting, as whoever may read there learns them. */
function tracksOf(intruder: Intruder, group: GroupName): FullTrackName[] {
  intruder.session.subscribeTracks(groupNamespace(group), { forward: false });
  intruder.run();
  return intruder.requests('publish').map(({ track }) => track);
}

const OPEN = { forward: true, description: {} } as const;

const isOwn = ({ namespace }: FullTrackName): boolean => {
  const kind = namespace[1] && decodeUtf8(namespace[1]);
  return kind === 'media' || kind === 'control' || kind === 'keypackages';
};

test('a second publisher neither mutes a member nor has it barred as malformed', () => {
  const world = new SimulatedMeeting();
  const [ana, bo] = meetLive(world, 'Ana', 'Bo');
  if (ana === undefined || bo === undefined) throw new Error('nobody came');
  expect(isHeard(world, ana, bo)).toBe(true);
  const intruder = new Intruder(world, passOf(world));
  const taken = tracksOf(intruder, groupOf(ana)).filter(isOwn);
  // Control, catalog, sound and pictures of both, and the track of the KeyPackage of the one who joined.
  expect(taken).toHaveLength(9);
  for (const track of taken) {
    const id = intruder.publish(track);
    intruder.send(id, ...Array.from({ length: 100 }, (_, ahead) => object(ahead, 0, 'junk')));
    expect(intruder.refusal(id)).toBe(RequestErrorCode.UNINTERESTED);
  }
  expect(isHeard(world, ana, bo)).toBe(true);
  expect(isHeard(world, bo, ana)).toBe(true);
  expect(world.relay?.statistics().tracksMalformed).toBe(0);
});

test('the tracks of a member that lost the relay are not taken by whoever waits for that', () => {
  const world = new SimulatedMeeting();
  const [ana, bo] = meetLive(world, 'Ana', 'Bo');
  if (ana === undefined || bo === undefined) throw new Error('nobody came');
  const intruder = new Intruder(world, passOf(world));
  const group = groupOf(ana);
  const known = tracksOf(intruder, group).filter(isOwn);
  world.cut(ana, 8_000);
  const { connection } = ana.view;
  expect(connection.kind).toBe('connected');
  world.until('Ana has lost the relay', () => ana.view.connection.kind !== 'connected');
  for (const track of known) intruder.publish(track);
  world.until('Ana is back', () => ana.view.connection.kind === 'connected');
  world.until('Ana is heard again', () => isHeard(world, ana, bo), 10_000);
  expect(isHeard(world, bo, ana)).toBe(true);
});

test('junk at the locations of the next Commits keeps nobody from joining or leaving', () => {
  const world = new SimulatedMeeting();
  const [ana, bo] = meetLive(world, 'Ana', 'Bo');
  if (ana === undefined || bo === undefined) throw new Error('nobody came');
  const intruder = new Intruder(world, passOf(world));
  const commits = intruder.publish(commitTrack(groupOf(ana)));
  expect(intruder.refusal(commits)).toBeUndefined();
  const ahead = Array.from({ length: 20 }, (_, by) => (ana.epoch ?? 0n) + BigInt(by + 1));
  intruder.send(
    commits,
    ...ahead.flatMap((next) =>
      [0, 1, 2, 3].map((id) => mlsObject(next, id, new TextEncoder().encode('junk'))),
    ),
  );
  const cy = world.join('Cy');
  world.until('Cy is in', () => world.agree([ana, bo, cy]), 30_000);
  bo.feed({ kind: 'leave' });
  world.until('Bo is out', () => world.agree([ana, cy]), 30_000);
  expect(world.relay?.statistics().tracksMalformed).toBe(0);
  expect(world.broken).toEqual([]);
});

describe('whoever has the link keeps no Commit at the relay from anybody by', () => {
  type Disturbance = (intruder: Intruder, commits: RequestId, next: bigint, track: FullTrackName) => void;

  /** How long it takes that three people come in, one after the other. */
  function timeToJoin(disturb: Disturbance): number {
    const world = new SimulatedMeeting();
    const [ana] = meetLive(world, 'Ana', 'Bo');
    // A relay that has just begun waits for what publishers had before it did.
    world.pass(10_000);
    const intruder = new Intruder(world, passOf(world));
    const track = commitTrack(groupOf(ana));
    const commits = intruder.publish(track);
    expect(intruder.refusal(commits)).toBeUndefined();
    disturb(intruder, commits, (ana?.epoch ?? 0n) + 1n, track);
    intruder.run();
    const before = world.agenda.now;
    meet(world, 'Cy', 'Di', 'Ed');
    const took = world.agenda.now - before;
    expect(world.broken).toEqual([]);
    return took;
  }

  const status = (group: bigint, id: number, what: 'end-of-group' | 'end-of-track'): MoqtObject => ({
    ...mlsObject(group, id, new Uint8Array(0)),
    content: { kind: 'status', status: what },
  });
  const eachEpoch = (next: bigint, attack: (epochNumber: bigint) => void): void => {
    for (let ahead = 0n; ahead < 10n; ahead += 1n) attack(next + ahead);
  };

  const attacks: readonly [string, Disturbance][] = [
    [
      'ending the track',
      ({ session }, id) => {
        session.sendSingleObject(id, status(0n, 7, 'end-of-track'), false);
      },
    ],
    [
      'ending its groups',
      ({ session }, id, next) => {
        eachEpoch(next, (group) => {
          session.sendSingleObject(id, status(group, 0, 'end-of-group'), false);
        });
      },
    ],
    [
      'beginning its subgroups with another priority',
      ({ session }, id, next) => {
        eachEpoch(next, (group) => {
          const junk = { ...object(0, 9, 'junk'), location: { ...at(0, 9), group: groupId(group) } };
          session.openSubgroup(id, {
            group: junk.location.group,
            subgroup: subgroupId(0n),
            publisherPriority: 200,
            endOfGroup: true,
            firstObject: true,
          });
          session.writeObject(id, { ...junk, publisherPriority: 200 });
        });
      },
    ],
    [
      'saying what it has of the track, and giving nothing',
      ({ session }, id, next, track) => {
        session.publishDone(id, 0, '');
        const largest = { group: groupId(next + 20n), object: objectId(0n) };
        // OBJECT_DELIVERY_TIMEOUT (0x02) and MAX_CACHE_DURATION (0x04): 1 ms each.
        const properties = Uint8Array.of(0x02, 0x01, 0x02, 0x01);
        session.publish(track, { forward: true, description: { largest, properties } });
      },
    ],
  ];

  test.each(attacks)('%s', (_, attack) => {
    expect(timeToJoin(attack)).toBe(timeToJoin(() => undefined));
  });
});

test('junk ahead of the live edge hides no Commit from whoever comes later, or comes back', () => {
  const world = new SimulatedMeeting();
  const [ana, bo] = meetLive(world, 'Ana', 'Bo');
  if (ana === undefined || bo === undefined) throw new Error('nobody came');
  const intruder = new Intruder(world, passOf(world));
  const commits = intruder.publish(commitTrack(groupOf(ana)));
  const far = [1_000n, 1n << 40n, (1n << 62n) - 1n];
  intruder.send(commits, ...far.map((group) => mlsObject(group, 0, new Uint8Array(9))));
  // Cy learns of the junk with the track; the Commit that lets Di in comes below it.
  const cy = world.join('Cy');
  world.until('Cy is in', () => world.agree());
  const epochBefore = cy.epoch ?? 0n;
  const di = world.join('Di');
  world.until('Di is in', () => world.agree(), 5_000);
  expect(cy.epoch).toBe(epochBefore + 1n);
  world.cut(bo, 8_000);
  world.until('Bo has lost the relay', () => bo.view.connection.kind !== 'connected');
  world.until('Bo is back', () => world.agree([ana, bo, cy, di]), 20_000);
  world.join('Ed');
  world.until('Ed is in', () => world.agree(), 5_000);
  expect(world.broken).toEqual([]);
});

test.each([6, 40])('%i fake instances of each of its tracks do not push a member out', (count) => {
  const world = new SimulatedMeeting();
  const [ana, bo] = meetLive(world, 'Ana', 'Bo');
  if (ana === undefined || bo === undefined) throw new Error('nobody came');
  expect(isHeard(world, ana, bo)).toBe(true);
  const intruder = new Intruder(world, passOf(world));
  const known = tracksOf(intruder, groupOf(ana)).filter(({ namespace }) => namespace.length === 4);
  for (const { namespace, name } of known) {
    const [instance = new Uint8Array(0)] = namespace.slice(-1);
    for (let fake = 0; fake < count; fake += 1) {
      const other = instance.slice();
      // The last character of base64url, another for each.
      other.set(Buffer.from(fake.toString(36).padStart(2, '0')), other.length - 3);
      const id = intruder.session.publish({ namespace: [...namespace.slice(0, -1), other], name }, OPEN);
      intruder.run();
      intruder.send(id, object(0, 0, 'junk'));
    }
  }
  // Bo had said nothing before: all that was known of its sound was a name.
  expect(isHeard(world, ana, bo)).toBe(true);
  expect(isHeard(world, bo, ana)).toBe(true);
  // Cy is offered all of them at once.
  const cy = world.join('Cy');
  world.until('Cy is in', () => world.agree());
  for (const whom of [ana, bo]) world.until(`Cy hears ${whom.name}`, () => isHeard(world, whom, cy), 10_000);
  // Whose control track was pushed out would count as silent by now.
  world.pass(13_000);
  for (const by of [ana, bo, cy])
    expect(by.group?.participants.map(({ leaving }) => leaving)).toEqual([false, false, false]);
});

test('whoever announces everything, or asks for everything, is told no name', () => {
  const world = new SimulatedMeeting();
  const intruder = new Intruder(world, passOf(world));
  const announced = intruder.session.publishNamespace([]);
  const asked = [
    intruder.session.subscribeNamespace([]),
    intruder.session.subscribeTracks([], { forward: false }),
  ];
  intruder.run();
  meetLive(world, 'Ana', 'Bo');
  // A track that its publisher has left and that somebody still looks for is asked of whoever announced a prefix of it.
  const curious = new Intruder(world, passOf(world));
  curious.session.subscribe(
    { namespace: groupNamespace(groupOf(world.members[0])), name: new Uint8Array(4) },
    {},
  );
  curious.run();
  for (const id of [announced, ...asked]) expect(intruder.refusal(id)).toBe(RequestErrorCode.UNAUTHORIZED);
  expect(intruder.of('request')).toEqual([]);
  expect(intruder.of('namespace')).toEqual([]);
});

describe('a pass', () => {
  /** Everything that a client can ask about the meeting. */
  function askAll(intruder: Intruder, group: GroupName, known: readonly FullTrackName[]): RequestId[] {
    const { session } = intruder;
    const namespace = groupNamespace(group);
    const ids = [
      session.subscribeTracks(namespace, { forward: true }),
      session.subscribeNamespace(namespace),
      session.publishNamespace(namespace),
      ...known.flatMap((track) => [
        session.subscribe(track, {}),
        session.trackStatus(track),
        session.fetch({ kind: 'standalone', track, start: at(0, 0), end: at(100, 0) }),
      ]),
      // A track of one's own, and one that all write.
      session.publish({ namespace: [...namespace, new Uint8Array(3)], name: new Uint8Array(1) }, OPEN),
    ];
    intruder.run();
    return ids;
  }

  /** What all that was asked came to. */
  function answers(intruder: Intruder, ids: readonly RequestId[]): Set<number | undefined> {
    return new Set(ids.map((id) => intruder.refusal(id)));
  }

  function scene(): {
    world: SimulatedMeeting;
    ana: SimulatedMember;
    known: FullTrackName[];
    group: GroupName;
  } {
    const world = new SimulatedMeeting();
    const [ana] = meetLive(world, 'Ana', 'Bo');
    if (ana === undefined) throw new Error('nobody came');
    const group = groupOf(ana);
    return { world, ana, group, known: tracksOf(new Intruder(world, passOf(world)), group) };
  }

  test('is needed: without one, and with one for something else, nothing is read and nothing written', () => {
    const { world, group, known } = scene();
    const [bo] = world.members.slice(1);
    const other = fakeCrypto.ed25519Signer(new Uint8Array(32).fill(9));
    const useless = [
      undefined,
      passOf(world, 0, 'relay.elsewhere:443'),
      passOf(world, 1),
      makeRelayPass(other, 0, RELAY_AUTHORITY, fakeCrypto),
    ];
    for (const pass of useless) {
      const intruder = new Intruder(world, pass);
      expect(answers(intruder, askAll(intruder, group, known))).toEqual(
        new Set([RequestErrorCode.UNAUTHORIZED]),
      );
      expect(
        ['request', 'object', 'namespace', 'fetch-object'].filter((kind) =>
          intruder.events.some((event) => event.kind === kind),
        ),
      ).toEqual([]);
    }
    expect(bo === undefined || !isHeard(world, world.members[0] ?? bo, bo)).toBe(false);
  });

  test('of the wrong length is said to be malformed', () => {
    const { world, group, known } = scene();
    const intruder = new Intruder(world, passOf(world).subarray(1));
    expect(answers(intruder, askAll(intruder, group, known))).toEqual(
      new Set([RequestErrorCode.MALFORMED_AUTH_TOKEN]),
    );
  });

  test('lets in whoever has the link', () => {
    const { world, group, known } = scene();
    const intruder = new Intruder(world, passOf(world));
    expect(known.length).toBeGreaterThan(8);
    askAll(intruder, group, known);
    expect(intruder.requests('publish').length).toBeGreaterThan(0);
    expect(
      intruder.of('request-error').filter(({ refusal }) => refusal.code === RequestErrorCode.UNAUTHORIZED),
    ).toEqual([]);
  });

  test('is shown to no relay that the invitation does not say asks for one, and people are told why they are not let in', () => {
    const world = new SimulatedMeeting({ relays: [{ url: RELAY, pass: false }] });
    const ana = world.join('Ana');
    world.until('it is told', () => ana.view.connection.kind === 'connecting' && ana.view.connection.refused);
    const shown: AuthorizationToken[] = [];
    const access: SessionAccess = {
      refusal: (_, tokens) => {
        shown.push(...tokens);
        return undefined;
      },
    };
    const policy = { ...meetingTracks, accessOf: () => access };
    meetLive(new SimulatedMeeting({ relays: [{ url: RELAY, pass: false }], policy }), 'Bo', 'Cy');
    expect(shown).toEqual([]);
    meetLive(new SimulatedMeeting({ policy }), 'Bo', 'Cy');
    expect(shown.length).toBeGreaterThan(0);
  });

  test('of another generation is shown as soon as we are in it', () => {
    const passes = passAccess(() => [RELAY_AUTHORITY], fakeCrypto);
    const refused: RequestRefusal[] = [];
    const accessOf: AccessPolicy['accessOf'] = (shown) => {
      const access = passes.accessOf(shown);
      return {
        refusal: (namespace, tokens) => {
          const refusal = access.refusal(namespace, tokens);
          if (refusal !== undefined) refused.push(refusal);
          return refusal;
        },
      };
    };
    const world = new SimulatedMeeting({ mode: 'plain', policy: { ...meetingTracks, accessOf } });
    const group = groupNameOf(world.signer.publicKey as RoomKey, 0, fakeCrypto);
    // A dead generation 0, which nobody answers in.
    const ignore = (): void => undefined;
    world.counter.ask(
      { kind: 'lock', input: { group, request: { mode: 'plain', val: epoch(0n) } } },
      undefined,
      ignore,
    );
    world.counter.ask({ kind: 'increment', input: { group, request: { mode: 'plain' } } }, undefined, ignore);
    world.pass(1_000);
    const ana = world.join('Ana');
    world.until('Ana has given up the dead one', () => ana.group !== undefined, 120_000);
    expect(ana.group?.group).toEqual(groupNameOf(world.signer.publicKey as RoomKey, 1, fakeCrypto));
    const bo = world.join('Bo');
    world.until('Bo is in', () => world.agree([ana, bo]));
    expect(refused).toEqual([]);
  });
});
