import { describe, expect, test } from 'vitest';
import type { Member } from '../../../src/protocol/group/roster.ts';
import type { EpochBegun } from '../../../src/protocol/meeting/group-events.ts';
import { Organising } from '../../../src/protocol/meeting/organising.ts';
import { unixMillis } from '../../../src/protocol/units.ts';
import { testParameters } from '../../harness/group/membership.ts';
import { meetingCore } from '../../harness/meeting/core.ts';
import { person } from './people.ts';

const [ana, bo, al] = [person(0), person(1), person(2)];
const everybody = [ana, bo, al];
type Epoch = Omit<EpochBegun, 'masterKey'>;

/** An epoch in which Ana organises, as Ana or Bo sees it. */
function epoch(
  roster: readonly Member[],
  {
    by,
    removed = [],
    added = [],
    own = ana,
    organisers = [ana],
  }: {
    by?: Member;
    removed?: Member[];
    added?: Member[];
    own?: Member;
    organisers?: Member[];
  } = {},
): Epoch {
  const change = { added, removed, by: by?.leaf, time: unixMillis(0) };
  const parameters = { ...testParameters, organisers: organisers.map(({ fingerprint }) => fingerprint) };
  // Of the rest nothing is read here.
  return { roster, ownLeaf: own.leaf, parameters, change } as unknown as Epoch;
}

describe('people are told who removed somebody', () => {
  const told = (after: Epoch, isPresent = (_: Member): boolean => true, before = epoch(everybody)) => {
    const organising = new Organising(meetingCore());
    organising.epochBegan(before, after, isPresent);
    return organising.notices.map(({ news }) => news);
  };

  test('who was there, when it was a member who is no organiser', () => {
    const after = epoch([ana, al], { by: al, removed: [bo] });
    expect(told(after)).toEqual([{ kind: 'removed-by-member', removed: bo, by: al }]);
    // And of each who was there.
    const cy = person(3);
    const both = epoch([ana, al], { by: al, removed: [bo, cy] });
    expect(told(both, ({ leaf }) => leaf === cy.leaf)).toEqual([
      { kind: 'removed-by-member', removed: cy, by: al },
    ]);
  });

  test.each<[string, Epoch, boolean?, Epoch?]>([
    [
      'by an organiser',
      epoch([ana, al], { by: ana, removed: [bo], own: al }),
      true,
      epoch(everybody, { own: al }),
    ],
    [
      'by ourselves',
      epoch([al, ana], { by: al, removed: [bo], own: al }),
      true,
      epoch(everybody, { own: al }),
    ],
    ['who had left or was not heard', epoch([ana, al], { by: al, removed: [bo] }), false],
    ['to come in again', epoch([ana, al, person(1, 2)], { by: al, removed: [bo], added: [person(1, 2)] })],
    ['nobody', epoch([ana, al], { by: al })],
    ['by somebody whom the tree does not know', epoch([ana], { by: person(9), removed: [bo] })],
  ])('and nothing of a removal %s', (_, after, isPresent = true, before = epoch(everybody)) => {
    expect(told(after, () => isPresent, before)).toEqual([]);
  });

  test('and nothing of what was before they came', () => {
    const organising = new Organising(meetingCore());
    organising.epochBegan(undefined, epoch([ana, al], { by: al, removed: [bo] }), () => true);
    expect(organising.notices).toEqual([]);
  });
});

test('whoever becomes an organiser is told, once', () => {
  const organising = new Organising(meetingCore());
  const [member, organiser] = [[ana], [ana, bo]].map((organisers) =>
    epoch(everybody, { own: bo, organisers }),
  );
  const epochs = [member!, organiser!, organiser!, member!, organiser!];
  for (const [at, now] of epochs.entries()) organising.epochBegan(epochs[at - 1], now, () => true);
  expect(organising.notices.map(({ id, news }) => [id, news.kind])).toEqual([
    [1, 'became-organiser'],
    [2, 'became-organiser'],
  ]);
});

test('the last fifty notices are kept', () => {
  const organising = new Organising(meetingCore());
  for (let times = 0; times < 60; times += 1) organising.refused('kick', 'not-organiser');
  expect(organising.notices).toHaveLength(50);
  expect(organising.notices.map(({ id }) => id).slice(0, 2)).toEqual([11, 12]);
});
