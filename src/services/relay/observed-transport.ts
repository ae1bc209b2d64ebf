import type { TransportSession } from '../../protocol/moqt/transport.ts';

/**
 * A transport session whose incoming bytes are shown to an observer.
 * @param observe - sees them before anybody else; they are borrowed.
 */
export function observeTransport(
  transport: TransportSession,
  observe: (bytes: Uint8Array) => void,
): TransportSession {
  const next = async (max: number): ReturnType<TransportSession['next']> => {
    const events = await transport.next(max);
    for (const event of events) if (event.kind === 'data' || event.kind === 'datagram') observe(event.bytes);
    return events;
  };
  return new Proxy(transport, {
    get(target, name) {
      if (name === 'next') return next;
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}
