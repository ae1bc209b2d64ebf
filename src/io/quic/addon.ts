/**
 * Loads the native QUIC addon. It is found at run time rather than imported, so that a bundle needs no loader
 * for `.node` files and a packaged app finds it outside its archive.
 */
import { createRequire } from 'node:module';
import { existsSync } from 'node:fs';
import path from 'node:path';
import type * as Addon from '../../../native/quic/index.d.ts';

export type {
  ListenOptions,
  Server,
  Session,
  SessionLimits,
  TlsTrust,
} from '../../../native/quic/index.d.ts';

const RELATIVE = path.join('native', 'quic', 'conclave-quic.node');

let loaded: typeof Addon | undefined;

/**
 * The addon, loaded at the first call.
 * @throws when it was not built or does not fit this machine; the message says what to do.
 */
export function quic(): typeof Addon {
  loaded ??= load();
  return loaded;
}

function load(): typeof Addon {
  const places = candidates();
  const found = places.find((place) => existsSync(place));
  if (found === undefined) {
    throw new Error(
      `The QUIC addon is missing. Build it with "node scripts/build-native.mjs". Looked in:\n  ${places.join('\n  ')}`,
    );
  }
  return createRequire(found)(found) as typeof Addon;
}

/** Where the addon can be: unpacked beside a packaged app's archive, or in a parent of this file's directory. */
function candidates(): string[] {
  const places: string[] = [];
  const { resourcesPath } = process as { readonly resourcesPath?: string };
  if (resourcesPath !== undefined) places.push(path.join(resourcesPath, 'app.asar.unpacked', RELATIVE));
  for (let directory = import.meta.dirname; ; directory = path.dirname(directory)) {
    // A file inside app.asar cannot be loaded; its unpacked twin can.
    places.push(path.join(directory, RELATIVE).replace(/app\.asar(?=[\\/])/u, 'app.asar.unpacked'));
    if (path.dirname(directory) === directory) return places;
  }
}
