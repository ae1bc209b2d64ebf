/**
 * Who can open what, asserted on keys and on all traffic: through a real relay, a real counter and real MLS.
 * A member here hoards every master key and every state of MLS that it ever had; an eavesdropper takes every object.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nodeCrypto } from '../../../src/io/crypto/node-crypto.ts';
import { createInvitation, readInvitation } from '../../../src/main/invitations.ts';
import { nodeGroupCrypto } from '../../../src/main/mls/node-group-crypto.ts';
import { TsMlsAdapter } from '../../../src/main/mls/ts-mls-adapter.ts';
import { invariant } from '../../../src/protocol/errors.ts';
import { groupNameOf, groupNamespace, type GroupName } from '../../../src/protocol/group/names.ts';
import { roomKeysOf } from '../../../src/protocol/group/room-keys.ts';
import { readSealedProperties } from '../../../src/protocol/secure-objects/immutable-properties.ts';
import { deriveEpochSecret, deriveTrackBaseKey } from '../../../src/protocol/secure-objects/key-schedule.ts';
import { TrackOpener } from '../../../src/protocol/secure-objects/track-opener.ts';
import { epoch as epochOf, millis } from '../../../src/protocol/units.ts';
import { Eavesdropper, type Overheard } from '../../harness/meeting/eavesdropper.ts';
import { eventually, HeadlessMember } from '../../harness/meeting/headless-member.ts';
import { HoardingMls } from '../../harness/meeting/hoarding-mls.ts';
import { startServices, type RunningServices } from '../../harness/meeting/services.ts';

const TITLE = 'The merger with Fabrikam';
const NAMES = ['Anastasia Quillfeather', 'Bohumil Quillfeather', 'Cyneburga Quillfeather'];
const SUITE = 0x0004;

let folder: string;
let recording: string;
let services: RunningServices;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'conclave-secrecy-'));
  recording = join(folder, 'relay.bin');
  services = await startServices({ kind: 'recording', file: recording });
});
afterAll(async () => {
  await services.close();
  await rm(folder, { recursive: true, force: true });
});

const keyIdOf = ({ object }: Overheard): bigint | undefined => readSealedProperties(object.properties)?.keyId;

/** How many objects open with a master key: under the key's own epoch, and as if it were that of the object. */
function opens(objects: readonly Overheard[], masterKeys: ReadonlyMap<bigint, Uint8Array>): number {
  return objects.filter((overheard) => {
    const { track, object } = overheard;
    const keyId = keyIdOf(overheard);
    if (keyId === undefined || object.content.kind !== 'payload') return false;
    const { payload } = object.content;
    return [...masterKeys].some(([epoch, masterKey]) =>
      [epoch, keyId].some((label) => {
        const secret = deriveEpochSecret(nodeCrypto, 'SHA-256', masterKey, epochOf(label));
        const base = deriveTrackBaseKey(nodeCrypto, 'SHA-256', secret, track);
        const opener = new TrackOpener({ track, suite: SUITE, crypto: nodeCrypto });
        opener.setKey(epochOf(keyId), base, millis(0));
        const header = { ...object.location, priority: object.publisherPriority };
        return opener.open(header, object.properties, payload).kind === 'opened';
      }),
    );
  }).length;
}

interface Hoarder {
  readonly member: HeadlessMember;
  readonly mls: HoardingMls;
}

interface Scene {
  readonly link: string;
  readonly group: GroupName;
  readonly spy: Eavesdropper;
  readonly people: Hoarder[];
  join(name: string): Promise<Hoarder>;
  end(): Promise<void>;
}

