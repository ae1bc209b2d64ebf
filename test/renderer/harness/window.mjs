// @ts-check
/** The harness in the real Electron, served from this machine with the content security policy that the app has. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { _electron } from '@playwright/test';
import { build } from 'vite';
import { openDisplay } from '../../../scripts/display.mjs';
import { findElectron } from '../../../scripts/electron-runtime.mjs';

const policy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self'",
  "media-src 'self'",
  "connect-src 'self'",
  "require-trusted-types-for 'script'",
  'trusted-types svelte-trusted-html conclave',
].join('; ');

/** @type {Readonly<Record<string, string>>} */
const types = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.woff2': 'font/woff2',
  '.wav': 'audio/wav',
};

/**
 * How a scene is looked at.
 * @typedef {{readonly width: number, readonly height: number, readonly theme: 'light' | 'dark', readonly zoom: number}} Look
 */

/** An open window. */
export class HarnessWindow {
  /**
   * Errors of the page and violations of its policy.
   * @type {string[]}
   */
  complaints = [];
  #app;
  #server;
  #work;
  #closeDisplay;

  /**
   * @param {import('@playwright/test').ElectronApplication} app
   * @param {import('@playwright/test').Page} page
   * @param {import('node:http').Server} server
   * @param {string} work
   * @param {() => void} closeDisplay
   */
  constructor(app, page, server, work, closeDisplay) {
    this.#app = app;
    this.page = page;
    this.#server = server;
    this.#work = work;
    this.#closeDisplay = closeDisplay;
    page.on('pageerror', ({ message }) => this.complaints.push(message));
    page.on('console', (message) => {
      if (message.type() === 'error') this.complaints.push(message.text());
    });
  }

  /**
   * @param {readonly string[]} media switches that say what camera and microphone show
   * @returns {Promise<HarnessWindow>}
   */
  static async open(media) {
    const work = await mkdtemp(join(tmpdir(), 'conclave-harness-'));
    const site = join(work, 'site');
    await build({ configFile: join(import.meta.dirname, 'vite.config.ts'), build: { outDir: site } });
    const server = serve(site);
    await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
    const main = join(work, 'main.cjs');
    await writeFile(main, mainScript);
    const display = await openDisplay();
    const runtime = await findElectron(() => undefined);
    const app = await _electron.launch({
      executablePath: runtime.executable,
      args: [
        main,
        ...media,
        '--no-sandbox',
        '--use-fake-ui-for-media-stream',
        '--autoplay-policy=no-user-gesture-required',
        `--user-data-dir=${join(work, 'profile')}`,
      ],
      env: /** @type {Record<string, string>} */ (display.env),
    });
    return new HarnessWindow(app, await app.firstWindow(), server, work, display.close);
  }

  /**
   * Shows a scene anew.
   * @param {string} scene
   * @param {Look} look
   */
  async show(scene, look) {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new TypeError('the server has no port');
    await this.page.goto('about:blank');
    await this.#resize(look);
    await this.page.goto(`http://127.0.0.1:${address.port}/#scene=${scene}&theme=${look.theme}`);
    await this.#resize(look);
    await this.page.waitForTimeout(500);
  }

  /** @returns {Promise<Buffer>} a PNG of the window */
  async photograph() {
    const picture = await this.#app.evaluate(async ({ BrowserWindow }) => {
      const image = await BrowserWindow.getAllWindows()[0]?.webContents.capturePage();
      return image?.toPNG().toString('base64') ?? '';
    });
    return Buffer.from(picture, 'base64');
  }

  async close() {
    await this.#app.close();
    this.#server.close();
    this.#closeDisplay();
    await rm(this.#work, { recursive: true, force: true });
  }

  /** @param {Look} look */
  async #resize(look) {
    await this.#app.evaluate(({ BrowserWindow }, { width, height, zoom }) => {
      const window = BrowserWindow.getAllWindows()[0];
      window?.setContentSize(width, height);
      if (window) window.webContents.zoomFactor = zoom;
    }, look);
  }
}

const mainScript = `
  const { app, BrowserWindow } = require('electron');
  app.whenReady().then(() => {
    new BrowserWindow({ width: 1280, height: 800, useContentSize: true, frame: false,
      webPreferences: { sandbox: true, contextIsolation: true, backgroundThrottling: false } }).loadURL('about:blank');
  });`;

/** @param {string} site */
function serve(site) {
  return createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    const file = path === '/' ? '/index.html' : path;
    readFile(join(site, file)).then(
      (body) => {
        response.writeHead(200, {
          'content-type': types[extname(file)] ?? 'application/octet-stream',
          'content-security-policy': policy,
        });
        response.end(body);
      },
      () => response.writeHead(404).end(),
    );
  });
}
