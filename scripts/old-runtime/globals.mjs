// @ts-check
/**
 * Globals of newer Node versions that Electron 22 lacks. A module of its own, since undici looks for the web streams
 * while it loads and so must be imported after this.
 */
import { Blob } from 'node:buffer';
import { webcrypto } from 'node:crypto';
import * as webStreams from 'node:stream/web';
import { deserialize, serialize } from 'node:v8';

define({ ...webStreams, Blob, crypto: webcrypto, structuredClone: cloneByValue });

/**
 * Sets what is missing among the globals; what the runtime has stays.
 * @param {Record<string, unknown>} values
 */
export function define(values) {
  for (const [name, value] of Object.entries(values)) {
    if (name === 'default' || Reflect.get(globalThis, name) !== undefined) continue;
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
}

/**
 * @param {unknown} value
 * @param {{transfer?: unknown[]}} [options]
 */
function cloneByValue(value, options) {
  if (options?.transfer?.length) throw new TypeError('structuredClone of the old runtime cannot transfer');
  return deserialize(serialize(value));
}
