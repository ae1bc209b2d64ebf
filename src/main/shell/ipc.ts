/**
 * The renderer's calls, checked before anything runs: the sender must be the main frame of our own window and page,
 * the name must be in the contract, and the argument must fit its schema.
 */
import { MessageChannelMain, ipcMain, type BrowserWindow, type MessagePortMain } from 'electron';
import { channels } from '../../contract/bridge.ts';
import type { CallArgument, CallName } from '../../contract/calls.ts';
import type { AppState } from '../../contract/state.ts';
import { checkCall, isTrustedSender } from './call-check.ts';
import type { CallHandlers } from './call-handlers.ts';

/** Main's ends of the media ports. */
export interface MediaPorts {
  readonly uplink: MessagePortMain;
  readonly downlink: MessagePortMain;
}

/**
 * Answers the renderer of `window`.
 * @param mediaPorts - is given main's ends each time the page asks for fresh ports.
 */
export function answerCalls(
  window: BrowserWindow,
  handlers: CallHandlers,
  mediaPorts: (ports: MediaPorts) => void,
): void {
  const windowId = window.webContents.id;
  ipcMain.handle(channels.call, async (event, name: unknown, argument: unknown) => {
    if (!isTrustedSender(event.sender.id, windowId, event.senderFrame)) throw new Error('refused');
    const call = checkCall(name, argument);
    if (call === undefined) throw new Error('not a call of the contract');
    const handler = handlers[call.name] as (argument: CallArgument<CallName>) => unknown;
    return await handler(call.argument);
  });
  ipcMain.on(channels.mediaPorts, (event) => {
    if (!isTrustedSender(event.sender.id, windowId, event.senderFrame)) return;
    const uplink = new MessageChannelMain();
    const downlink = new MessageChannelMain();
    mediaPorts({ uplink: uplink.port1, downlink: downlink.port1 });
    window.webContents.postMessage(channels.mediaPorts, null, [uplink.port2, downlink.port2]);
  });
  window.once('closed', () => {
    ipcMain.removeHandler(channels.call);
    ipcMain.removeAllListeners(channels.mediaPorts);
  });
}

/** Sends a snapshot of the state to the page. */
export function sendState(window: BrowserWindow, state: AppState): void {
  if (!window.isDestroyed()) window.webContents.send(channels.state, state);
}
