import type { ConclaveBridge } from '../../contract/bridge.ts';

declare global {
  interface Window {
    /** Put there by preload. */
    readonly conclave: ConclaveBridge;
  }
}
