/** Heads on the tracks of a relay that does what the test says, in virtual time. */
import { beforeEach, describe, expect, test } from 'vitest';
import { receiptHash } from '../../../src/protocol/counter/receipt.ts';
import type { Fork } from '../../../src/protocol/group/fork-watch.ts';
import { openHead, sealHead, signHead, type Head } from '../../../src/protocol/group/heads.ts';
import type { GroupCrypto } from '../../../src/protocol/group/crypto-port.ts';
import { classifyTrack, fingerprintOf, headTrack, senderIdOf } from '../../../src/protocol/group/names.ts';
import { leafIndex, type Member } from '../../../src/protocol/group/roster.ts';
import type { MeetingCore } from '../../../src/protocol/meeting/core.ts';
import type { EpochBegun } from '../../../src/protocol/meeting/group-events.ts';
import { HeadTracks } from '../../../src/protocol/meeting/head-tracks.ts';
import { mlsObject } from '../../../src/protocol/meeting/short-publication.ts';
import { epoch } from '../../../src/protocol/units.ts';
import { nodeCrypto } from '../../../src/io/crypto/node-crypto.ts';
import { joinId } from '../../harness/group/membership.ts';
import { chainOf, receiptFor } from '../../harness/group/receipts.ts';
import { fakeCrypto, serviceKey } from '../../harness/group/simulation.ts';
import { effectsOf, meetingCore } from '../../harness/meeting/core.ts';
import { GROUP } from './people.ts';
import { OfferedTrack, REFUSED, ScriptedRelay, type ScriptedPublication } from './scripted-relay.ts';

/** Of the two relays that there are. */
const [FIRST, SECOND] = ['https://a.example/meet', 'https://b.example/meet'] as const;
const HEAD_KEY = new Uint8Array(16).fill(2);
const CIPHER = nodeCrypto.aead(4);
const signers = Array.from({ length: 12 }, (_, at) =>
  fakeCrypto.ed25519Signer(new Uint8Array(32).fill(at + 1)),
);
const signerOf = (at: number) => signers[at] ?? signers[0]!;
function person(at: number): Member {
  const signatureKey = signerOf(at).publicKey;
  const fingerprint = fingerprintOf(signatureKey, fakeCrypto);
  const senderId = senderIdOf(fingerprint, joinId(1));
  return { leaf: leafIndex(at), signatureKey, fingerprint, senderId, asOf: epoch(0n) };
}
const people = (count: number): Member[] => Array.from({ length: count }, (_, at) => person(at));
const chain = chainOf(GROUP, 200);
const receiptOf = (of: number): Uint8Array => chain[of]?.bytes ?? new Uint8Array(0);
/** What the counter signed for the same epoch in another line. */
function otherOf(of: number): Uint8Array {
  const before = chain[of - 1];
  const previousHash = before === undefined ? new Uint8Array(32) : receiptHash(before.receipt, fakeCrypto);
  return receiptFor(GROUP, BigInt(of), { previousHash, commitHash: new Uint8Array(32).fill(7) });
}

let core: MeetingCore;
let relay: ScriptedRelay;
let forks: Fork[];
let heads: HeadTracks;
beforeEach(() => {
  const base = meetingCore().options;
  core = meetingCore({
    groupCrypto: fakeCrypto,
    memberSigner: signerOf(0),
    parameters: { ...base.parameters, mode: 'fenced', receiptKey: serviceKey },
  });
  relay = new ScriptedRelay();
  forks = [];
  heads = new HeadTracks(
    core,
    () => FIRST,
    (fork) => forks.push(fork),
  );
  heads.attach(relay);
});

/** Lets time pass; the relay takes every track. */
function pass(duration: number): void {
  const { tasks } = core;
  const end = tasks.after(duration);
  for (;;) {
    tasks.run();
    const asked = relay.published.filter(({ outcome }) => outcome.settled === undefined);
    for (const publication of asked) publication.accept();
    if (asked.length > 0) continue;
    const deadline = tasks.deadline();
    if (deadline === undefined || deadline > end) break;
    tasks.advance(deadline);
  }
  tasks.advance(end);
}

function enter(of: number, roster = people(3), own = 0, past: readonly Uint8Array[] = []): void {
  const begun: Partial<EpochBegun> = {
    group: GROUP,
    senderId: person(own).senderId,
    receipt: receiptOf(of),
    roster,
    ownLeaf: leafIndex(own),
    past,
  };
  heads.epochBegan(begun as EpochBegun);
}

/** Somebody offers a track with a head on it. */
function hear(head: Head, from: Member): OfferedTrack {
  const offer = new OfferedTrack(headTrack(GROUP, from.senderId, new Uint8Array(22).fill(65)));
  heads.offered(offer);
  const nonce = new Uint8Array(12).fill(3);
  offer.owner?.object(mlsObject(0n, 0, sealHead(head, { key: HEAD_KEY, group: GROUP, nonce }, CIPHER)));
  return offer;
}

