/** Where the renderer's pages are: their origin, and the file of each of their URLs. */
import path from 'node:path';

/** Scheme of the renderer's pages. */
export const APP_SCHEME = 'app';
const APP_HOST = 'conclave';
/** Origin of the renderer's pages. */
export const APP_ORIGIN = `${APP_SCHEME}://${APP_HOST}`;

/**
 * Finds the file of a request.
 * @param root - directory of the built renderer, absolute.
 * @returns the file's absolute path, or undefined for a path that leaves `root` or a host that is not ours.
 */
export function resolveAppFile(root: string, url: string): string | undefined {
  let parsed: URL;
  let decoded: string;
  try {
    parsed = new URL(url);
    decoded = decodeURIComponent(parsed.pathname);
  } catch {
    return undefined;
  }
  if (parsed.host !== APP_HOST || decoded.includes('\0') || decoded.includes('\\')) return undefined;
  const file = path.resolve(root, `.${decoded === '/' ? '/index.html' : decoded}`);
  return file.startsWith(root + path.sep) ? file : undefined;
}
