/**
 * The native addon `conclave-quic.node`: QUIC and WebTransport sessions, and AES-GCM for what they carry.
 *
 * Calls on a session are synchronous and only queue work; what comes of it arrives as events from
 * {@link Session.next}. Byte arrays are copied in both directions: the caller keeps what it passed, and owns
 * what it gets. Errors carry a {@link QuicErrorCode} in `code`.
 */
import type { TransportSession } from '../../src/protocol/moqt/transport.ts';

/** `code` of the errors that this addon throws and rejects with. */
export type QuicErrorCode =
  /** An option has a value that cannot be used; the message names it. */
  | 'ERR_QUIC_INVALID_OPTION'
  /** The name cannot be resolved or the socket cannot be opened. */
  | 'ERR_QUIC_ADDRESS'
  /** Nobody answered in time. UDP tells no difference between a closed port and a lost packet. */
  | 'ERR_QUIC_TIMEOUT'
  /** The server's certificate is not trusted. */
  | 'ERR_QUIC_CERTIFICATE'
  /** Client and server have no protocol in common. */
  | 'ERR_QUIC_PROTOCOL'
  /** The server refused or broke off the handshake. */
  | 'ERR_QUIC_REFUSED'
  /** A fault of the addon. */
  | 'ERR_QUIC_INTERNAL';

/**
 * Whom a client trusts. Each kind proves in the handshake that the server holds the key of its certificate;
 * there is no kind that trusts everybody.
 */
export type TlsTrust =
  /** What the operating system trusts. */
  | { readonly kind: 'system' }
  /** Only certificates that chain to one of these authorities (PEM, one or more). */
  | { readonly kind: 'ca'; readonly pem: string }
  /** Only the certificates whose DER has one of these SHA-256 hashes (32 bytes each), whatever name and dates. */
  | { readonly kind: 'certificate-hash'; readonly sha256: readonly Uint8Array[] };

/** Limits of a session. All are optional; durations in milliseconds from 1 to 3,600,000, sizes in bytes. */
export interface SessionLimits {
  /** Silence after which the session is over, the smaller one of both peers. Default 30,000. */
  readonly idleTimeoutMs?: number;
  /** Silence after which a PING is sent; 0 turns it off. Default 5,000. */
  readonly keepAliveMs?: number;
  /** Unidirectional streams of the peer that may be open at a time. Default 1,024. */
  readonly maxConcurrentUni?: number;
  /** Bidirectional streams of the peer that may be open at a time. Default 256. */
  readonly maxConcurrentBidi?: number;
  /** Bytes that the peer may send on a stream ahead of the reader. Default 1 MiB. */
  readonly streamWindow?: number;
  /**
   * Bytes that the peer may send in the session ahead of the reader, and bytes that wait for {@link Session.next}
   * in addition. Default 8 MiB.
   */
  readonly connectionWindow?: number;
  /** Bytes given to QUIC that the peer has not acknowledged; more is queued and reported. Default 4 MiB. */
  readonly sendWindow?: number;
  /** Time for connection, TLS and WebTransport handshake together. Default 10,000. */
  readonly handshakeTimeoutMs?: number;
}

/** Options of {@link connect}. */
export interface ConnectOptions {
  /** `https://host:port/path` for WebTransport, `moqt://host:port/path` for QUIC. Port 443 if none is given. */
  readonly url: string;
  readonly trust: TlsTrust;
  /** Offered protocols, preferred first: WebTransport subprotocols or ALPN names, for example `moqt-18`. */
  readonly protocols: readonly string[];
  readonly limits?: SessionLimits;
}

/** Options of {@link listen}. */
export interface ListenOptions {
  /** IP address and UDP port, `127.0.0.1:0` for any free port, `[::]:4443` for all interfaces. */
  readonly address: string;
  /** Certificate chain, leaf first. */
  readonly certPem: string;
  /** Private key of the leaf. */
  readonly keyPem: string;
  /**
   * Protocols that are taken, preferred first; one port serves each as an ALPN name on QUIC and as a
   * subprotocol of WebTransport. A client that offers none of them is refused.
   */
  readonly protocols: readonly string[];
  readonly limits?: SessionLimits;
  /** Sessions at a time; further clients are refused. Default 10,000. */
  readonly maxSessions?: number;
}

/** Connection statistics since the handshake. */
export interface SessionStats {
  readonly rttMs: number;
  /** UDP payload, in bytes. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly sentPackets: number;
  readonly lostPackets: number;
  readonly lostBytes: number;
  /** Bytes. */
  readonly congestionWindow: number;
  readonly congestionEvents: number;
  /** Largest UDP payload of the path, in bytes. */
  readonly mtu: number;
}