function headOn({ sent }: ScriptedPublication): Head | undefined {
  const content = sent[0]?.content;
  if (content?.kind !== 'payload') return undefined;
  return openHead(content.payload, { key: HEAD_KEY, group: GROUP }, CIPHER);
}

describe('what one says', () => {
  test('is the newest receipt, on a track of our own of which nobody can have taken the name', () => {
    enter(0);
    enter(1);
    pass(2_000);
    expect(relay.published.length).toBe(1);
    const [first] = relay.published;
    expect(first && headOn(first)).toMatchObject({
      receipt: receiptOf(1),
      signatureKey: signerOf(0).publicKey,
    });
    expect(first && classifyTrack(GROUP, first.track)).toMatchObject({
      kind: 'heads',
      sender: person(0).senderId,
    });
    pass(95_000);
    const [, second] = relay.published;
    expect(second && headOn(second)).toMatchObject({ receipt: receiptOf(1) });
    expect(second?.track).not.toEqual(first?.track);
    expect(first?.dones.length).toBe(1);
  });

  test('is little, however fast epochs follow each other', () => {
    for (let of = 0; of < 200; of += 1) {
      enter(of);
      pass(100);
    }
    // Twenty seconds: one at first, then one in five.
    expect(relay.published.length).toBeGreaterThan(2);
    expect(relay.published.length).toBeLessThan(6);
  });

  test('is nothing, for whoever is not among the first in leaf order', () => {
    enter(0, people(12), 9);
    pass(100_000);
    expect(relay.published).toEqual([]);
  });

  test('is offered ever more seldom to a relay that takes none', () => {
    enter(0);
    const { tasks } = core;
    const end = tasks.after(120_000);
    for (
      let deadline = tasks.deadline();
      deadline !== undefined && deadline <= end;
      deadline = tasks.deadline()
    ) {
      tasks.advance(deadline);
      tasks.run();
      for (const { outcome } of relay.published) outcome.settle(REFUSED);
      tasks.run();
    }
    const names = new Set(
      relay.published.map(({ track }) => Buffer.from(track.namespace[3] ?? []).toString()),
    );
    // After 5, 10, 20, 40 s.
    expect(names.size).toBe(5);
  });

  test('waits for a session, and goes on with the next', () => {
    heads.attach(undefined);
    enter(0);
    pass(10_000);
    expect(relay.published).toEqual([]);
    heads.attach(relay);
    pass(2_000);
    expect(relay.published.length).toBe(1);
    heads.close();
    pass(200_000);
    expect(relay.published.length).toBe(1);
  });
});

describe('who is heard', () => {
  test('is who is or was in our tree, and one head of each track', () => {
    enter(0);
    const offer = hear(signHead(receiptOf(0), signerOf(1)), person(1));
    // It ends by itself: relays are about that end a session in which a request is reset.
    expect([offer.refusals.length, offer.cancelled]).toEqual([0, 0]);
    const more = { key: HEAD_KEY, group: GROUP, nonce: new Uint8Array(12).fill(4) };
    offer.owner?.object(mlsObject(1n, 0, sealHead(signHead(otherOf(0), signerOf(1)), more, CIPHER)));
    expect([offer.cancelled, forks]).toEqual([1, []]);
    const stranger = hear(signHead(otherOf(0), signerOf(9)), person(9));
    expect([stranger.refusals.length, stranger.owner]).toEqual([1, undefined]);
    expect(forks).toEqual([]);
  });

  test('is nobody for long, and not more than some at a time: the oldest makes room', () => {
    enter(0);
    const offers = Array.from({ length: 66 }, (_, at) => {
      const instance = new Uint8Array(22).fill(at);
      const offer = new OfferedTrack(headTrack(GROUP, person(1).senderId, instance));
      heads.offered(offer);
      return offer;
    });
    expect(offers.map(({ cancelled }) => cancelled).slice(0, 4)).toEqual([1, 1, 0, 0]);
    pass(6_000);
    expect(offers.every(({ cancelled }) => cancelled === 1)).toBe(true);
  });

  test('is nobody in plain mode', () => {
    heads = new HeadTracks(
      meetingCore(),
      () => FIRST,
      (fork) => forks.push(fork),
    );
    heads.attach(relay);
    enter(0);
    expect(hear(signHead(otherOf(0), signerOf(1)), person(1)).refusals.length).toBe(1);
    pass(100_000);
    expect(relay.published).toEqual([]);
  });
});

