/** What answers the renderer's calls: one function for each call of the contract. */
import type { CallArgument, CallName, CallResults } from '../../contract/calls.ts';

/** One function for each call of the contract. */
export type CallHandlers = {
  readonly [Name in CallName]: (
    argument: CallArgument<Name>,
  ) => CallResults[Name] | Promise<CallResults[Name]>;
};