/**
 * An established session. Streams are named by handles: even numbers that the caller chooses, each once, and odd
 * ones for streams that the peer opened. Priorities are signed 32-bit, larger is more urgent, 0 by default; they
 * order what is sent and which stream opens first while the peer's stream limit is reached. Codes are unsigned
 * 32-bit and arrive as given on both transports.
 *
 * Calls for a stream that has ended do nothing. A stream ends for sending with `sent` (the peer has
 * acknowledged all), `stop-sending` (it is reset with the peer's code, as RFC 9000 §3.5 asks) or
 * {@link Session.reset}, and for receiving with a `data` event with `fin`, a `reset` event or
 * {@link Session.stopSending}. `drained` follows when a queue that was longer than 256 KiB has fallen to 64 KiB.
 *
 * A session lives until it is closed from either side, or until its handle is garbage collected, which closes it
 * with code 0. While {@link Session.next} waits, it keeps the process alive.
 */
export interface Session extends TransportSession {
  /** Largest datagram now, in bytes; 0 when the peer takes none. */
  readonly maxDatagramSize: number;
  /**
   * Asks for a unidirectional stream under the handle `stream`. It opens when the peer's limit allows; what is
   * written before is kept.
   * @throws when the handle is odd or in use.
   */
  openUni(stream: number, priority: number): void;
  /** As {@link Session.openUni}, for a bidirectional stream. The peer sees it when something was written. */
  openBidi(stream: number, priority: number): void;
  /**
   * Queues a copy of `bytes`, and the end of the stream if `fin`.
   * @returns bytes now queued on the stream and not yet given to QUIC. Nothing is refused: the caller watches it.
   */
  write(stream: number, bytes: Uint8Array, fin: boolean): number;
  /**
   * Opens a unidirectional stream, writes `bytes` and finishes it, in one call.
   * @returns as {@link Session.write}.
   * @throws when the handle is odd or in use.
   */
  sendObject(stream: number, priority: number, bytes: Uint8Array): number;
  setPriority(stream: number, priority: number): void;
  /** Ends sending at once and drops what is queued. A stream that was not yet opened never is. */
  reset(stream: number, code: number): void;
  /** Asks the peer to stop; no further event of the receiving side follows the ones already queued. */
  stopSending(stream: number, code: number): void;
  /** @returns false when it is larger than `maxDatagramSize`, the peer takes none, or the session is over. */
  sendDatagram(bytes: Uint8Array): boolean;
  /**
   * The next events, at least one and at most `max`, in order per stream. The last event is `closed`; after it
   * batches are empty. Reading from the network goes on only as events are taken.
   * @throws when an earlier call still waits.
   */
  next(max: number): ReturnType<TransportSession['next']>;
  /** Bytes queued on all streams and not yet given to QUIC. */
  queuedBytes(): number;
  stats(): SessionStats;
  /** Ends the session at once; what QUIC has not sent yet is lost. Only the first close counts. */
  close(code: number, reason: string): void;
}

/** A listening server. Garbage collection of its handle stops listening; accepted sessions go on. */
export interface Server {
  /** Address and port that are bound, for example `127.0.0.1:53124`. */
  readonly localAddress: string;
  /** The next established session, or null when the server was closed. Keeps the process alive while it waits. */
  accept(): Promise<Session | null>;
  /** Shows another certificate from the next handshake on; sessions are not touched. */
  reloadCertificate(certPem: string, keyPem: string): void;
  /** Closes all sessions and the port; fulfilled when peers know or after three seconds. */
  close(code: number, reason: string): Promise<void>;
}

/** Connects to a server. Rejects with an error that has a {@link QuicErrorCode}. */
export function connect(options: ConnectOptions): Promise<Session>;

/** Listens for both transports on one UDP port. Rejects with an error that has a {@link QuicErrorCode}. */
export function listen(options: ListenOptions): Promise<Server>;

/**
 * Seals by AES-GCM in place, and keeps nothing: of the key, no copy is left in the addon's memory.
 * @param key - 16 bytes for AES-128, 32 for AES-256; read.
 * @param nonce - 12 bytes, never used before with `key`; read.
 * @param aad - authenticated only, at most 8 MiB; read.
 * @param sealed - plaintext of at most 8 MiB, and 16 bytes behind it: becomes ciphertext and tag. Shares no byte with the others.
 * @throws with ERR_QUIC_INVALID_OPTION when anything has another length, or shares bytes; nothing is written then.
 */
export function sealAesGcm(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): void;

/**
 * Opens what {@link sealAesGcm} sealed.
 * @param sealed - ciphertext and tag; read.
 * @param text - 16 bytes shorter than `sealed`: becomes the plaintext, or zeros. Shares no byte with the others.
 * @returns whether it is authentic.
 * @throws as {@link sealAesGcm}.
 */
export function openAesGcm(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
  text: Uint8Array,
): boolean;
