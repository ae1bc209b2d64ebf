import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { APP_ORIGIN, resolveAppFile } from '../../../src/main/shell/app-file.ts';
import { checkCall, isTrustedSender } from '../../../src/main/shell/call-check.ts';
import { placeInRow } from '../../../src/main/shell/placement.ts';

const ROOT = path.resolve('/opt/conclave/renderer');

describe('files of the page', () => {
  test('are found below their root', () => {
    expect(resolveAppFile(ROOT, `${APP_ORIGIN}/`)).toBe(path.join(ROOT, 'index.html'));
    expect(resolveAppFile(ROOT, `${APP_ORIGIN}/assets/a%20b.js?x=1#y`)).toBe(
      path.join(ROOT, 'assets/a b.js'),
    );
  });

  test.each([
    'app://conclave/%2e%2e%2f%2e%2e%2fetc/passwd',
    'app://conclave/..%2f..%2fetc/passwd',
    'app://conclave/assets/..%2f..%2f..%2fsecret',
    'app://conclave/..%2frenderer-old/index.html',
    'app://conclave/..%5c..%5cwindows',
    'app://conclave/a%00.js',
    'app://conclave/%E0%A4%A',
    'app://elsewhere/index.html',
    'app://conclave.evil.example/index.html',
    'no url',
  ])('are not to be had by %s', (url) => {
    expect(resolveAppFile(ROOT, url)).toBeUndefined();
  });

  test('stay below their root however often a path goes up', () => {
    for (const up of ['../', '..//', './../', '%2e%2e/', '.%2e/'])
      for (let depth = 1; depth < 8; depth += 1) {
        const file = resolveAppFile(ROOT, `${APP_ORIGIN}/${up.repeat(depth)}x`);
        expect(file === undefined || file.startsWith(ROOT + path.sep)).toBe(true);
      }
  });
});

describe('windows in a row', () => {
  const row = (area: { x: number; y: number; width: number; height: number }, count: number) =>
    Array.from({ length: count }, (_, index) => placeInRow(area, { index, count }, 420));

  test('share the screen from edge to edge, and none covers another', () => {
    const windows = row({ x: 60, y: 30, width: 1860, height: 1050 }, 3);
    expect(windows.map(({ x, width }) => [x, width])).toEqual([
      [60, 612],
      [684, 612],
      [1308, 612],
    ]);
    for (const { y, height } of windows) expect([y, height]).toEqual([195, 720]);
  });

  test.each([
    [{ x: 0, y: 0, width: 1024, height: 600 }, 3],
    [{ x: 0, y: 25, width: 1366, height: 700 }, 3],
    [{ x: 0, y: 0, width: 300, height: 200 }, 2],
    [{ x: 1920, y: 0, width: 2560, height: 1440 }, 1],
  ])('stay inside %j', (area, count) => {
    for (const { x, y, width, height } of row(area, count)) {
      expect(width).toBeGreaterThanOrEqual(Math.min(420, area.width));
      expect([x >= area.x, x + width <= area.x + area.width]).toEqual([true, true]);
      expect([y >= area.y, y + height <= area.y + area.height]).toEqual([true, true]);
    }
  });
});

describe('calls of the page', () => {
  const top = { url: `${APP_ORIGIN}/index.html`, parent: null };

  test('come from the top frame of our page in our window', () => {
    expect(isTrustedSender(1, 1, top)).toBe(true);
    expect(isTrustedSender(2, 1, top)).toBe(false);
    expect(isTrustedSender(1, undefined, top)).toBe(false);
    expect(isTrustedSender(1, 1, null)).toBe(false);
    expect(isTrustedSender(1, 1, { ...top, parent: {} })).toBe(false);
    for (const url of [
      'https://example.org/',
      `${APP_ORIGIN}.example.org/`,
      `${APP_ORIGIN}x`,
      'app://other/',
      'file:///x',
      '',
    ])
      expect(isTrustedSender(1, 1, { ...top, url })).toBe(false);
  });

  test('are of the contract, by name and argument', () => {
    expect(checkCall('meeting.leave', undefined)).toEqual({ name: 'meeting.leave', argument: undefined });
    expect(checkCall('identity.guest', { displayName: '  Ana ' })?.argument).toEqual({ displayName: 'Ana' });
    for (const name of ['toString', '__proto__', 'constructor', 'meeting.destroy', '', undefined, 7])
      expect(checkCall(name, undefined)).toBeUndefined();
    for (const argument of [
      undefined,
      null,
      {},
      { displayName: '' },
      { displayName: 'x'.repeat(65) },
      { displayName: 'Ana', admin: true },
    ])
      expect(checkCall('identity.guest', argument)).toBeUndefined();
    expect(checkCall('meeting.leave', {})).toBeUndefined();
    expect(
      checkCall('meeting.watch', { participants: Array.from({ length: 1_001 }, () => 'p') }),
    ).toBeUndefined();
  });
});
