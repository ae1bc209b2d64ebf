/** Attacks on meetings, by whoever may make them, with the real client, relay and counter. */
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { HttpsCounterClient } from '../../../src/io/counter/counter-client.ts';
import { ed25519Signer } from '../../../src/io/crypto/raw-keys.ts';
import { createInvitation, readInvitation } from '../../../src/main/invitations.ts';
import { KickedKeysStore } from '../../../src/main/kicked-keys.ts';
import { nodeGroupCrypto } from '../../../src/main/mls/node-group-crypto.ts';
import { MemoryStore } from '../../../src/main/storage/memory-store.ts';
import type { Ed25519Signer } from '../../../src/protocol/group/crypto-port.ts';
import { groupNameOf } from '../../../src/protocol/group/names.ts';
import { roomKeysOf } from '../../../src/protocol/group/room-keys.ts';
import { epoch } from '../../../src/protocol/units.ts';
import { Gathering } from '../../harness/meeting/gathering.ts';
import { eventually, type HeadlessMember } from '../../harness/meeting/headless-member.ts';

/** Who was not invited has the key of some other room. */
const STRANGER = ed25519Signer(new Uint8Array(randomBytes(32)));

const gathering = new Gathering();

async function meet(link: string, ...names: readonly string[]): Promise<HeadlessMember[]> {
  const members: HeadlessMember[] = [];
  for (const name of names) {
    const member = gathering.join(name, link);
    members.push(member);
    await eventually(`${name} is in`, () => members.every(({ size }) => size >= members.length), 60);
  }
  return members;
}

function clientOf(room: Ed25519Signer): HttpsCounterClient {
  const { counter, caPem = '' } = gathering.services.servers;
  return new HttpsCounterClient({ url: counter, trust: { kind: 'ca', caPem }, room });
}

test(
  'junk increment: who knows the name of the group and the counter cannot end the meeting',
  { timeout: 180_000 },
  async () => {
    const link = createInvitation(gathering.services.servers, 'Attacked', 'classical');
    const here = await meet(link, 'Ana', 'Bo');
    const group = here[0]?.meeting.view.group?.group ?? new Uint8Array(0);

    // The two calls of the attack, as the first version granted them.
    const attacker = clientOf(STRANGER);
    const val = epoch((here[0]?.epoch ?? 0n) + 1n);
    const lock = await attacker.lock(group, {
      mode: 'fenced',
      val,
      nonce: new Uint8Array(randomBytes(16)),
      generation: 0,
    });
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
    attacker.disconnect();

    // The meeting goes on where it was, and the next keys are those of the next member.
    const all = [...here, ...(await meet(link, 'Cy'))];
    await eventually('all are in', () => all.every(({ size }) => size === 3), 60);
    expect(all.map(({ meeting }) => meeting.view.group?.group)).toEqual([group, group, group]);
    expect(lock).toMatchObject({ kind: 'refused', status: 403 });
  },
);

test(
  'next generation: who has the link and was removed, say, cannot draw anybody away from a living meeting',
  { timeout: 180_000 },
  async () => {
    const link = createInvitation(gathering.services.servers, 'Next generation', 'classical');
    const here = await meet(link, 'Ana', 'Bo');
    const group = here[0]?.meeting.view.group?.group ?? new Uint8Array(0);
    const read = readInvitation(link);
    if (!read.ok) throw new Error(read.problem.sentence);
    const { room, signer } = roomKeysOf(read.value.secret, nodeGroupCrypto);
    const attacker = clientOf(signer);
    const next = groupNameOf(room, 1, nodeGroupCrypto);
    const nonce = new Uint8Array(randomBytes(16));
    const genesis = epoch(0n);

    const lock = await attacker.lock(next, { mode: 'fenced', val: genesis, nonce, generation: 1 });
    if (lock.kind === 'granted' && lock.token !== undefined) {
      const [commit, nextKey] = [new Uint8Array(randomBytes(200)), signer.publicKey];
      const [token, transcript] = [lock.token, new Uint8Array(0)];
      await attacker.increment(next, { mode: 'fenced', val: genesis, token, commit, transcript, nextKey });
    }
    // A bare lock takes a counter of its own, which no fenced meeting looks at.
    await attacker.lock(next, { mode: 'plain', val: genesis });
    await attacker.lock(group, { mode: 'plain', val: genesis });
    // Nor is there a later one, nor a lock of the meeting's own counter.
    const third = groupNameOf(room, 2, nodeGroupCrypto);
    const later = await attacker.lock(third, { mode: 'fenced', val: genesis, nonce, generation: 2 });
    const val = epoch((here[0]?.epoch ?? 0n) + 1n);
    const held = await attacker.lock(group, { mode: 'fenced', val, nonce, generation: 0 });
    const rooms = await attacker.room();
    attacker.disconnect();

    const all = [...here, ...(await meet(link, 'Cy'))];
    await eventually('all are in', () => all.every(({ size }) => size === 3), 60);
    expect(all.map(({ meeting }) => meeting.view.group?.group)).toEqual([group, group, group]);
    expect(lock.kind).toBe('alive');
    expect(later.kind).toBe('counter-error');
    expect(held).toMatchObject({ kind: 'refused', status: 403 });
    expect(rooms).toEqual({ kind: 'ok', meeting: 0, next: 1 });
  },
);

