/**
 * URLs of our own bundled scripts, through the one Trusted Types policy that the content security policy names.
 * The policy passes only same-origin URLs; anything else is refused.
 */
import decoderUrl from './decoder.worker.ts?worker&url';
import encoderUrl from './encoder.worker.ts?worker&url';
import playbackUrl from './playback.worklet.ts?worker&url';

/** Name of the policy, as the `trusted-types` directive has it. */
export const TRUSTED_TYPES_POLICY = 'conclave';

const policy = window.trustedTypes?.createPolicy(TRUSTED_TYPES_POLICY, { createScriptURL: sameOrigin });

/** Starts the worker that captures and encodes. */
export const startEncoder = (): Worker => startWorker(encoderUrl);
/** Starts the worker that decodes. */
export const startDecoder = (): Worker => startWorker(decoderUrl);
/** Address of the worklet that plays. */
export const playbackWorklet: string = playbackUrl;

function startWorker(url: string): Worker {
  // Worker's type knows no TrustedScriptURL yet.
  const trusted = policy ? (policy.createScriptURL(url) as unknown as string) : url;
  return new Worker(trusted, { type: 'module' });
}

function sameOrigin(url: string): string {
  if (new URL(url, location.href).origin !== location.origin)
    throw new TypeError('scripts come from the app itself only');
  return url;
}
