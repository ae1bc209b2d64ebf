/**
 * What code in the real window can do, had somebody brought it in: reach no network, no Node and no other page. A server stands
 * beside it that counts whoever comes.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, test, type ElectronApplication, type Page } from '@playwright/test';
import { Machine, type RunningApp } from './harness/machine.ts';

const PAGE = 'app://conclave/index.html';

/** Takes connections and datagrams at one address, and counts them. */
class Outside {
  visits = 0;
  readonly #streams: Server;
  readonly #datagrams: Socket;

  private constructor(streams: Server, datagrams: Socket) {
    this.#streams = streams;
    this.#datagrams = datagrams;
    streams.on('connection', (socket) => {
      this.visits += 1;
      socket.destroy();
    });
    datagrams.on('message', () => (this.visits += 1));
  }

  static async listen(): Promise<Outside> {
    const streams = createServer().listen(0, '127.0.0.1');
    await once(streams, 'listening');
    const datagrams = createSocket('udp4').bind((streams.address() as AddressInfo).port, '127.0.0.1');
    await once(datagrams, 'listening');
    return new Outside(streams, datagrams);
  }

  get host(): string {
    return `127.0.0.1:${String((this.#streams.address() as AddressInfo).port)}`;
  }

  close(): void {
    this.#streams.close();
    this.#datagrams.close();
  }
}

/** Scripts that try a way out to `HOST`; each settles when it has been tried, whatever came of it. */
const WAYS: Readonly<Record<string, string>> = {
  fetch: `fetch('http://HOST/').catch(() => 0)`,
  'fetch without CORS': `fetch('https://HOST/', { mode: 'no-cors' }).catch(() => 0)`,
  'a request of old': `new Promise((done) => {
    const request = new XMLHttpRequest();
    request.onloadend = () => done();
    request.open('GET', 'http://HOST/');
    request.send();
  })`,
  'a web socket': `new Promise((done) => { new WebSocket('ws://HOST/').onclose = () => done(); }).catch(() => 0)`,
  'an event source': `new Promise((done) => { new EventSource('http://HOST/').onerror = () => done(); }).catch(() => 0)`,
  WebTransport: `new WebTransport('https://HOST/').ready.catch(() => 0)`,
  'a beacon': `navigator.sendBeacon('http://HOST/', 'x')`,
  'a worker': `new Promise((done) => { new Worker('http://HOST/x.js').onerror = () => done(); }).catch(() => 0)`,
  ...Object.fromEntries(
    [
      ['img', 'src'],
      ['audio', 'src'],
      ['iframe', 'src'],
      ['object', 'data'],
    ].map(([name = '', attribute = '']) => [
      `<${name}>`,
      `new Promise((done) => {
        const element = document.createElement('${name}');
        element.onerror = element.onload = () => done();
        element.setAttribute('${attribute}', 'http://HOST/');
        document.body.append(element);
      }).catch(() => 0)`,
    ]),
  ),
  ...Object.fromEntries(
    ['stylesheet', 'preload', 'modulepreload', 'prefetch', 'preconnect', 'dns-prefetch', 'icon'].map(
      (rel) => [
        `<link rel=${rel}>`,
        `new Promise((done) => {
        const link = Object.assign(document.createElement('link'), { rel: '${rel}', as: 'script', href: 'http://HOST/' });
        link.onerror = link.onload = () => done();
        document.head.append(link);
        // A hint has no outcome.
        requestIdleCallback(() => requestIdleCallback(() => done()));
      })`,
      ],
    ),
  ),
  'a form': `(() => {
    const form = document.createElement('form');
    form.action = 'http://HOST/';
    document.body.append(form);
    form.submit();
  })()`,
  'another page': `(() => { location.href = 'http://HOST/'; })()`,
  'another window': `(() => { open('https://HOST/'); })()`,
  'a peer connection': `(async () => {
    const peer = new RTCPeerConnection({ iceServers: [{ urls: 'stun:HOST' }] });
    const gathered = new Promise((done) => {
      peer.onicegatheringstatechange = () => peer.iceGatheringState === 'complete' && done();
    });
    peer.createDataChannel('x');
    await peer.setLocalDescription(await peer.createOffer());
    await gathered;
    peer.close();
  })().catch(() => 0)`,
};

/** Settles when the page's policy has refused something, which not everything tells whoever tried it. */
const REFUSED = `new Promise((done) => document.addEventListener('securitypolicyviolation', () => done(), { once: true }))`;

let machine: Machine;
let outside: Outside;
let app: RunningApp & { readonly electron: ElectronApplication };
let page: Page;

test.beforeAll(async () => {
  outside = await Outside.listen();
  machine = await Machine.setUp('ana', test.info().outputPath('ana'), { keychain: false });
  app = await machine.start([]);
  ({ page } = app);
  // Whom the system's browser would be sent to.
  await app.electron.evaluate(({ shell }) => {
    const opened: string[] = [];
    Object.assign(globalThis, { opened });
    shell.openExternal = (url) => Promise.resolve(void opened.push(url));
  });
  await expect(page.getByRole('heading').first()).toBeVisible();
});
test.afterAll(async () => {
  await app.kill();
  await machine.tearDown();
  outside.close();
});

for (const [name, script] of Object.entries(WAYS)) {
  test(`code in the window reaches nobody by ${name}`, async () => {
    const before = outside.visits;
    await page.evaluate(`Promise.race([${REFUSED}, ${script.replaceAll('HOST', outside.host)}])`);
    expect(outside.visits - before).toBe(0);
    expect(page.url()).toBe(PAGE);
    expect(app.electron.windows()).toHaveLength(1);
    expect(await app.electron.evaluate(() => Reflect.get(globalThis, 'opened') as unknown)).toEqual([]);
  });
}

test('code in the window finds neither Node nor Electron', async () => {
  const found = await page.evaluate(
    `['require', 'process', 'module', 'Buffer', 'global', 'ipcRenderer'].filter((name) => name in globalThis)`,
  );
  expect(found).toEqual([]);
});