test(
  'dead room: when all have gone without a word, the next meeting begins, and nobody waits for ever',
  { timeout: 180_000 },
  async () => {
    const link = createInvitation(gathering.services.servers, 'Left', 'classical');
    const [ana] = await meet(link, 'Ana');
    const before = ana?.meeting.view.group?.group;
    await ana?.meeting.leave();
    // She was the last one, and said so: the room is free at once.
    const [bo] = await meet(link, 'Bo');
    expect(bo?.size).toBe(1);
    expect(bo?.meeting.view.group?.group).not.toEqual(before);
  },
);

/** Ana kicks Mallory, and both are gone: the room is free. */
async function kickAndPart(link: string) {
  const kickedKeys = new KickedKeysStore(new MemoryStore());
  const ana = gathering.join('Ana', link, { kickedKeys });
  await eventually('Ana is in', () => ana.size === 1, 60);
  const mallory = gathering.join('Mallory', link);
  await eventually('Mallory is in', () => ana.size === 2 && mallory.size === 2, 60);
  ana.meeting.decide({ kind: 'kick', participant: mallory.id ?? '' });
  await eventually('Mallory is out', () => mallory.view.end === 'kicked' && ana.size === 1);
  await ana.meeting.leave();
  return { ana: { identity: ana.identity, kickedKeys }, mallory: { identity: mallory.identity } };
}

test(
  'kicked: whoever was is not let into the next meeting either that one who saw it begins',
  { timeout: 180_000 },
  async () => {
    const link = createInvitation(gathering.services.servers, 'Kicked', 'classical');
    const again = await kickAndPart(link);
    const ana = gathering.join('Ana', link, again.ana);
    await eventually('Ana is in', () => ana.size === 1, 60);
    const mallory = gathering.join('Mallory', link, again.mallory);
    await eventually('Mallory has asked', () => ana.view.attention.has('kicked-asks'), 60);
    expect([ana.size, mallory.size]).toEqual([1, 0]);
    // Nor does anybody come in unasked who has the link, as after each kick.
    expect(ana.group?.admission).toBe('ask');
  },
);

test(
  'kicked: nobody who saw it comes to the next meeting that the one who was kicked begins',
  { timeout: 180_000 },
  async () => {
    const link = createInvitation(gathering.services.servers, 'Taken', 'classical');
    const again = await kickAndPart(link);
    const mallory = gathering.join('Mallory', link, again.mallory);
    await eventually('Mallory is in', () => mallory.size === 1, 60);
    const ana = gathering.join('Ana', link, again.ana);
    await eventually('Ana is told', () => ana.view.end !== undefined, 60);
    expect([ana.view.end, ana.view.history]).toEqual(['kicked-is-there', []]);
    // Mallory has learned nothing of it, not even that somebody asked.
    expect([mallory.size, mallory.view.history.length, mallory.view.door]).toEqual([1, 1, []]);

    // When it has gone, the room is free.
    await mallory.meeting.leave();
    const next = gathering.join('Ana', link, again.ana);
    await eventually('Ana is in', () => next.size === 1, 60);
    expect(next.group?.participants[0]?.role).toBe('organiser');
  },
);

test(
  'kicked: nobody who saw it stays in a meeting, or comes to one, into which others who did not let the one who was kicked',
  { timeout: 180_000 },
  async () => {
    const link = createInvitation(gathering.services.servers, 'Let in', 'classical');
    const again = await kickAndPart(link);
    // Eve was not there.
    const [eve] = await meet(link, 'Eve');
    const ana = gathering.join('Ana', link, again.ana);
    await eventually('Ana is in', () => ana.size === 2, 60);
    const mallory = gathering.join('Mallory', link, again.mallory);
    await eventually('Mallory is in', () => mallory.size > 0, 60);
    await eventually('Ana is told', () => ana.view.end !== undefined);
    expect(ana.view.end).toBe('kicked-is-there');
    const seen = ana.view.history.map(({ change }) => change.added.length);
    expect(seen).toEqual([0]);

    const later = gathering.join('Ana', link, again.ana);
    await eventually('Ana is told', () => later.view.end !== undefined, 60);
    expect([later.view.end, later.view.history]).toEqual(['kicked-is-there', []]);
    expect([eve?.view.end, mallory.view.end]).toEqual([undefined, undefined]);
  },
);
