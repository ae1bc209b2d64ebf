import { describe, expect, test } from 'vitest';
import { findLink } from '../../../src/renderer/features/home/find-link.ts';
import { trialRuntime } from '../../../src/renderer/features/home/runtime.ts';
import { describeChange } from '../../../src/renderer/features/security/words.ts';
import { pathOf } from '../../../src/renderer/features/waiting/path.ts';
import { words as meetingWords } from '../../../src/renderer/features/meeting/words.ts';
import { ago, clock } from '../../../src/renderer/ui/duration.ts';
import { initials } from '../../../src/renderer/ui/initials.ts';

describe('a pasted link', () => {
  test.each([
    ['conclave://join/v1/AbC_-9', 'conclave://join/v1/AbC_-9'],
    ['  conclave://join#x=1&y=%20  ', 'conclave://join#x=1&y=%20'],
    ['Join us (conclave://join/v1/AbC), at two.', 'conclave://join/v1/AbC'],
    ['<a href="conclave://join/v1/AbC">here</a>', 'conclave://join/v1/AbC'],
    ['first conclave://a then conclave://b', 'conclave://a'],
    ['CONCLAVE://join/x', 'CONCLAVE://join/x'],
  ])('is found in %j', (text, link) => {
    expect(findLink(text)).toBe(link);
  });

  test.each(['', 'https://example.com', 'conclave:/x', 'conclave:// x'])('is not seen in %j', (text) => {
    expect(findLink(text)).toBeUndefined();
  });
});

describe('an Electron', () => {
  const agent = (version: string): string =>
    `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Conclave/0.1.0 Chrome/130.0.6723.191 Electron/${version} Safari/537.36`;

  test('older than the shipped one is named', () => {
    expect(trialRuntime(agent('33.2.1'), '45.4.1')).toBe('Electron 33.2.1');
    expect(trialRuntime(agent('9.4.0'), '45.4.1')).toBe('Electron 9.4.0');
  });

  test.each(['45.0.0', '45.4.1', '45.4.2', '46.0.0', '100.0.0'])('%s is good enough', (version) => {
    expect(trialRuntime(agent(version), '45.4.1')).toBeUndefined();
  });
});

describe('words', () => {
  test.each([
    [2, '2 minutes fast'],
    [89, '89 minutes fast'],
    [90, '2 hours fast'],
    [-180, '3 hours slow'],
    [-2_100, '35 hours slow'],
    [2_880, '2 days fast'],
  ])('a clock that is off by %i minutes is %s', (minutes, words) => {
    expect(meetingWords.wrongClock(minutes * 60_000)).toContain(`clock is ${words}.`);
  });

  test('a change of the keys is a sentence', () => {
    const change = { epoch: '3', time: 0, added: [], removed: [], by: undefined };
    expect(describeChange({ ...change, added: ['Bo'], by: 'Ana' })).toBe('Bo joined. Made by Ana.');
    expect(describeChange({ ...change, added: ['Bo', 'Chen', 'Dan'] })).toBe('Bo, Chen and Dan joined.');
    expect(describeChange({ ...change, added: ['Bo'], removed: ['Dan'] })).toBe(
      'Bo joined, Dan no longer holds keys.',
    );
    expect(describeChange({ ...change, removed: ['Bo', 'Dan'] })).toBe('Bo and Dan no longer hold keys.');
    expect(describeChange(change)).toBe('The keys were renewed.');
    expect(describeChange({ ...change, epoch: '0', added: ['Ana'] })).toBe('Ana started the meeting.');
  });

  test('initials are of the first and last word, in any script', () => {
    expect(['Ana', 'Ana Maria Lindqvist', '  bo   chen ', '田中 博', '😀 x', ''].map(initials)).toEqual([
      'A',
      'AL',
      'BC',
      '田博',
      '😀X',
      '?',
    ]);
    expect(initials(undefined)).toBe('?');
  });

  test('durations read as a clock', () => {
    expect(clock(0)).toBe('00:00:00');
    expect(clock(12 * 60_000 + 41_000)).toBe('00:12:41');
    expect(clock(161_000, true)).toBe('02:41');
    expect(clock(3_761_000, true)).toBe('01:02:41');
    expect(clock(100 * 3_600_000)).toBe('100:00:00');
    expect(clock(-5)).toBe('00:00:00');
  });

  test('times past are told roughly', () => {
    expect(ago(0, 30_000)).toBe('just now');
    expect(ago(0, 150_000)).toBe('2 min ago');
    expect(ago(0, 2 * 3_600_000)).toBe('2 h ago');
    expect(ago(0, 48 * 3_600_000)).toMatch(/1970/);
  });

  test('who opens a meeting waits for nobody', () => {
    expect(pathOf(true)).not.toContain('waiting-for-member');
    expect(pathOf(false)).toContain('waiting-for-member');
  });
});
