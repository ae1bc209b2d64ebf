/** Which Electron the page runs in. */

/**
 * Names the Electron that the page runs in when it is of an older major version than the one that Conclave ships with:
 * such a one is for trying out only.
 * @param userAgent - of the page.
 * @param shipped - version of the Electron that Conclave ships with.
 */
export function trialRuntime(userAgent: string, shipped: string): string | undefined {
  const version = /\bElectron\/([\d.]+)/.exec(userAgent)?.[1];
  if (version === undefined || Number.parseInt(version, 10) >= Number.parseInt(shipped, 10)) return undefined;
  return `Electron ${version}`;
}
