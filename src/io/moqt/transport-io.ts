/** Between a transport session and a machine: commands are carried out, events are read. */
import type { TransportCommand, TransportEvent, TransportSession } from '../../protocol/moqt/transport.ts';

/** Events that are taken from the transport at once. */
const BATCH = 256;

/**
 * Carries out one command.
 * @returns bytes now queued on the stream after a `write`; undefined for other commands.
 */
export function carryOut(transport: TransportSession, command: TransportCommand): number | undefined {
  switch (command.kind) {
    case 'open':
      if (command.direction === 'uni') transport.openUni(command.stream, command.priority);
      else transport.openBidi(command.stream, command.priority);
      return undefined;
    case 'write':
      return transport.write(command.stream, command.bytes, command.fin);
    case 'send-object':
      transport.sendObject(command.stream, command.priority, command.bytes);
      return undefined;
    case 'set-priority':
      transport.setPriority(command.stream, command.priority);
      return undefined;
    case 'reset':
      transport.reset(command.stream, command.code);
      return undefined;
    case 'stop-sending':
      transport.stopSending(command.stream, command.code);
      return undefined;
    case 'datagram':
      // Datagrams are unreliable: one that does not fit is lost like any other.
      transport.sendDatagram(command.bytes);
      return undefined;
    case 'close':
      transport.close(command.code, command.reason);
      return undefined;
  }
}

/** Hands on all events in order; resolves when the transport session is over, and rejects for faults of our own only. */
export async function readEvents(
  transport: TransportSession,
  take: (event: TransportEvent) => void,
): Promise<void> {
  for (;;) {
    const events = await transport.next(BATCH);
    if (events.length === 0) return;
    for (const event of events) take(event);
  }
}
