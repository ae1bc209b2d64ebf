import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MediaState, Participant } from '../../../src/contract/state.ts';
import { layoutTiles, MIN_TILE_WIDTH, tilePosition } from '../../../src/renderer/features/meeting/layout.ts';
import { actionFor, shortcuts } from '../../../src/renderer/features/meeting/shortcuts.ts';
import { describeTile } from '../../../src/renderer/features/meeting/tile-state.ts';
import { ordinal } from '../../../src/renderer/features/meeting/words.ts';
import { person } from '../harness/scenes.ts';

const GAP = 8;

describe('layout', () => {
  const counts = fc.integer({ min: 1, max: 60 });
  const areas = fc.record({
    width: fc.integer({ min: 200, max: 3000 }),
    height: fc.integer({ min: 150, max: 2000 }),
  });

  test('tiles of one page lie inside, apart from each other, and are of an allowed shape', () => {
    fc.assert(
      fc.property(counts, areas, (count, area) => {
        const layout = layoutTiles(count, area, GAP);
        const { tile } = layout;
        expect(tile.width / tile.height).toBeGreaterThan(4 / 3 - 0.05);
        expect(tile.width / tile.height).toBeLessThan(16 / 9 + 0.05);
        const onPage = Math.min(count, layout.perPage);
        const places = Array.from({ length: onPage }, (_, at) => tilePosition(at, onPage, layout, area, GAP));
        for (const [at, { x, y }] of places.entries()) {
          expect(x).toBeGreaterThanOrEqual(0);
          expect(y).toBeGreaterThanOrEqual(0);
          expect(x + tile.width).toBeLessThanOrEqual(area.width + 1);
          expect(y + tile.height).toBeLessThanOrEqual(area.height + 1);
          for (const other of places.slice(at + 1))
            expect(Math.abs(other.x - x) >= tile.width || Math.abs(other.y - y) >= tile.height).toBe(true);
        }
      }),
    );
  });

  test('everybody has a place on some page, and tiles are wide enough to see somebody', () => {
    fc.assert(
      fc.property(counts, areas, (count, area) => {
        const { perPage, pages, tile } = layoutTiles(count, area, GAP);
        expect(perPage * pages).toBeGreaterThanOrEqual(count);
        expect(perPage * (pages - 1)).toBeLessThan(count);
        if (perPage > 1) expect(tile.width).toBeGreaterThanOrEqual(Math.min(MIN_TILE_WIDTH, area.width) - 1);
      }),
      { examples: [[46, { width: 792, height: 259 }]] },
    );
  });

  test.each([
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 2],
    [5, 3],
    [9, 3],
    [25, 5],
  ])('%d people in a wide window stand in %d columns', (count, columns) => {
    expect(layoutTiles(count, { width: 1256, height: 660 }, GAP)).toMatchObject({ columns, pages: 1 });
  });

  test('a small window shows pages', () => {
    const layout = layoutTiles(25, { width: 456, height: 500 }, GAP);
    expect(layout.pages).toBeGreaterThan(1);
  });
});

describe('shortcuts', () => {
  const plain = { shiftKey: false, ctrlKey: false, metaKey: false, altKey: false };

  test('each is what it says', () => {
    for (const { keys, action } of shortcuts) {
      const shiftKey = keys.startsWith('Shift+');
      expect(actionFor({ ...plain, key: keys.replace('Shift+', ''), shiftKey })).toBe(action);
    }
    expect(new Set(shortcuts.map(({ keys }) => keys)).size).toBe(shortcuts.length);
  });

  test('case does not matter, combinations of the system are left alone, a bare L does not leave', () => {
    expect(actionFor({ ...plain, key: 'm' })).toBe('microphone');
    expect(actionFor({ ...plain, key: '?', shiftKey: true })).toBe('shortcuts');
    expect(actionFor({ ...plain, key: 'm', ctrlKey: true })).toBeUndefined();
    expect(actionFor({ ...plain, key: 'V', metaKey: true })).toBeUndefined();
    expect(actionFor({ ...plain, key: 'l' })).toBeUndefined();
    expect(actionFor({ ...plain, key: 'l', shiftKey: true })).toBe('leave');
  });
});

describe('tile', () => {
  const local = { hasPicture: true, decodable: true, ownMicrophone: false, ownCamera: 'off' as const };
  const bo = (video: MediaState, audio: MediaState = 'live'): Participant => person(1, { video, audio });

  test('a live picture needs no words', () => {
    expect(describeTile(bo('live'), local)).toEqual({
      showPicture: true,
      stale: false,
      picture: undefined,
      sound: undefined,
      alarm: false,
    });
  });

  test.each<[MediaState, RegExp]>([
    ['off', /camera off/i],
    ['waiting-for-keys', /keys/],
    ['unreadable', /cannot be opened/i],
    ['unsupported', /not known/],
  ])('%s shows no picture, even where there was one, and says why', (video, why) => {
    const tile = describeTile(bo(video), local);
    expect(tile.showPicture).toBe(false);
    expect(tile.picture).toMatch(why);
  });

  test('a sender that fell silent keeps its last picture, dimmed and named', () => {
    expect(describeTile(bo('reconnecting'), local)).toMatchObject({
      showPicture: true,
      stale: true,
      picture: 'Connection lost',
    });
  });

  test('a codec not known here is said, whatever the meeting says', () => {
    expect(describeTile(bo('live'), { ...local, hasPicture: false, decodable: false }).picture).toMatch(
      /not known/,
    );
  });

  test('sound has words of its own', () => {
    expect(describeTile(bo('live', 'off'), local).sound).toBe('Muted');
    expect(describeTile(bo('live', 'unreadable'), local).sound).toMatch(/cannot be opened/);
  });

  test('what is not, or may not be, of that person is not shown, and says so', () => {
    const doubted = (doubt: Participant['doubt']): Participant => ({ ...bo('live'), doubt });
    expect(describeTile(doubted('forged'), local)).toEqual({
      showPicture: false,
      stale: false,
      picture: 'Somebody else is sending as Bo Chen. Sound and picture are stopped.',
      sound: 'Somebody else is sending as this person',
      alarm: true,
    });
    expect(describeTile(doubted('unconfirmed'), local)).toMatchObject({
      showPicture: false,
      picture: 'It cannot be confirmed that this comes from Bo Chen. Sound and picture are stopped.',
      alarm: false,
    });
    expect(describeTile({ ...doubted('forged'), displayName: undefined }, local).picture).toMatch(
      /as this person\./,
    );
  });

  test('oneself is drawn from the devices, not from the roster', () => {
    const self = person(0, { video: 'off', audio: 'off' });
    expect(describeTile(self, { ...local, ownMicrophone: true, ownCamera: 'on' })).toEqual({
      showPicture: true,
      stale: false,
      picture: undefined,
      sound: undefined,
      alarm: false,
    });
    expect(describeTile(self, { ...local, hasPicture: false })).toMatchObject({
      picture: 'Camera off',
      sound: 'Muted',
    });
  });
});

test.each([
  [1, '1st'],
  [2, '2nd'],
  [3, '3rd'],
  [4, '4th'],
  [11, '11th'],
  [21, '21st'],
  [112, '112th'],
])('%d is %s', (value, text) => {
  expect(ordinal(value)).toBe(text);
});
