import type { MessageParameters } from './messages.ts';
import type { SubscribeParameters } from './session-api.ts';

/** The parameters that an application sees. */
export function subscribeParameters(parameters: MessageParameters): SubscribeParameters {
  const { filter, forward, subscriberPriority, groupOrder, newGroupRequest, tokens } = parameters;
  const { objectDeliveryTimeout, subgroupDeliveryTimeout, rendezvousTimeout } = parameters;
  return definedOnly({
    filter,
    forward,
    subscriberPriority,
    groupOrder,
    newGroupRequest,
    tokens,
    objectDeliveryTimeout,
    subgroupDeliveryTimeout,
    rendezvousTimeout,
  });
}

/** What of the parameters PUBLISH_OK can carry. */
export function publishOkParameters(parameters: SubscribeParameters): MessageParameters {
  return { ...parameters, tokens: undefined, rendezvousTimeout: undefined };
}

/** Leaves out members that are undefined. */
export function definedOnly<T extends object>(value: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as {
    [Key in keyof T]?: Exclude<T[Key], undefined>;
  };
}
