/** Which calls of the renderer are let through: the sender must be our own page, and the call one of the contract. */
import * as v from 'valibot';
import { callSchemas, type CallArgument, type CallName } from '../../contract/calls.ts';
import { APP_ORIGIN } from './app-file.ts';

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
    frame?.parent === null &&
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
