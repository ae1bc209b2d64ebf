/**
 * The port between a MOQT session, which does no I/O, and the QUIC or WebTransport session that carries it.
 * Stream handles are local numbers: even ones are chosen by the caller that opens a stream, odd ones by the
 * transport for streams that the peer opened.
 */
import type { Brand } from '../units.ts';

/** Local handle of a stream; says nothing about QUIC's own stream IDs. */
export type StreamHandle = Brand<number, 'StreamHandle'>;

/** What the transport reports. Byte arrays belong to the receiver of the event. */
export type TransportEvent =
  | { readonly kind: 'stream-opened'; readonly stream: StreamHandle; readonly direction: 'bidi' | 'uni' }
  | {
      readonly kind: 'data';
      readonly stream: StreamHandle;
      readonly bytes: Uint8Array;
      readonly fin: boolean;
    }
  | { readonly kind: 'reset'; readonly stream: StreamHandle; readonly code: number }
  | { readonly kind: 'stop-sending'; readonly stream: StreamHandle; readonly code: number }
  | { readonly kind: 'datagram'; readonly bytes: Uint8Array }
  /** The send queue of a stream, once long, is short again. */
  | { readonly kind: 'drained'; readonly stream: StreamHandle; readonly queued: number }
  /** All bytes and the FIN of a stream were handed over; the sending side is finished. */
  | { readonly kind: 'sent'; readonly stream: StreamHandle }
  /**
   * The last event. On QUIC it comes after what the peer sent before it closed; on WebTransport a close aborts what is still
   * unread (draft-ietf-webtrans-http3 §6).
   */
  | {
      readonly kind: 'closed';
      readonly code: number;
      readonly reason: string;
      readonly by: 'peer' | 'local' | 'timeout' | 'transport';
    };

/** What a session asks of the transport, carried out in order. `priority`: larger is more urgent. */
export type TransportCommand =
  | {
      readonly kind: 'open';
      readonly stream: StreamHandle;
      readonly direction: 'bidi' | 'uni';
      readonly priority: number;
    }
  | {
      readonly kind: 'write';
      readonly stream: StreamHandle;
      readonly bytes: Uint8Array;
      readonly fin: boolean;
    }
  /** Opens a unidirectional stream, writes and finishes it, in one call. */
  | {
      readonly kind: 'send-object';
      readonly stream: StreamHandle;
      readonly priority: number;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: 'set-priority'; readonly stream: StreamHandle; readonly priority: number }
  | { readonly kind: 'reset'; readonly stream: StreamHandle; readonly code: number }
  | { readonly kind: 'stop-sending'; readonly stream: StreamHandle; readonly code: number }
  | { readonly kind: 'datagram'; readonly bytes: Uint8Array }
  | { readonly kind: 'close'; readonly code: number; readonly reason: string };

/** An established QUIC or WebTransport session, as the native addon provides it. */
export interface TransportSession {
  readonly transport: 'quic' | 'webtransport';
  /** The negotiated protocol, for example `moqt-18`. */
  readonly protocol: string;
  readonly path: string;
  readonly authority: string;
  readonly remoteAddress: string;
  openUni(stream: number, priority: number): void;
  openBidi(stream: number, priority: number): void;
  /** @returns bytes now queued on the stream. The bytes are copied. */
  write(stream: number, bytes: Uint8Array, fin: boolean): number;
  /** @returns bytes now queued on the stream. The bytes are copied. */
  sendObject(stream: number, priority: number, bytes: Uint8Array): number;
  setPriority(stream: number, priority: number): void;
  reset(stream: number, code: number): void;
  stopSending(stream: number, code: number): void;
  /** @returns false when the datagram is too large or datagrams are not supported. */
  sendDatagram(bytes: Uint8Array): boolean;
  /** At least one event, at most `max`; empty once `closed` has been delivered. */
  next(max: number): Promise<TransportEvent[]>;
  /** Bytes queued for sending in the whole session. */
  queuedBytes(): number;
  /** What is measured of the connection, where it is: how long a packet takes to the peer and back. */
  stats?(): { readonly rttMs: number };
  close(code: number, reason: string): void;
}
