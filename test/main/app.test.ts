/** The renderer's calls, answered by the app with a keychain and a profile of its own, and servers that are not there. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { App, type AppPorts } from '../../src/main/app.ts';
import { TsMlsAdapter } from '../../src/main/mls/ts-mls-adapter.ts';
import type { Servers } from '../../src/main/servers.ts';
import { openProfile } from '../../src/main/storage/profile.ts';
import { MemoryKeychain } from './identity/memory-keychain.ts';

const SERVERS: Servers = {
  relays: ['moqt://127.0.0.1:9/'],
  counter: 'https://127.0.0.1:9/',
  receiptKey: 'A'.repeat(43),
  mode: 'fenced',
};

let folder: string;
let keychain: MemoryKeychain;
let clipboard: string[];
let running: App[];
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'conclave-app-'));
  keychain = new MemoryKeychain();
  clipboard = [];
  running = [];
});
afterEach(async () => {
  for (const app of running) await app.stop();
  await rm(folder, { recursive: true, force: true });
});

async function startApp(ports: Partial<AppPorts> = {}): Promise<App> {
  const opened = await openProfile(folder);
  if (opened.kind !== 'open') throw new Error(opened.kind);
  const app = new App({
    version: '1.2.3',
    profile: opened.profile,
    keychain,
    servers: SERVERS,
    mls: new TsMlsAdapter(),
    devicesAtStart: false,
    changed: () => undefined,
    downlink: () => undefined,
    writeClipboard: (text) => clipboard.push(text),
    saveFile: () => Promise.resolve(undefined),
    closeWindow: () => undefined,
    ...ports,
  });
  running.push(app);
  await app.start();
  return app;
}
async function stopApp(app: App): Promise<void> {
  running = running.filter((each) => each !== app);
  await app.stop();
}

describe('who one is', () => {
  test('is kept in the keychain and found again by the next start', async () => {
    const app = await startApp();
    expect(app.state().identity).toEqual({ kind: 'none' });
    expect(await app.handlers['identity.create']({ displayName: 'Ana' })).toEqual({ ok: true, value: null });
    const first = app.state().identity;
    expect(first).toMatchObject({ kind: 'kept', displayName: 'Ana' });
    await stopApp(app);
    expect((await startApp()).state().identity).toEqual(first);
  });

  test('is a guest where there is no keychain, who is told why and leaves nothing behind', async () => {
    keychain.brokenBy = 'locked';
    const app = await startApp();
    expect(app.state().identity).toMatchObject({ kind: 'no-keychain' });
    expect(await app.handlers['identity.create']({ displayName: 'Ana' })).toMatchObject({ ok: false });
    expect(await app.handlers['identity.guest']({ displayName: 'Guest name' })).toMatchObject({ ok: true });
    expect(app.state().identity).toMatchObject({ kind: 'guest', displayName: 'Guest name' });
    const created = await app.handlers['meeting.create']({
      title: 'Secret title',
      keyAgreement: 'classical',
    });
    if (!created.ok) throw new Error('no link');
    await app.handlers['meeting.join']({ link: created.value.link, microphone: false, camera: false });
    await stopApp(app);
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const content = await readFile(path.join(entry.parentPath, entry.name), 'latin1');
      expect(content).not.toContain('Guest name');
      expect(content).not.toContain('Secret title');
      expect(content).not.toContain(created.value.link.slice(20, 60));
    }
  });
});

describe('meetings', () => {
  test('are started on this app’s servers, or it says that it has none', async () => {
    const app = await startApp({ servers: undefined });
    expect(app.state().canCreate).toBe(false);
    expect(await app.handlers['meeting.create']({ title: 'T', keyAgreement: 'classical' })).toMatchObject({
      ok: false,
    });
  });

  test('are joined by whoever said who one is, one at a time, and left at once though nothing answers', async () => {
    const app = await startApp();
    const created = await app.handlers['meeting.create']({ title: 'Board', keyAgreement: 'classical' });
    if (!created.ok) throw new Error('no link');
    const { link } = created.value;
    const join = { link, microphone: true, camera: false };
    expect(await app.handlers['meeting.join'](join)).toMatchObject({ ok: false });
    expect(await app.handlers['meeting.copy-link'](undefined)).toMatchObject({ ok: false });
    await app.handlers['identity.create']({ displayName: 'Ana' });
    expect(await app.handlers['meeting.join']({ ...join, link: link.slice(0, -3) })).toMatchObject({
      ok: false,
    });
    expect(await app.handlers['meeting.join'](join)).toMatchObject({ ok: true });
    expect(app.state().meeting).toMatchObject({ kind: 'joining', invitation: { title: 'Board' } });
    expect(await app.handlers['meeting.join'](join)).toMatchObject({ ok: false });
    expect(await app.handlers['meeting.remove']({ participant: 'nobody' })).toMatchObject({ ok: false });
    await app.handlers['meeting.copy-link'](undefined);
    expect(clipboard).toEqual([link]);
    await app.handlers['meeting.leave'](undefined);
    expect(app.state().meeting).toMatchObject({ kind: 'ended', reason: 'left' });
    await app.handlers['meeting.dismiss'](undefined);
    expect(app.state().meeting).toEqual({ kind: 'none' });
    expect(app.state().recent.map(({ title }) => title)).toEqual(['Board']);
    await stopApp(app);
    expect((await startApp()).state().recent.map(({ title }) => title)).toEqual(['Board']);
  });

  test('whose link the system hands over are shown until they were looked at', async () => {
    const app = await startApp();
    app.openLink('conclave://join/x');
    expect(app.state().pendingLink).toBe('conclave://join/x');
    expect(await app.handlers['meeting.inspect']({ link: 'conclave://join/x' })).toMatchObject({ ok: false });
    expect(app.state().pendingLink).toBeUndefined();
  });
});

test('camera and microphone are asked for at the start once, not again by a page that is loaded anew', async () => {
  const app = await startApp({ devicesAtStart: true });
  expect(app.state().devicesAtStart).toBe(true);
  await app.handlers['meeting.sending']({ microphone: false, camera: false });
  expect(app.state().devicesAtStart).toBe(false);
});

test('the window is told of changes', async () => {
  let hear: (theme: string) => void = () => undefined;
  const heard = new Promise((resolve) => (hear = resolve));
  const app = await startApp({
    changed: ({ theme }) => {
      if (theme !== 'system') hear(theme);
    },
  });
  await app.handlers['settings.theme']({ theme: 'dark' });
  expect(await heard).toBe('dark');
});
