/**
 * What preload puts on `window.conclave`: the only way from the renderer to main.
 *
 * The two media ports do not go through the context bridge: preload posts them to the page's window as
 * `{ type: MEDIA_PORTS_MESSAGE }` with `ports = [uplink, downlink]` once the page has asked for them.
 */
import type { CallArgument, CallName, CallResults } from './calls.ts';
import type { AppState } from './state.ts';

/** IPC channel names; strings appear nowhere else. */
export const channels = {
  call: 'conclave:call',
  state: 'conclave:state',
  mediaPorts: 'conclave:media-ports',
} as const;

/** `type` of the window message that carries the media ports. */
export const MEDIA_PORTS_MESSAGE = 'conclave:media-ports';

/** `window.conclave`. */
export interface ConclaveBridge {
  call<Name extends CallName>(name: Name, argument: CallArgument<Name>): Promise<CallResults[Name]>;
  /** Calls back with each new state. @returns a function that ends it. */
  onState(callback: (state: AppState) => void): () => void;
  /** Asks main for a fresh pair of media ports; see {@link MEDIA_PORTS_MESSAGE}. */
  requestMediaPorts(): void;
}
