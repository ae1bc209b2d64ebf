/**
 * The renderer's calls, checked before anything runs: the sender must be the main frame of our own window and page,
 * the name must be in the contract, and the argument must fit its schema.
 */
import { MessageChannelMain, ipcMain, type BrowserWindow, type MessagePortMain } from 'electron';
import * as v from 'valibot';
import { channels } from '../../contract/bridge.ts';
import { callSchemas, type CallArgument, type CallName } from '../../contract/calls.ts';
import type { AppState } from '../../contract/state.ts';
import { APP_ORIGIN } from './app-protocol.ts';
import type { CallHandlers } from './call-handlers.ts';

/** Main's ends of the media ports. */
export interface MediaPorts {
  readonly uplink: MessagePortMain;
  readonly downlink: MessagePortMain;
}

interface SenderFrame {
  readonly url: string;
  readonly parent: unknown;
}

/** A sender that may call: the top frame of our page in our window. */
export function isTrustedSender(
  senderId: number,
  windowId: number | undefined,
  frame: SenderFrame | null,
): boolean {
  return (
    senderId === windowId &&
    frame !== null &&
    frame.parent === null &&
    (frame.url === APP_ORIGIN || frame.url.startsWith(`${APP_ORIGIN}/`))
  );
}

/**
 * Checks a call's name and argument against the contract.
 * @returns the typed call, or undefined when it is not one.
 */
export function checkCall(
  name: unknown,
  argument: unknown,
): { name: CallName; argument: CallArgument<CallName> } | undefined {
  if (typeof name !== 'string' || !Object.prototype.hasOwnProperty.call(callSchemas, name)) return undefined;
  const known = name as CallName;
  const parsed = v.safeParse(callSchemas[known], argument);
  return parsed.success ? { name: known, argument: parsed.output } : undefined;
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