describe('a split', () => {
  test('is told once, and said with both receipts: ours for the other side, theirs for our own', () => {
    // We are not among those who speak, and far beyond what the other one follows.
    for (let of = 0; of < 6; of += 1) enter(of, people(12), 9);
    const theirs = signHead(otherOf(3), signerOf(1));
    hear(theirs, person(1));
    expect(forks.map((fork) => fork.epoch)).toEqual([3n]);
    pass(5_000);
    const said = relay.published.map(headOn);
    expect(said).toMatchObject([
      { receipt: receiptOf(3), signatureKey: signerOf(0).publicKey },
      { receipt: otherOf(3), signatureKey: signerOf(1).publicKey, signature: theirs.signature },
    ]);
    // There is nothing more to hear.
    expect(hear(theirs, person(1)).refusals.length).toBe(1);
    pass(95_000);
    expect(relay.published.length).toBe(4);
    expect(forks.length).toBe(1);
  });

  test('is found by whoever hears of it from somebody on its own side', () => {
    for (let of = 0; of < 6; of += 1) enter(of);
    // Forwarded as it was signed, on a track of the one that forwards it.
    hear(signHead(otherOf(3), signerOf(2)), person(1));
    expect(forks).toMatchObject([{ ours: receiptOf(3), member: signerOf(2).publicKey }]);
  });

  test('is found where one was led into another line oneself', () => {
    enter(0);
    enter(1);
    const begun: Partial<EpochBegun> = {
      group: GROUP,
      senderId: person(0).senderId,
      receipt: receiptFor(GROUP, 2n, { commitHash: new Uint8Array(32).fill(7) }),
      roster: people(3),
      ownLeaf: leafIndex(0),
      past: [],
    };
    heads.epochBegan(begun as EpochBegun);
    expect(forks).toMatchObject([{ ours: receiptOf(1), member: signerOf(0).publicKey }]);
  });

  test('is found after a restart, by receipts that were saved', () => {
    enter(5, people(3), 0, [receiptOf(3), receiptOf(4)]);
    hear(signHead(otherOf(3), signerOf(1)), person(1));
    expect(forks.map((fork) => fork.epoch)).toEqual([3n]);
  });
});

test('a flood of heads that are nobody’s costs some verifications a second, and keeps nobody else from being heard', () => {
  let verified = 0;
  const groupCrypto: GroupCrypto = {
    ...fakeCrypto,
    verifyEd25519: (...given) => {
      verified += 1;
      return fakeCrypto.verifyEd25519(...given);
    },
  };
  core = meetingCore({ ...core.options, groupCrypto });
  heads = new HeadTracks(
    core,
    () => FIRST,
    (fork) => forks.push(fork),
  );
  for (let of = 0; of < 6; of += 1) enter(of);
  // What the counter has signed, in the name of a member that has not.
  const junk = { ...signHead(otherOf(3), signerOf(1)), signature: new Uint8Array(64) };
  for (let passed = 0; passed < 5_000; passed += 10) {
    for (let count = 0; count < 10; count += 1) hear(junk, person(1));
    pass(10);
  }
  // One a second, with two signatures.
  expect([verified, forks]).toEqual([10, []]);
  hear(signHead(otherOf(3), signerOf(2)), person(2));
  expect(forks).toMatchObject([{ member: signerOf(2).publicKey }]);
});

describe('a second relay', () => {
  const called = (): readonly string[] =>
    effectsOf(core).flatMap((effect) => (effect.kind === 'connect' ? [effect.relay] : []));

  test('is the one that does not carry the meeting, and is called once we are in a group', () => {
    expect(called()).toEqual([]);
    enter(0);
    enter(1);
    expect(called()).toEqual([SECOND]);
  });

  test('is another one where the meeting has gone there', () => {
    let carrying: string = FIRST;
    heads = new HeadTracks(
      core,
      () => carrying,
      () => undefined,
    );
    enter(0);
    expect(called()).toEqual([SECOND]);
    carrying = SECOND;
    heads.attach(relay);
    expect(called()).toEqual([FIRST]);
  });

  test('that is down is called again, ever more seldom', () => {
    enter(0);
    const calls: number[] = [];
    while (calls.length < 12) {
      for (const effect of effectsOf(core)) {
        if (effect.kind !== 'connect') continue;
        calls.push(core.tasks.now);
        const { connection } = effect;
        expect(heads.take({ kind: 'connect-failed', connection, reason: 'down' })).toBe(true);
      }
      const deadline = heads.deadline();
      if (deadline === undefined) throw new Error('it is not called again');
      core.tasks.advance(deadline);
      heads.expire(deadline);
    }
    for (const [at, call] of calls.slice(1).entries()) {
      const longest = Math.min(60_000, 250 * 2 ** (at + 1));
      expect(call - (calls[at] ?? 0)).toBeGreaterThanOrEqual(longest / 2);
      expect(call - (calls[at] ?? 0)).toBeLessThanOrEqual(longest);
    }
    // Its next call is under way.
    expect(called()).toEqual([SECOND]);
    heads.close();
    pass(600_000);
    heads.expire(core.tasks.now);
    expect(called()).toEqual([]);
  });

  test('is not there where the invitation names one relay', () => {
    core = meetingCore({
      ...core.options,
      relays: [{ url: FIRST, pass: true }],
    });
    heads = new HeadTracks(
      core,
      () => FIRST,
      () => undefined,
    );
    enter(0);
    expect(called()).toEqual([]);
  });
});
