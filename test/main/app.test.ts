/** The renderer's calls, answered by the app with a keychain and a profile of its own, and servers that are not there. */
import { epoch } from '../../src/protocol/units.ts';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Problem } from '../../src/contract/calls.ts';
import type { Result } from '../../src/contract/result.ts';
import { App, type AppPorts } from '../../src/main/app.ts';
import { readInvitation } from '../../src/main/invitations.ts';
import { nodeGroupCrypto } from '../../src/main/mls/node-group-crypto.ts';
import { TsMlsAdapter } from '../../src/main/mls/ts-mls-adapter.ts';
import type { Servers } from '../../src/main/servers.ts';
import { openProfile } from '../../src/main/storage/profile.ts';
import { openSealedStore } from '../../src/main/storage/sealed-store.ts';
import { encodeBase64Url } from '../../src/protocol/bytes/base64url.ts';
import type { SenderId } from '../../src/protocol/group/names.ts';
import { roomKeysOf } from '../../src/protocol/group/room-keys.ts';
import { encodeMembership } from '../../src/protocol/meeting/membership-codec.ts';
import { MemoryKeychain } from './identity/memory-keychain.ts';

const SERVERS: Servers = {
  relays: [{ url: 'moqt://127.0.0.1:9/', pass: true }],
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

/** MLS that is long about reading a membership back. */
class SlowRestore extends TsMlsAdapter {
  #asked: () => void = () => undefined;
  #answer: () => void = () => undefined;
  readonly isAsked = new Promise<void>((resolve) => (this.#asked = resolve));
  readonly #answered = new Promise<void>((resolve) => (this.#answer = resolve));

  answer(): void {
    this.#answer();
  }

  override async restore(): Promise<undefined> {
    this.#asked();
    await this.#answered;
    return undefined;
  }
}

function linkOf(created: Result<{ readonly link: string }, Problem>): string {
  if (!created.ok) throw new Error(created.problem.sentence);
  return created.value.link;
}

/** Leaves a membership in the store, as a meeting that was suspended does. */
async function saveMembership(link: string): Promise<void> {
  const invitation = readInvitation(link);
  const opened = await openProfile(folder);
  if (opened.kind !== 'open' || !invitation.ok) throw new Error('there is a profile and a link');
  const { profile } = opened;
  const sealed = await openSealedStore({
    directory: profile.stateDirectory,
    profileId: profile.id,
    keychain,
  });
  if (sealed.kind !== 'open') throw new Error(sealed.kind);
  const { room } = roomKeysOf(invitation.value.secret, nodeGroupCrypto);
  const senderId = new Uint8Array(32) as SenderId;
  const record = {
    generation: 0,
    senderId,
    creating: false,
    log: [],
    joins: { since: epoch(0n), past: [], known: [] },
    recipients: [],
  };
  const bytes = encodeMembership({ record, state: new Uint8Array(8) });
  await sealed.store.save(`membership-${encodeBase64Url(room)}`, bytes);
  await profile.close();
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

  test('begin when the one before has nothing under way any more, though it was dismissed', async () => {
    const mls = new SlowRestore();
    const before = await startApp();
    await before.handlers['identity.create']({ displayName: 'Ana' });
    const link = linkOf(
      await before.handlers['meeting.create']({ title: 'Board', keyAgreement: 'classical' }),
    );
    await stopApp(before);
    await saveMembership(link);
    let ended: () => void = () => undefined;
    const hasEnded = new Promise<void>((resolve) => (ended = resolve));
    const app = await startApp({
      mls,
      changed: ({ meeting }) => {
        if (meeting.kind === 'ended') ended();
      },
    });
    const join = { link, microphone: false, camera: false };
    await app.handlers['meeting.join'](join);
    await mls.isAsked;
    // The membership is still being read: the meeting gives up erasing it.
    const left = app.handlers['meeting.leave'](undefined);
    await hasEnded;
    await app.handlers['meeting.dismiss'](undefined);
    const first = app.handlers['meeting.join'](join);
    const second = app.handlers['meeting.join'](join);
    await app.handlers['settings.theme']({ theme: 'dark' });
    const meanwhile = app.state().meeting;
    mls.answer();
    await left;
    expect(meanwhile).toEqual({ kind: 'none' });
    expect([(await first).ok, (await second).ok]).toEqual([true, false]);
    expect(app.state().meeting.kind).toBe('joining');
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
