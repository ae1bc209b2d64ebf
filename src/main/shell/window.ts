/** The app's window: sandboxed, isolated, showing nothing but our own pages. */
import path from 'node:path';
import { BrowserWindow, screen, session } from 'electron';
import { APP_ORIGIN } from './app-file.ts';
import { placeInRow, type Place } from './placement.ts';

const MIN_WIDTH = 420;

/**
 * Opens the main window.
 * @param preload - absolute path of the preload bundle.
 * @param place - its place in a row of windows; undefined: where the system puts it.
 */
export function openWindow(preload: string, place: Place | undefined): BrowserWindow {
  const bounds =
    place === undefined
      ? { width: 1120, height: 720 }
      : placeInRow(screen.getPrimaryDisplay().workArea, place, MIN_WIDTH);
  const window = new BrowserWindow({
    ...bounds,
    minWidth: MIN_WIDTH,
    minHeight: 420,
    title: 'Conclave',
    backgroundColor: '#0c1117',
    show: false,
    autoHideMenuBar: true,
    webPreferences: {
      preload: path.resolve(preload),
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      webviewTag: false,
      spellcheck: false,
      backgroundThrottling: false,
      // Others are heard from the moment one is in the meeting, whether one clicked or not.
      autoplayPolicy: 'no-user-gesture-required',
      devTools: process.env.CONCLAVE_DEVTOOLS === '1',
    },
  });
  window.once('ready-to-show', () => {
    window.show();
  });
  // Not in the browser either, to which code in the page could give any address that it liked.
  window.webContents.setWindowOpenHandler(() => ({ action: 'deny' }));
  // Beside the page's policy, which is young there: a peer connection needs no proxy for its datagrams.
  window.webContents.setWebRTCIPHandlingPolicy('disable_non_proxied_udp');
  window.webContents.on('will-navigate', (event, url) => {
    if (!url.startsWith(`${APP_ORIGIN}/`)) event.preventDefault();
  });
  window.webContents.on('will-attach-webview', (event) => {
    event.preventDefault();
  });
  void window.loadURL(`${APP_ORIGIN}/index.html`);
  return window;
}

/** Grants camera, microphone and full screen to our own pages and nothing to anybody else. */
export function restrictPermissions(): void {
  const granted = new Set(['media', 'fullscreen', 'clipboard-sanitized-write']);
  const ours = (url: string): boolean => url === APP_ORIGIN || url.startsWith(`${APP_ORIGIN}/`);
  session.defaultSession.setPermissionRequestHandler((contents, permission, decide, details) => {
    decide(granted.has(permission) && ours(details.requestingUrl) && ours(contents.getURL()));
  });
  session.defaultSession.setPermissionCheckHandler(
    (_contents, permission, origin) => granted.has(permission) && ours(origin.replace(/\/$/, '')),
  );
}
