/**
 * The bridge between the sandboxed page and main, nothing else: what it exposes is typed in `contract/bridge.ts`, and
 * main checks every call again.
 */
import { contextBridge, ipcRenderer } from 'electron';
import { channels, MEDIA_PORTS_MESSAGE } from '../contract/bridge.ts';
import type { ConclaveBridge } from '../contract/bridge.ts';
import type { AppState } from '../contract/state.ts';

/** The part of the page's window that the bridge needs; the DOM's types stay out of code that main's checks cover. */
declare const window: {
  readonly location: { readonly origin: string };
  postMessage(message: unknown, targetOrigin: string, transfer: readonly unknown[]): void;
};

const bridge: ConclaveBridge = {
  call: (name, argument) => ipcRenderer.invoke(channels.call, name, argument),
  onState: (callback) => {
    const listener = (_event: unknown, state: AppState): void => {
      callback(state);
    };
    ipcRenderer.on(channels.state, listener);
    return () => {
      ipcRenderer.off(channels.state, listener);
    };
  },
  requestMediaPorts: () => {
    ipcRenderer.send(channels.mediaPorts);
  },
};

// Ports cannot cross the context bridge; a window message to our own origin carries them.
ipcRenderer.on(channels.mediaPorts, (event) => {
  window.postMessage(
    { type: MEDIA_PORTS_MESSAGE },
    window.location.origin,
    event.ports as readonly unknown[],
  );
});

contextBridge.exposeInMainWorld('conclave', bridge);
