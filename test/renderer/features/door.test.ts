import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Caller, Participant, Role } from '../../../src/contract/state.ts';
import { Announcer } from '../../../src/renderer/features/door/announcer.ts';
import { isNameTaken, words } from '../../../src/renderer/features/door/words.ts';
import type { Door } from '../../../src/renderer/features/door/words.ts';
import { describeSettings, pastNotices } from '../../../src/renderer/features/meeting/notices.ts';
import { words as meetingWords } from '../../../src/renderer/features/meeting/words.ts';
import { actionsFor } from '../../../src/renderer/features/people/person-actions.ts';
import { words as peopleWords } from '../../../src/renderer/features/people/words.ts';
import { isKeptWaiting } from '../../../src/renderer/features/waiting/path.ts';
import { caller, meetingOf, person } from '../harness/scenes.ts';

const inRole = (at: number, role: Role, change: Partial<Participant> = {}): Participant =>
  person(at, { role, ...change });

/** A locked meeting of these people; the first is oneself. */
const doorOf = (...participants: readonly Participant[]): Door => ({
  ...meetingOf(participants),
  admission: 'ask',
});

describe('who has come to the door', () => {
  const told: string[][] = [];
  let announcer: Announcer;
  const come = (...at: readonly number[]): void => {
    announcer.follow(at.map((each): Caller => caller(each, undefined)));
  };

  beforeEach(() => {
    vi.useFakeTimers();
    told.length = 0;
    announcer = new Announcer((callers) => told.push(callers.map(({ id }) => id)));
  });
  afterEach(() => {
    announcer.close();
    vi.useRealTimers();
  });

  test('is told at once, and those who follow are told together', () => {
    come(1);
    come(1, 2);
    come(1, 2, 3);
    expect(told).toEqual([['c1']]);
    vi.advanceTimersToNextTimer();
    expect(told).toEqual([['c1'], ['c2', 'c3']]);
  });

  test('is told again only after having been away, and never once gone', () => {
    come(1);
    come();
    come(1);
    come(1, 2);
    come(1);
    vi.advanceTimersToNextTimer();
    expect(told).toEqual([['c1'], ['c1']]);
    come(1);
    vi.advanceTimersToNextTimer();
    expect(told).toHaveLength(2);
    expect(vi.getTimerCount()).toBe(0);
    come(1, 3);
    expect(told.at(-1)).toEqual(['c3']);
  });

  test('is told no more when the meeting is closed', () => {
    come(1);
    come(1, 2);
    announcer.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('the words of the door', () => {
  const me = inRole(0, 'member');

  test('say that a name is the caller’s own word, and how an organiser answers', () => {
    const door = doorOf(inRole(0, 'organiser'));
    expect(words.announce([caller(0, 'Farid')], door)).toBe(
      'Somebody who calls themselves Farid is waiting to be let in. Press P to answer.',
    );
    expect(words.announce([caller(0, undefined)], door)).toMatch(/^Somebody is waiting to be let in\./);
    expect(words.announce([caller(0, 'Farid'), caller(1, 'Gil')], door)).toMatch(/^2 people are waiting/);
  });

  test('tell those who decide nothing who does', () => {
    const announce = (...others: readonly Participant[]): string =>
      words.announce([caller(0, undefined)], doorOf(me, ...others));
    expect(announce(inRole(1, 'organiser'), inRole(2, 'member'))).toMatch(/ Bo Chen can let them in\.$/);
    expect(announce(inRole(1, 'organiser'), inRole(2, 'organiser'))).toMatch(
      / Bo Chen or Chidinma Okafor can let them in\.$/,
    );
    expect(announce(inRole(1, 'organiser', { leaving: true }))).toMatch(/ An organiser can let them in\.$/);
    const many = [1, 2, 3, 4, 5].map((at) => inRole(at, 'organiser'));
    expect(announce(...many)).toMatch(/ Bo Chen, Chidinma Okafor, Dmitri Volkov, or 2 others can let/);
  });

  test.each([
    ['Bo Chen', true],
    ['bo  chen', true],
    ['Ｂｏ Ｃｈｅｎ', true],
    ['Bo\u200B\u202E Chen', true],
    ['Bob Chen', false],
    [undefined, false],
  ])('%j is a name that Bo Chen has: %s', (name, taken) => {
    expect(isNameTaken(caller(0, name), [me, person(1)])).toBe(taken);
  });

  test.each<Partial<Participant>>([{ displayName: undefined }, { leaving: true }])(
    'the name of somebody who is %j is not taken',
    (change) => {
      expect(isNameTaken(caller(0, 'Bo Chen'), [person(1, change)])).toBe(false);
    },
  );

  test('unlocking says whom it lets in', () => {
    expect(words.unlockLets(1)).toMatch(/^The person who is waiting comes in at once/);
    expect(words.unlockLets(3)).toMatch(/^The 3 people who are waiting come in at once/);
  });

  test('an invitation says whether people with it wait', () => {
    expect(meetingWords.copied('open')).toMatch(/comes in at once/);
    expect(meetingWords.copied('ask')).toMatch(/waits until an organiser/);
    expect(meetingWords.aloneNext('open')).toMatch(/come in at once/);
    expect(meetingWords.aloneNext('ask')).toMatch(/wait until you let them in/);
  });
});

describe('what one can do about somebody', () => {
  const organiser = inRole(0, 'organiser');
  const second = inRole(1, 'organiser');
  const member = inRole(2, 'member');
  const all = [organiser, second, member];

  test('is nothing for those who are no organisers, and about those who have left', () => {
    for (const each of all) expect(actionsFor(each, 'member', all).actions).toEqual([]);
    expect(actionsFor({ ...member, leaving: true }, 'organiser', all).actions).toEqual([]);
  });

  test('is to make organisers, to take that away, and to remove others', () => {
    expect(actionsFor(member, 'organiser', all).actions).toEqual(['make-organiser', 'remove']);
    expect(actionsFor(second, 'organiser', all).actions).toEqual(['end-organiser', 'remove']);
    expect(actionsFor(organiser, 'organiser', all).actions).toEqual(['end-organiser']);
  });

  test('is not to leave a meeting without an organiser', () => {
    expect(actionsFor(organiser, 'organiser', [organiser, member])).toEqual({
      actions: [],
      isLastOrganiser: true,
    });
  });

  test('is asked about with what follows from it', () => {
    const { question } = peopleWords;
    expect(question('remove', member, 'Chidinma').means).toMatch(/The meeting is also locked/);
    expect(question('make-organiser', member, 'Chidinma').means).toMatch(/including you/);
    expect(question('end-organiser', organiser, 'Ana').means).toMatch(/Only another organiser/);
  });
});

describe('what has changed', () => {
  test.each<[Role, Role, RegExp | undefined]>([
    // The meeting's own notice tells it.
    ['member', 'organiser', undefined],
    ['organiser', 'member', /^You are no longer an organiser/],
    ['organiser', 'organiser', undefined],
  ])('of one’s role, %s to %s, is said', (before, now, said) => {
    const sentences = describeSettings({ role: before, admission: 'open' }, { role: now, admission: 'open' });
    expect(sentences).toEqual(said === undefined ? [] : [expect.stringMatching(said)]);
  });

  test('of who comes in is said', () => {
    const change = (before: 'open' | 'ask', now: 'open' | 'ask'): readonly string[] =>
      describeSettings({ role: 'member', admission: before }, { role: 'member', admission: now });
    expect(change('open', 'ask')).toEqual([words.locked]);
    expect(change('ask', 'open')).toEqual([words.unlocked]);
    expect(change('ask', 'ask')).toEqual([]);
  });

  test('can be read again in the order of time', () => {
    const told = [
      { id: 1, time: 10, sentence: 'first' },
      { id: 2, time: 30, sentence: 'third' },
    ];
    const past = pastNotices(told, [{ key: 'own 1', time: 20, sentence: 'second' }]);
    expect(past.map(({ sentence }) => sentence)).toEqual(['first', 'second', 'third']);
    expect(new Set(past.map(({ key }) => key)).size).toBe(3);
  });
});

test('somebody decides about a joiner only once it has asked for longer than apps take', () => {
  expect(isKeptWaiting({ step: 'waiting-for-member', sentence: undefined })).toBe(false);
  expect(isKeptWaiting({ step: 'waiting-for-member', sentence: 'Waiting.' })).toBe(true);
  expect(isKeptWaiting({ step: 'connecting', sentence: 'Trying again.' })).toBe(false);
});
