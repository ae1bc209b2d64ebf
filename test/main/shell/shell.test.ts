import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { APP_ORIGIN, resolveAppFile } from '../../../src/main/shell/app-file.ts';
import { checkCall, isTrustedSender } from '../../../src/main/shell/call-check.ts';

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
