import { beforeEach, describe, expect, test } from 'vitest';
import { controlTrack, fingerprintOf, senderIdOf } from '../../../src/protocol/group/names.ts';
import type { Member } from '../../../src/protocol/group/roster.ts';
import { nodeGroupCrypto } from '../../../src/main/mls/node-group-crypto.ts';
import type { MeetingCore } from '../../../src/protocol/meeting/core.ts';
import { Confirmation } from '../../../src/protocol/meeting/confirmation.ts';
import { InstanceChain } from '../../../src/protocol/meeting/instance-chain.ts';
import { OwnStatements } from '../../../src/protocol/meeting/own-statements.ts';
import { signedStatement, type SealedAt } from '../../../src/protocol/meeting/statement.ts';
import { controlInstance, type MemberTrackKind } from '../../../src/protocol/meeting/track-instance.ts';
import { groupId, objectId } from '../../../src/protocol/moqt/model.ts';
import { epoch } from '../../../src/protocol/units.ts';
import { joinId } from '../../harness/group/membership.ts';
import { meetingCore } from '../../harness/meeting/core.ts';
import { GROUP, person } from './people.ts';

const BO = nodeGroupCrypto.ed25519Signer(new Uint8Array(32).fill(5));
const MAL = nodeGroupCrypto.ed25519Signer(new Uint8Array(32).fill(6));
const memberOf = ({ publicKey: signatureKey }: typeof BO): Member => {
  const fingerprint = fingerprintOf(signatureKey, nodeGroupCrypto);
  return { ...person(1), signatureKey, fingerprint, senderId: senderIdOf(fingerprint, joinId(1)) };
};
const EPOCH = epoch(3n);

let core: MeetingCore;
let confirmation: Confirmation;
let alarms: number;
/** How often a signature was verified. */
let verified: number;
beforeEach(() => {
  alarms = 0;
  verified = 0;
  core = meetingCore({
    groupCrypto: {
      ...nodeGroupCrypto,
      verifyEd25519: (...given) => {
        verified += 1;
        return nodeGroupCrypto.verifyEd25519(...given);
      },
    },
  });
  confirmation = new Confirmation(core, memberOf(BO), () => {
    alarms += 1;
  });
});

const pass = (duration: number): void => {
  core.tasks.advance(core.tasks.after(duration));
};
const at = (group: number, tag = group, object = 0): SealedAt => ({
  location: { group: groupId(BigInt(group)), object: objectId(BigInt(object)) },
  tag: new Uint8Array(8).fill(tag),
});

/** One instance of somebody's tracks, and what it states. */
class Sender {
  readonly time: string;
  readonly #control;
  readonly #statements = new OwnStatements();

  /** @param session - counts the sessions with a relay in which instances follow one another. */
  constructor(instance: number, session = 1) {
    const random = (length: number): Uint8Array => new Uint8Array(length).fill(instance);
    const chain = new InstanceChain({ random, groupCrypto: nodeGroupCrypto });
    let bytes = chain.next();
    for (let count = 1; count < session; count += 1) bytes = chain.next();
    const field = controlInstance(bytes);
    this.#control = controlTrack(GROUP, person(1).senderId, field);
    this.time = Buffer.from(field).toString();
  }

  seal(track: MemberTrackKind, object: SealedAt): SealedAt {
    this.#statements.note(track, object);
    return object;
  }

