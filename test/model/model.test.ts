import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { check } from '../../scripts/model/checking.mjs';
import { broken, intact } from '../../scripts/model/runs.mjs';
import { onPath } from '../../scripts/system-packages.mjs';

const FOLDER = new URL('../../docs/model/', import.meta.url);

const readme = readFileSync(new URL('README.md', FOLDER), 'utf8');

const models = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.pml') && name !== 'properties.pml')
  .map((name) => ({
    name: name.replace('.pml', ''),
    text: readFileSync(new URL(name, FOLDER), 'utf8'),
  }));

function defined(text: string, pattern: RegExp): string[] {
  return [...new Set(Array.from(text.matchAll(pattern), ([, name]) => name ?? ''))];
}

// `npm test` installs spin on Linux; elsewhere it may be there.
describe.skipIf(process.platform !== 'linux' && !onPath('spin'))(
  'the model of joining and committing',
  () => {
    test.each(intact)('$model, $title: no property fails in any state', async (run) => {
      expect(await check(run)).toMatchObject({ kind: 'holds' });
    });

    test.each(broken)('$model: $title', async (run) => {
      expect(await check(run)).toMatchObject({ kind: 'fails' });
    });

    test('a model that does not compile, or a search that ends too early, is an error and no verdict', async () => {
      await expect(check({ model: 'commit', title: '', fails: 'no_such_property' })).rejects.toThrow(
        'failed',
      );
      await expect(check({ model: 'join', title: '' }, 20)).rejects.toThrow('not complete');
    });
  },
);

describe.each(models)('the runs of $name.pml', ({ name, text }) => {
  const runs = broken.filter((run) => run.model === name);

  test('remove each defence that has a switch', () => {
    const switches = defined(text, /^#ifn?def (NO_\w+)/gm);
    expect(switches.length).toBeGreaterThan(0);
    const removed = runs.flatMap((run) => run.defines ?? []);
    expect(switches.filter((change) => !removed.includes(change))).toEqual([]);
  });

  test('show that each property can fail', () => {
    const properties = [...defined(text, /^#define ([a-z_]+) \d+$/gm), 'progress'];
    expect(properties.length).toBeGreaterThan(5);
    const failing = runs.map((run) => run.fails);
    expect(properties.filter((property) => !failing.includes(property))).toEqual([]);
  });

  test('are told in the README, and the switches at the top of the model', () => {
    const properties = defined(text, /^#define ([a-z_]+) \d+$/gm);
    expect(properties.filter((property) => !readme.includes(`\`${property}\``))).toEqual([]);
    const header = text.slice(0, text.indexOf('*/'));
    const switches = defined(text, /^#ifn?def (NO_\w+)/gm);
    expect(switches.filter((change) => !header.includes(change))).toEqual([]);
  });
});
