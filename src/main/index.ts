/** Electron's entry: opens the profile, the window and the app, and ends them in order. */
import path from 'node:path';
import { writeFile } from 'node:fs/promises';
import { app, clipboard, dialog, powerMonitor, type BrowserWindow } from 'electron';
import type { AppState } from '../contract/state.ts';
import { App } from './app.ts';
import { INVITATION_SCHEME, parseCommandLine, type CommandLine } from './command-line.ts';
import { keytarKeychain } from './identity/keytar-keychain.ts';
import { MediaBridge } from './media-bridge.ts';
import { startMlsWorker } from './mls/worker-mls-port.ts';
import { readServers, type Servers } from './servers.ts';
import { declareAppScheme, serveApp } from './shell/app-protocol.ts';
import { answerCalls, sendState } from './shell/ipc.ts';
import { openWindow, restrictPermissions } from './shell/window.ts';
import { openProfile } from './storage/profile.ts';

function fail(sentence: string): never {
  process.stderr.write(`${sentence}\n`);
  dialog.showErrorBox('Conclave cannot start', sentence);
  app.exit(1);
  throw new Error(sentence);
}

function loadServers(file: string | undefined): Servers | undefined {
  if (file === undefined) return undefined;
  const read = readServers(file);
  return read.kind === 'read' ? read.servers : fail(read.sentence);
}

async function run(commandLine: CommandLine): Promise<void> {
  const servers = loadServers(commandLine.serversFile);
  const opened = await openProfile(path.join(app.getPath('userData'), 'profile'));
  if (opened.kind === 'in-use')
    fail(
      'Conclave is already running with this profile. Switch to its window, or start with another --profile.',
    );
  if (opened.kind === 'unusable') fail(`The profile cannot be used: ${opened.detail}`);
  await app.whenReady();
  serveApp(path.join(import.meta.dirname, '../renderer'));
  restrictPermissions();

  const shown: { window: BrowserWindow | undefined } = { window: undefined };
  const media = new MediaBridge({
    uplink: (item) => conclave.meeting?.uplink(item),
    feedback: (feedback) => conclave.meeting?.feedback(feedback),
  });
  const conclave: App = new App({
    version: app.getVersion(),
    profile: opened.profile,
    keychain: keytarKeychain(),
    servers,
    mls: startMlsWorker({ script: path.join(import.meta.dirname, 'mls-worker.mjs') }),
    devicesAtStart: commandLine.auto !== undefined,
    changed: (state: AppState) => {
      if (shown.window !== undefined) sendState(shown.window, state);
    },
    downlink: (item) => {
      media.send(item);
    },
    writeClipboard: (text) => {
      void clipboard.writeText(text);
    },
    saveFile: async (suggestedName, content) => {
      const { filePath, canceled } = await dialog.showSaveDialog({ defaultPath: suggestedName });
      if (canceled || filePath === '') return undefined;
      await writeFile(filePath, content);
      return filePath;
    },
    // Not `close`, which a page that hangs could still hold up.
    closeWindow: () => {
      if (shown.window?.isDestroyed() === false) shown.window.destroy();
    },
  });
  await conclave.start();
  await automate(conclave, commandLine);

  const window = openWindow(path.join(import.meta.dirname, '../preload/index.cjs'), commandLine.place);
  shown.window = window;
  answerCalls(window, conclave.handlers, ({ uplink, downlink }) => {
    media.connect(uplink, downlink);
    conclave.meeting?.announce();
  });
  askBeforeClosing(window, conclave);
  app.on('second-instance', (_event, argv) => {
    const again = parseCommandLine(argv.slice(1));
    if (again.kind === 'parsed' && again.commandLine.link !== undefined)
      conclave.openLink(again.commandLine.link);
    window.show();
    window.focus();
  });
  app.on('open-url', (event, url) => {
    event.preventDefault();
    conclave.openLink(url);
  });
  app.on('window-all-closed', () => {
    app.quit();
  });
  powerMonitor.on('suspend', () => conclave.meeting?.sleeping());
  powerMonitor.on('resume', () => conclave.meeting?.woke());
  quitInOrder(conclave);
}

/** What a demonstration asked for: a guest, and a meeting that is joined at once. */
async function automate(conclave: App, commandLine: CommandLine): Promise<void> {
  const { handlers } = conclave;
  if (commandLine.guestName !== undefined)
    await handlers['identity.guest']({ displayName: commandLine.guestName });
  let { link } = commandLine;
  if (commandLine.auto === 'start') {
    const created = await handlers['meeting.create']({ title: 'Demonstration', keyAgreement: 'classical' });
    if (!created.ok) fail(created.problem.sentence);
    ({ link } = created.value);
    if (commandLine.printLink) process.stdout.write(`${JSON.stringify({ link })}\n`);
  }
  if (link === undefined) return;
  if (commandLine.auto === undefined) {
    conclave.openLink(link);
    return;
  }
  const joined = await handlers['meeting.join']({ link, microphone: true, camera: true });
  if (!joined.ok) fail(joined.problem.sentence);
}

/** Whoever closes the window is asked first when others are there; whoever ends the process, or the session, is not. */
function askBeforeClosing(window: BrowserWindow, { closing }: App): void {
  window.on('close', (event) => {
    if (window.webContents.isCrashed() || closing.requested()) return;
    event.preventDefault();
    if (window.isMinimized()) window.restore();
    window.show();
  });
  window.webContents.on('render-process-gone', () => {
    if (closing.request !== undefined) closing.close();
  });
  const end = (): void => {
    closing.close();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end);
  powerMonitor.on('shutdown', end);
}

/** The others are told, and the profile is closed, before the process ends. */
function quitInOrder(conclave: App): void {
  const QUIT_WITHIN_MS = 3_000;
  let stopping = false;
  app.on('will-quit', (event) => {
    if (stopping) return;
    stopping = true;
    event.preventDefault();
    const late = new Promise<void>((resolve) => setTimeout(resolve, QUIT_WITHIN_MS));
    void Promise.race([conclave.stop(), late]).finally(() => {
      app.exit(0);
    });
  });
}

declareAppScheme();
const parsed = parseCommandLine(process.argv.slice(app.isPackaged ? 1 : 2));
if (parsed.kind === 'wrong') {
  process.stderr.write(`${parsed.sentence}\n`);
  app.exit(2);
} else {
  const { profileDirectory } = parsed.commandLine;
  if (profileDirectory !== undefined) app.setPath('userData', path.resolve(profileDirectory));
  app.setAsDefaultProtocolClient(INVITATION_SCHEME.replace('://', ''));
  // One copy for each profile: the lock is in the profile's directory.
  if (app.requestSingleInstanceLock()) {
    run(parsed.commandLine).catch((error: unknown) => {
      fail(error instanceof Error ? error.message : String(error));
    });
  } else {
    app.exit(0);
  }
}