  /** The next statement. */
  state(signer = BO, of = EPOCH): Parameters<Confirmation['stated']>[1] {
    const statement = this.#statements.take(false);
    const signature = signer.sign(signedStatement(this.#control, of, statement));
    return { control: this.#control, epoch: EPOCH, statement, signature };
  }

  /** Seals the next groups of sound, and lets all be opened in as many steps of 20 ms. */
  speak(from: number, count: number): void {
    for (let group = from; group < from + count; group += 1) {
      confirmation.opened(this.time, 'audio', this.seal('audio', at(group)), true);
      pass(20);
    }
  }
}

/** What becomes of an object that comes. */
const opened = ({ time }: Sender, object: SealedAt, live = true): string =>
  confirmation.opened(time, 'audio', object, live);
const stated = ({ time }: Sender, statement: ReturnType<Sender['state']>): boolean =>
  confirmation.stated(time, statement);

describe('a statement', () => {
  test('counts once, and only with the signature of the leaf over its epoch', () => {
    const bo = new Sender(1);
    bo.speak(0, 3);
    expect(stated(bo, bo.state(MAL))).toBe(false);
    expect(stated(bo, bo.state(BO, epoch(2n)))).toBe(false);
    expect(confirmation.knows(bo.time)).toBe(false);
    const statement = bo.state();
    expect([stated(bo, statement), stated(bo, statement)]).toEqual([true, false]);
    expect([confirmation.knows(bo.time), alarms]).toEqual([true, 0]);
  });

  test('of another instance says nothing here', () => {
    const [first, second] = [new Sender(1), new Sender(2)];
    first.speak(0, 1);
    second.speak(0, 1);
    expect(stated(second, { ...second.state(), signature: first.state().signature })).toBe(false);
    const { statement, signature, epoch: of } = first.state();
    // Under the name of the second's control track the signature is not one.
    expect(stated(second, { ...second.state(), statement, signature, epoch: of })).toBe(false);
  });

  test('that is nobody’s is looked at sixteen times a second, and four times of one instance', () => {
    const fakes = Array.from({ length: 10 }, (_, at) => new Sender(2 + at));
    for (const fake of fakes) fake.speak(0, 1);
    const flood = (): void => {
      for (let count = 0; count < 100; count += 1) for (const fake of fakes) stated(fake, fake.state(MAL));
    };
    flood();
    expect(verified).toBe(16);
    pass(1_000);
    flood();
    pass(1_000);
    flood();
    expect(verified).toBe(40);
    // Whatever they go on with, nobody is kept from being heard.
    const bo = new Sender(1);
    bo.speak(0, 1);
    flood();
    expect([stated(bo, bo.state()), verified]).toEqual([true, 41]);
  });

  test('of an instance that is known is looked at however much is said under other names', () => {
    const [bo, later, fakes] = [new Sender(1), new Sender(1, 3), [2, 3, 4, 5].map((at) => new Sender(at))];
    bo.speak(0, 1);
    stated(bo, bo.state());
    for (const fake of [...fakes, later]) fake.speak(0, 1);
    for (const fake of fakes) for (let count = 0; count < 4; count += 1) stated(fake, fake.state(MAL));
    expect(verified).toBe(17);
    for (let count = 0; count < 100; count += 1) stated(later, later.state(MAL));
    expect(verified).toBe(33);
    pass(1_000);
    bo.speak(1, 1);
    expect([stated(bo, bo.state()), stated(later, later.state())]).toEqual([true, true]);
    // Those before it are what any other is.
    pass(1_000);
    for (let count = 0; count < 100; count += 1) stated(bo, bo.state(MAL));
    expect(verified).toBe(39);
  });

  test('that cannot be read counts as one that is nobody’s', () => {
    const bo = new Sender(1);
    bo.speak(0, 1);
    const unreadable = { ...bo.state(), statement: new Uint8Array(0) };
    for (let count = 0; count < 4; count += 1) stated(bo, unreadable);
    expect([stated(bo, bo.state()), verified]).toEqual([false, 0]);
  });
});

describe('an object', () => {
  test('may come before its statement or after it, in any order', () => {
    const bo = new Sender(1);
    const early = [0, 1].map((group) => bo.seal('audio', at(group)));
    const first = bo.state();
    const late = [2, 3].map((group) => bo.seal('audio', at(group)));
    const second = bo.state();
    expect(opened(bo, early[0]!)).toBe('taken');
    expect([stated(bo, second), stated(bo, first)]).toEqual([true, true]);
    expect([early[1]!, late[1]!, late[0]!].map((object) => opened(bo, object))).toEqual(
      Array(3).fill('taken'),
    );
    expect([alarms, confirmation.doubt(bo.time)]).toEqual([0, 'none']);
  });

  test.each<[string, SealedAt]>([
    ['at the place of another', at(1, 99)],
    ['where there is none', at(1, 1, 1)],
  ])('%s is forged, whether it comes before the statement or after it', (_, forged) => {
    for (const before of [true, false]) {
      core = meetingCore();
      confirmation = new Confirmation(core, memberOf(BO), () => (alarms += 1));
      alarms = 0;
      const bo = new Sender(1);
      for (const group of [0, 1, 2]) bo.seal('audio', at(group));
      if (before) expect(opened(bo, forged)).toBe('taken');
      else opened(bo, at(0));
      expect(stated(bo, bo.state())).toBe(true);
      if (!before) expect(opened(bo, forged)).toBe('dropped');
      expect([alarms, confirmation.doubt(bo.time)]).toEqual([1, 'forged']);
    }
  });

  test('from before our time is taken when it is fetched and for three seconds, and later not', () => {
    const bo = new Sender(1);
    for (let group = 0; group < 10; group += 1) bo.seal('audio', at(group));
    bo.state();
    bo.speak(10, 1);
    stated(bo, bo.state());
    expect(opened(bo, at(3))).toBe('taken');
    for (let round = 0; round < 7; round += 1) {
      bo.speak(11 + 25 * round, 25);
      stated(bo, bo.state());
    }
    expect([opened(bo, at(4), false), opened(bo, at(5))]).toEqual(['taken', 'dropped']);
    expect([alarms, confirmation.doubt(bo.time)]).toEqual([0, 'none']);
  });

  test('whose statement is lost is not confirmed for as long as that matters', () => {
    const bo = new Sender(1);
    bo.speak(0, 25);
    stated(bo, bo.state());
    bo.speak(25, 25);
    bo.state();
    const doubts: string[] = [];
    for (let round = 2; round < 16; round += 1) {
      bo.speak(25 * round, 25);
      stated(bo, bo.state());
      doubts.push(confirmation.doubt(bo.time));
    }
    // 3 s after it came, and for 3 s; no statement leaves a doubt about anything else.
    expect(doubts.indexOf('unconfirmed')).toBe(5);
    expect([doubts.lastIndexOf('unconfirmed'), alarms]).toEqual([10, 0]);
  });

  test('raises no doubt by time in which nothing comes, nor after what was missed', () => {
    const bo = new Sender(1);
    bo.speak(0, 25);
    stated(bo, bo.state());
    bo.speak(25, 25);
    pass(60_000);
    bo.speak(50, 5);
    expect(confirmation.doubt(bo.time)).toBe('none');
    // Where sessions change, statements are lost with what they are about.
    bo.state();
    confirmation.missed();
    for (let round = 0; round < 10; round += 1) {
      bo.speak(55 + 25 * round, 25);
      stated(bo, bo.state());
      expect(confirmation.doubt(bo.time)).toBe('none');
    }
  });
});

describe('an instance', () => {
  test('is taken on trust for three seconds, until one has a statement', () => {
    const [bo, fake] = [new Sender(1), new Sender(2)];
    expect([opened(bo, bo.seal('audio', at(0))), opened(fake, at(0))]).toEqual(['taken', 'taken']);
    stated(bo, bo.state());
    expect([opened(bo, bo.seal('audio', at(1))), opened(fake, at(1))]).toEqual(['taken', 'held']);
    expect([
      confirmation.supersedes(bo.time, fake.time),
      confirmation.supersedes(fake.time, bo.time),
    ]).toEqual([true, false]);
  });

  test('that had no statement for three seconds is in doubt, and others are not taken on trust after it', () => {
    const [fake, other] = [new Sender(2), new Sender(3)];
    fake.speak(0, 100);
    pass(1_000);
    expect(confirmation.doubt(fake.time)).toBe('unconfirmed');
    expect(opened(other, at(0))).toBe('held');
  });

  test('with statements is followed by one whose statements began later, and by none that came before', () => {
    const [before, after] = [new Sender(1), new Sender(2)];
    before.speak(0, 1);
    stated(before, before.state());
    after.speak(0, 1);
    stated(after, after.state());
    before.speak(1, 1);
    stated(before, before.state());
    expect([
      confirmation.supersedes(after.time, before.time),
      confirmation.supersedes(before.time, after.time),
    ]).toEqual([true, false]);
  });

  test('with statements is not pushed out by a thousand without', () => {
    const bo = new Sender(1);
    bo.speak(0, 1);
    stated(bo, bo.state());
    for (let count = 0; count < 1_000; count += 1)
      confirmation.opened(`instance ${String(count)}`, 'audio', at(0), true);
    expect(opened(bo, bo.seal('audio', at(1)))).toBe('taken');
  });

  test('that follows one with statements is not pushed out by a thousand that do not', () => {
    const [bo, later] = [new Sender(1), new Sender(1, 9)];
    bo.speak(0, 1);
    stated(bo, bo.state());
    later.speak(0, 1);
    for (let count = 0; count < 1_000; count += 1)
      confirmation.opened(`instance ${String(count)}`, 'audio', at(0), true);
    expect(stated(later, later.state())).toBe(true);
  });

  test('is trusted no longer when others are made up beside it', () => {
    const fakes = Array.from({ length: 40 }, (_, at) => new Sender(1 + at));
    const judged = new Set<string>();
    for (let step = 0; step < 200; step += 1) {
      const fake = fakes[step % fakes.length]!;
      judged.add(`${String(core.tasks.now < 3_000)} ${opened(fake, at(step))}`);
      pass(20);
    }
    expect([...judged]).toEqual(['true taken', 'false held']);
  });

  test('is trusted anew over another session of ours, as long as none was in doubt', () => {
    const [first, second, third] = [new Sender(1), new Sender(2), new Sender(3)];
    opened(first, at(0));
    pass(2_000);
    confirmation.missed();
    pass(2_000);
    expect(opened(second, at(0))).toBe('taken');
    pass(3_000);
    confirmation.missed();
    expect(opened(third, at(0))).toBe('held');
  });

  test.each([
    ['of which a track has ended', (time: string) => confirmation.ended(time, true)],
    ['of which a track was cancelled', (time: string) => confirmation.ended(time, false)],
    ['of which something was missed', () => confirmation.missed()],
  ])('%s counts when it states something, and what it has stated before', (_, happens) => {
    const bo = new Sender(1);
    bo.speak(0, 3);
    stated(bo, bo.state());
    const again = bo.seal('audio', at(3));
    happens(bo.time);
    expect([opened(bo, at(2)), opened(bo, again), opened(bo, at(4))]).toEqual(['taken', 'held', 'held']);
    expect(stated(bo, bo.state(MAL))).toBe(false);
    bo.seal('audio', at(5));
    expect([stated(bo, bo.state()), opened(bo, at(6))]).toEqual([true, 'taken']);
  });

  test('of which a track has ended is not known by its name any more, until it states something', () => {
    const [bo, later] = [new Sender(1), new Sender(1, 2)];
    bo.speak(0, 1);
    stated(bo, bo.state());
    confirmation.ended(bo.time, false);
    expect(confirmation.knows(bo.time)).toBe(true);
    confirmation.ended(bo.time, true);
    expect([confirmation.knows(bo.time), confirmation.knows(later.time)]).toEqual([false, true]);
    bo.speak(1, 1);
    stated(bo, bo.state());
    expect(confirmation.knows(bo.time)).toBe(true);
    confirmation.missed();
    expect(confirmation.knows(bo.time)).toBe(true);
  });

  test('is known in a later join, too, and nobody else is trusted then', () => {
    const [bo, later, fakes] = [new Sender(1), new Sender(1, 2), [2, 3, 4, 5].map((at) => new Sender(at))];
    bo.speak(0, 1);
    stated(bo, bo.state());
    confirmation = new Confirmation(core, memberOf(BO), () => undefined);
    expect([...fakes, later].map((sender) => opened(sender, at(0)))).toEqual(Array(5).fill('held'));
    for (const fake of fakes) for (let count = 0; count < 4; count += 1) stated(fake, fake.state(MAL));
    expect([stated(later, later.state()), opened(later, at(1))]).toEqual([true, 'taken']);
    // Not so in the name of anybody else.
    confirmation = new Confirmation(core, memberOf(MAL), () => undefined);
    expect([confirmation.knows(later.time), opened(later, at(0))]).toEqual([false, 'taken']);
  });

  test('that the member had before goes before the later ones, in whichever order their statements come', () => {
    const [before, later] = [new Sender(1), new Sender(1, 2)];
    before.speak(0, 1);
    const first = before.state();
    later.speak(0, 1);
    stated(later, later.state());
    expect(stated(before, first)).toBe(true);
    expect([
      confirmation.supersedes(before.time, later.time),
      confirmation.supersedes(later.time, before.time),
      confirmation.knows(before.time),
    ]).toEqual([false, true, false]);
  });
});
