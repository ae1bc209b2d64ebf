// @ts-check
/**
 * What Electron 22 lacks of the platform that Conclave is written for (Electron 45): the fetch classes, web streams,
 * `structuredClone`, `crypto`, `protocol.handle` and `net.fetch`. Loaded only in the old runtime that the tests fall
 * back to; no product code refers to it.
 */
import { define } from './globals.mjs';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { app, net, protocol } from 'electron';
import * as undici from 'undici';

define({
  fetch: undici.fetch,
  Request: undici.Request,
  Response: undici.Response,
  Headers: undici.Headers,
  FormData: undici.FormData,
  File: undici.File,
});

Object.defineProperty(net, 'fetch', { value: fetchAlsoFiles, configurable: true, writable: true });
addProtocolHandle(protocol);
app.on('session-created', (session) => {
  addProtocolHandle(Object.getPrototypeOf(session.protocol));
});

/**
 * `net.fetch` reads files as well, which undici refuses.
 * @param {string | URL | Request} input
 * @param {RequestInit} [init]
 */
async function fetchAlsoFiles(input, init) {
  const url = new URL(typeof input === 'string' || input instanceof URL ? input : input.url);
  // @ts-expect-error undici 5 and the DOM describe the same classes in slightly different words.
  if (url.protocol !== 'file:') return undici.fetch(input, init);
  const path = fileURLToPath(url);
  const { size } = await stat(path);
  return new undici.Response(/** @type {any} */ (createReadStream(path)), {
    headers: { 'content-length': String(size), 'content-type': contentType(path) },
  });
}

/** @param {string} path */
function contentType(path) {
  const types = /** @type {Record<string, string>} */ ({
    '.html': 'text/html',
    '.js': 'text/javascript',
    '.mjs': 'text/javascript',
    '.css': 'text/css',
    '.json': 'application/json',
    '.svg': 'image/svg+xml',
    '.png': 'image/png',
    '.woff2': 'font/woff2',
    '.wasm': 'application/wasm',
  });
  return types[extname(path)] ?? 'application/octet-stream';
}

/**
 * Adds `handle`, `unhandle` and `isProtocolHandled` on top of `registerStreamProtocol`.
 * @param {any} target `protocol`, or the prototype of a session's
 */
function addProtocolHandle(target) {
  if (Object.hasOwn(target, 'handle')) return;
  Object.defineProperties(target, {
    handle: {
      /**
       * @param {string} scheme
       * @param {(request: Request) => Response | Promise<Response>} handler
       * @this {any}
       */
      value(scheme, handler) {
        const registered = this.registerStreamProtocol(
          scheme,
          (/** @type {Electron.ProtocolRequest} */ request, /** @type {(r: object) => void} */ respond) => {
            answer(handler, request).then(respond, (cause) => {
              console.error(`${scheme} handler failed:`, cause);
              respond({ error: -2 });
            });
          },
        );
        if (!registered) throw new TypeError(`a handler of ${scheme} is registered already`);
      },
    },
    unhandle: {
      /** @param {string} scheme @this {any} */
      value(scheme) {
        if (!this.unregisterProtocol(scheme)) throw new TypeError(`${scheme} has no handler`);
      },
    },
    isProtocolHandled: {
      /** @param {string} scheme @this {any} */
      value(scheme) {
        return this.isProtocolRegistered(scheme);
      },
    },
  });
}

/**
 * @param {(request: Request) => Response | Promise<Response>} handler
 * @param {Electron.ProtocolRequest} request
 */
async function answer(handler, request) {
  const body = (request.uploadData ?? []).map((part) => part.bytes).filter(Boolean);
  const response = await handler(
    new Request(request.url, {
      method: request.method,
      headers: request.headers,
      ...(body.length > 0 && { body: Buffer.concat(body) }),
    }),
  );
  return {
    statusCode: response.status,
    headers: Object.fromEntries(response.headers),
    data: Readable.from(bytesOf(response)),
  };
}

/** @param {Response} response */
async function* bytesOf(response) {
  const reader = response.body?.getReader();
  if (!reader) return;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield Buffer.from(value);
  }
}