/** A meeting that somebody listens to; all who join speak and show pictures. */
async function scene(speech: Uint8Array, picture: Uint8Array): Promise<Scene> {
  const link = createInvitation(services.servers, TITLE, 'classical');
  const read = readInvitation(link);
  invariant(read.ok, 'our own invitation is one');
  const group = groupNameOf(roomKeysOf(read.value.secret, nodeGroupCrypto).room, 0, nodeGroupCrypto);
  const spy = await Eavesdropper.listen(services.servers, link);
  const people: Hoarder[] = [];
  const talk = setInterval(() => {
    for (const { member } of people) {
      if (member.meeting.view.end !== undefined || member.size === 0) continue;
      member.speak(speech);
      member.show(picture);
    }
  }, 40);
  return {
    link,
    group,
    spy,
    people,
    join: async (name) => {
      const mls = new HoardingMls();
      const member = new HeadlessMember(name, link, { mls });
      const hoarder = { member, mls };
      people.push(hoarder);
      const here = (): HeadlessMember[] =>
        people.flatMap((each) => (each.member.meeting.view.end === undefined ? [each.member] : []));
      await eventually(`${name} is in`, () => here().every(({ size }) => size === here().length), 60);
      member.goLive();
      const ids = here().flatMap(({ id }) => (id === undefined ? [] : [id]));
      for (const each of here()) each.meeting.watch(ids);
      await eventually(`${name} is heard and seen`, () =>
        here().every(
          (each) =>
            each === member ||
            (['audio', 'video'] as const).every((kind) => each.chunksFrom(member.id ?? '', kind).length > 3),
        ),
      );
      return hoarder;
    },
    end: async () => {
      clearInterval(talk);
      await Promise.all(people.map(({ member }) => member.meeting.leave()));
      spy.close();
    },
  };
}

test('a removed member opens nothing of what comes after, and cannot follow the group', async () => {
  const meeting = await scene(randomBytes(60), randomBytes(3_000));
  const [nameA = '', nameB = '', nameC = ''] = NAMES;
  const ana = await meeting.join(nameA);
  await meeting.join(nameB);
  const cy = await meeting.join(nameC);
  const last = cy.member.epoch ?? 0n;
  const before = meeting.spy.sealed();
  // What is tried here is a way in: it opens what the member was there for.
  const had = before.filter((each) => cy.mls.masterKeys.has(keyIdOf(each) ?? -1n));
  expect(had.length).toBeGreaterThan(20);
  expect(opens(had, cy.mls.masterKeys)).toBe(had.length);
  const state = cy.mls.state;
  invariant(state !== undefined, 'a member has a state');

  ana.member.meeting.decide({ kind: 'kick', participant: cy.member.id ?? '' });
  const stay = meeting.people.filter((each) => each !== cy).map(({ member }) => member);
  await eventually('the others go on without it', () => stay.every(({ size }) => size === 2));
  await eventually('it is told', () => cy.member.meeting.view.end === 'kicked');
  // What was under way when the keys changed has arrived.
  const isOld = (each: Overheard): boolean => (keyIdOf(each) ?? last + 1n) <= last;
  await eventually('the old keys are out of use', () => !meeting.spy.sealed().slice(-60).some(isOld));
  const from = meeting.spy.heard.length;
  const heard = (): number => stay[0]?.chunksFrom(stay[1]?.id ?? '', 'audio').length ?? 0;
  const count = heard();
  await eventually('the others talk on', () => heard() > count + 25);
  // One more epoch, made by a join.
  const arrival = meeting.join('Di');
  await ana.member.admit('Di');
  const di = await arrival;
  await eventually('they talk on', () => heard() > count + 50);

  const after = meeting.spy.sealed(from);
  const laterKeyIds = new Set(after.map(keyIdOf));
  expect(laterKeyIds.size).toBeGreaterThanOrEqual(2);
  for (const keyId of laterKeyIds) expect(keyId).toBeGreaterThan(last);
  expect(after.length).toBeGreaterThan(100);
  expect(opens(after, cy.mls.masterKeys)).toBe(0);
  // Nobody but the members has what opens it; they do.
  expect(opens(after.slice(0, 20), ana.mls.masterKeys)).toBe(20);
  expect(opens(await meeting.spy.fetchAll(), cy.mls.masterKeys)).toBeLessThan(
    opens(await meeting.spy.fetchAll(), ana.mls.masterKeys),
  );

  // Its MLS state, as it was in its last epoch, does not lead into the next ones.
  const commits = meeting.spy.commits();
  const [removal, join] = [commits.get(last + 1n), commits.get(last + 2n)];
  invariant(removal !== undefined && join !== undefined, 'the Commits were overheard');
  const mls = new TsMlsAdapter();
  const restored = await mls.restore(state.membership, state.bytes);
  invariant(restored !== undefined, 'the state can be read back');
  expect(await mls.processCommit(restored.group, removal)).toMatchObject({ kind: 'removed', kicked: true });
  expect(await mls.processCommit(restored.group, join)).toMatchObject({ kind: 'refused' });
  expect(di.member.size).toBe(3);
  await meeting.end();
});

