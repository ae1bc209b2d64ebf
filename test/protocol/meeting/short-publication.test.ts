import { beforeEach, describe, expect, test } from 'vitest';
import { encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import {
  mlsObject,
  openTrack,
  type ShortPublication,
} from '../../../src/protocol/meeting/short-publication.ts';
import { PublishDoneCode } from '../../../src/protocol/moqt/codes.ts';
import { Tasks, type Pending } from '../../../src/protocol/tasks.ts';
import { track } from '../../harness/moqt/names.ts';
import { GONE, REFUSED, ScriptedRelay, type ScriptedPublication } from './scripted-relay.ts';

const TRACK = track('group', 'commits');
const OBJECT = mlsObject(3n, 1, encodeUtf8('said'));

let tasks: Tasks;
let relay: ScriptedRelay;
beforeEach(() => {
  tasks = new Tasks();
  relay = new ScriptedRelay();
});

/** Lets time pass, task by task. */
function pass(duration: number): void {
  const end = tasks.after(duration);
  for (;;) {
    tasks.run();
    const deadline = tasks.deadline();
    if (deadline === undefined || deadline > end) break;
    tasks.advance(deadline);
  }
  tasks.advance(end);
}

const open = (): Pending<ShortPublication | undefined> =>
  tasks.start(openTrack(relay, tasks, TRACK, undefined));
function last(): ScriptedPublication {
  const publication = relay.published.at(-1);
  if (publication === undefined) throw new Error('nothing was published');
  return publication;
}
/** Opens a track that the relay takes at once. */
function opened(): { readonly publication: ShortPublication; readonly at: ScriptedPublication } {
  const pending = open();
  last().accept();
  pass(0);
  const publication = pending.settled?.value;
  if (publication === undefined) throw new Error('it is not open');
  return { publication, at: last() };
}

test('an object of an MLS track is a subgroup of its own, with priority 16 and without properties', () => {
  expect(mlsObject(3n, 5, encodeUtf8('x'))).toEqual({
    location: { group: 3n, object: 5n },
    subgroup: 5n,
    publisherPriority: 16,
    forwarding: 'subgroup',
    properties: new Uint8Array(0),
    content: { kind: 'payload', payload: encodeUtf8('x') },
  });
});

describe('a track is open', () => {
  test('at once where the relay keeps what it is sent', () => {
    const pending = open();
    expect([last().track, last().options]).toEqual([TRACK, { forward: true, description: {} }]);
    last().accept();
    pass(0);
    expect(pending.settled?.value?.isOpen).toBe(true);
  });

  test('a moment later where it keeps nothing: its subscribers have to accept the track first', () => {
    for (const implementation of ['other/1', undefined]) {
      relay.peerImplementation = implementation;
      const pending = open();
      last().accept();
      pass(59);
      expect(pending.settled).toBeUndefined();
      pass(1);
      expect(pending.settled?.value?.isOpen).toBe(true);
    }
  });

  test('when objects are wanted, which is waited for 600 ms at most', () => {
    const [first, second] = [open(), open()];
    const [one, two] = relay.published;
    one?.accept(false);
    two?.accept(false);
    pass(599);
    two?.update(false);
    pass(0);
    expect([first.settled, second.settled]).toEqual([undefined, undefined]);
    two?.update(true);
    pass(0);
    expect([first.settled, second.settled?.value?.isOpen]).toEqual([undefined, true]);
    pass(1);
    expect(first.settled?.value?.isOpen).toBe(true);
  });

  test('and ended when the relay cancels while it is waited for', () => {
    const pending = open();
    last().accept(false);
    pass(10);
    last().owner.ended('gone');
    pass(0);
    expect(pending.settled?.value?.isOpen).toBe(false);
  });

  test('in the next try, while somebody else has it: eight times, 60 ms apart', () => {
    const pending = open();
    for (let refusals = 1; refusals <= 7; refusals += 1) {
      last().outcome.settle(REFUSED);
      pass(59);
      expect(relay.published).toHaveLength(refusals);
      pass(1);
      expect(relay.published).toHaveLength(refusals + 1);
    }
    last().outcome.settle(REFUSED);
    pass(60);
    expect([pending.settled?.value, pending.settled !== undefined, relay.published.length]).toEqual([
      undefined,
      true,
      8,
    ]);
  });

  test('and says with what object it goes on', () => {
    tasks.start(openTrack(relay, tasks, TRACK, OBJECT));
    expect(last().options.description).toEqual({ largest: OBJECT.location });
  });

  test('never where the relay is gone', () => {
    const pending = open();
    last().outcome.settle(GONE);
    pass(0);
    expect([pending.settled, relay.published.length]).toEqual([{ value: undefined }, 1]);
  });

  test('never where it does not answer in two seconds; what it takes later ends at once', () => {
    const pending = open();
    pass(1_999);
    expect(pending.settled).toBeUndefined();
    pass(1);
    expect(pending.settled).toEqual({ value: undefined });
    last().accept();
    expect([last().dones, relay.published.length]).toEqual([[PublishDoneCode.TRACK_ENDED], 1]);
    open();
    pass(2_000);
    last().outcome.settle(REFUSED);
    expect(last().dones).toEqual([]);
  });
});

describe('a track that is published', () => {
  test('carries objects until it is finished, after a while for those who are slow', () => {
    const { publication, at } = opened();
    publication.send(OBJECT);
    publication.finish(100);
    pass(99);
    expect([at.texts, at.endsGroups, at.dones, publication.isOpen]).toEqual([['3/1 said'], false, [], true]);
    pass(1);
    expect([at.dones, publication.isOpen]).toEqual([[PublishDoneCode.TRACK_ENDED], false]);
    publication.send(OBJECT);
    publication.finish(0);
    pass(10_000);
    expect([at.sent.length, at.dones.length]).toEqual([1, 1]);
  });

  test('stays open when it is sent to in that while, until it is finished again', () => {
    const { publication, at } = opened();
    publication.finish(100);
    pass(50);
    publication.send(OBJECT);
    pass(10_000);
    expect([at.dones, publication.isOpen]).toEqual([[], true]);
    publication.finish(100);
    publication.finish(400);
    pass(399);
    expect(at.dones).toEqual([]);
    pass(1);
    expect(at.dones).toEqual([PublishDoneCode.TRACK_ENDED]);
  });

  test('is over when the relay cancels it: nothing is sent or ended', () => {
    const { publication, at } = opened();
    at.owner.ended('cancelled');
    expect(publication.isOpen).toBe(false);
    publication.send(OBJECT);
    publication.finish(0);
    pass(1_000);
    expect([at.sent, at.dones]).toEqual([[], []]);
  });
});
