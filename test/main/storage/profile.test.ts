import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openProfile, type Profile } from '../../../src/main/storage/profile.ts';
import { DEFAULT_SETTINGS, settingsOf } from '../../../src/main/storage/settings.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'conclave-profile-'));
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

async function opened(directory: string): Promise<Profile> {
  const outcome = await openProfile(directory);
  if (outcome.kind !== 'open') expect.unreachable();
  return outcome.profile;
}

describe('a profile', () => {
  test('keeps its ID and its settings', async () => {
    const directory = join(root, 'deep', 'kept');
    const first = await opened(directory);
    expect(first.settings).toEqual(DEFAULT_SETTINGS);
    await first.changeSettings({ displayName: 'Ada' });
    await first.changeSettings({ theme: 'dark' });
    await first.close();
    const second = await opened(directory);
    expect(second.id).toBe(first.id);
    expect(second.settings).toEqual({ displayName: 'Ada', theme: 'dark' });
    expect(second.stateDirectory.startsWith(directory)).toBe(true);
    await second.close();
    if (process.platform !== 'win32') expect((await stat(directory)).mode & 0o077).toBe(0);
  });

  test('has an ID of its own', async () => {
    const [one, two] = [await opened(join(root, 'one')), await opened(join(root, 'two'))];
    expect(one.id).not.toBe(two.id);
    await one.close();
    await two.close();
  });

  test('changes that overlap end with the last', async () => {
    const directory = join(root, 'busy');
    const profile = await opened(directory);
    await Promise.all(
      Array.from({ length: 20 }, (_, at) => profile.changeSettings({ displayName: `n${String(at)}` })),
    );
    await profile.close();
    const again = await opened(directory);
    expect(again.settings.displayName).toBe('n19');
    await again.close();
  });

  test.each(['', '{', '[]', '{"id": "short"}'])(
    'whose file is %j is refused, unlocked and left alone',
    async (content) => {
      const directory = join(root, `damaged ${String(content.length)}`);
      await mkdir(directory);
      await writeFile(join(directory, 'profile.json'), content);
      for (let attempt = 0; attempt < 2; attempt += 1) {
        const outcome = await openProfile(directory);
        expect(outcome.kind).toBe('unusable');
      }
      expect(await readFile(join(directory, 'profile.json'), 'utf8')).toBe(content);
    },
  );

  test('that cannot be made is unusable, with the reason', async () => {
    await writeFile(join(root, 'file'), '');
    const outcome = await openProfile(join(root, 'file', 'profile'));
    if (outcome.kind !== 'unusable') expect.unreachable();
    expect(outcome.detail).not.toBe('');
  });
});

describe('two processes', () => {
  test('cannot have one profile; it is free when closed', async () => {
    const directory = join(root, 'shared');
    const first = await opened(directory);
    expect(await openProfile(directory)).toEqual({ kind: 'in-use' });
    await first.close();
    const second = await opened(directory);
    await second.close();
  });

  test.each([
    ['a short path', 'k'],
    ['a path longer than socket paths may be', 'long '.repeat(30).trim()],
  ])('in %s: one that is killed frees it, and a race has one winner', async (_, name) => {
    const directory = join(root, name);
    const child = await otherProcess(directory);
    expect(child.said).toBe('open');
    expect(await openProfile(directory)).toEqual({ kind: 'in-use' });
    child.kill();
    await child.ended;
    // The socket file is left over; several find that out at the same time.
    for (let round = 0; round < 5; round += 1) {
      const outcomes = await Promise.all(Array.from({ length: 8 }, () => openProfile(directory)));
      const winners = outcomes.filter((outcome) => outcome.kind === 'open');
      expect(outcomes.every((outcome) => outcome.kind !== 'unusable')).toBe(true);
      expect(winners).toHaveLength(1);
      for (const winner of winners) await winner.profile.close();
    }
    expect((await readdir(directory)).sort()).toEqual(['profile.json']);
  });
});

test('settings that do not fit have their defaults', () => {
  expect(settingsOf(undefined)).toEqual(DEFAULT_SETTINGS);
  expect(settingsOf('text')).toEqual(DEFAULT_SETTINGS);
  expect(settingsOf({ displayName: 'x'.repeat(65), theme: 'blue' })).toEqual(DEFAULT_SETTINGS);
  expect(settingsOf({ displayName: '', theme: 'light', other: 1 })).toEqual({
    displayName: undefined,
    theme: 'light',
  });
});

/** Another process that opens the profile, says how that went, and stays. */
async function otherProcess(directory: string) {
  const script = `
    import { openProfile } from './src/main/storage/profile.ts';
    const { kind } = await openProfile(process.argv[1]);
    console.log(kind);
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  const said = await new Promise<string>((resolve) => {
    child.stdout.once('data', (data: Buffer) => {
      resolve(data.toString().trim());
    });
  });
  return { said, ended, kill: () => child.kill('SIGKILL') };
}