test('a joiner opens nothing from before, also of what the relay still serves', async () => {
  const meeting = await scene(randomBytes(60), randomBytes(3_000));
  const [nameA = '', nameB = '', nameC = ''] = NAMES;
  const ana = await meeting.join(nameA);
  await meeting.join(nameB);
  const count = meeting.spy.heard.length;
  await eventually('they talk', () => meeting.spy.heard.length > count + 100);
  const before = meeting.spy.sealed();
  const last = ana.member.epoch ?? 0n;
  const cy = await meeting.join(nameC);

  expect([...cy.mls.masterKeys.keys()].every((epoch) => epoch > last)).toBe(true);
  expect(before.length).toBeGreaterThan(50);
  expect(opens(before, cy.mls.masterKeys)).toBe(0);
  const cached = (await meeting.spy.fetchAll()).filter((each) => (keyIdOf(each) ?? 0n) <= last);
  expect(cached.length).toBeGreaterThan(20);
  expect(opens(cached, cy.mls.masterKeys)).toBe(0);
  expect(opens(cached, ana.mls.masterKeys)).toBe(cached.length);
  await meeting.end();
});

test('the relay handled no plaintext, and neither it nor the counter logs what a meeting is called', async () => {
  const [speech, picture] = [randomBytes(60), randomBytes(3_000)];
  const meeting = await scene(speech, picture);
  for (const name of NAMES) await meeting.join(name);
  await eventually('names are known', () =>
    meeting.people.every(({ member: { id = '' } }, at) =>
      meeting.people.every(
        ({ member }, other) =>
          other === at || member.participant(id)?.displayName === meeting.people[at]?.member.name,
      ),
    ),
  );
  const namespace = groupNamespace(meeting.group)[0];
  const ids = meeting.people.map(({ member: { id = '' } }) => id);
  await meeting.end();

  const log = services.log.join('\n');
  expect(log).toContain('session-opened');
  const read = readInvitation(meeting.link);
  invariant(read.ok, 'our own invitation is one');
  const bytes = [meeting.group, read.value.secret].flatMap((each) =>
    (['base64url', 'hex'] as const).map((encoding) => Buffer.from(each).toString(encoding)),
  );
  for (const text of [TITLE, 'Fabrikam', ...NAMES, 'Quillfeather', ...ids, ...bytes])
    expect(log).not.toContain(text);

  const handled = streamsOf(await readFile(recording));
  const contains = (needle: Uint8Array): boolean =>
    handled.some((bytes) => bytes.includes(Buffer.from(needle)));
  expect(contains(namespace ?? new Uint8Array(0))).toBe(true);
  expect(handled.reduce((sum, bytes) => sum + bytes.length, 0)).toBeGreaterThan(100_000);
  // Pieces short enough to lie within one packet.
  for (let at = 0; at + 16 <= picture.length; at += 16)
    expect(contains(picture.subarray(at, at + 16))).toBe(false);
  for (let at = 0; at + 16 <= speech.length; at += 4)
    expect(contains(speech.subarray(at, at + 16))).toBe(false);
  for (const text of [TITLE, 'Fabrikam', ...NAMES, 'Quillfeather'])
    for (const encoding of ['utf8', 'utf16le'] as const)
      expect(contains(Buffer.from(text, encoding))).toBe(false);
});

/** What each connection sent to the relay. */
function streamsOf(recorded: Buffer): Buffer[] {
  const pieces = new Map<number, Buffer[]>();
  for (let at = 0; at + 8 <= recorded.length;) {
    const length = recorded.readUInt32BE(at + 4);
    const connection = recorded.readUInt32BE(at);
    pieces.set(connection, [...(pieces.get(connection) ?? []), recorded.subarray(at + 8, at + 8 + length)]);
    at += 8 + length;
  }
  return [...pieces.values()].map((parts) => Buffer.concat(parts));
}
