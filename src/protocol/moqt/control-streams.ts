import { millis } from '../units.ts';
import type { Millis } from '../units.ts';
import { SessionCode } from './codes.ts';
import type { Frame } from './draft.ts';
import type { SetupOptions } from './messages.ts';
import type { SessionCore } from './session-core.ts';
import type { SessionOptions } from './session-options.ts';
import type { StreamHandle } from './transport.ts';

/** The pair of control streams: SETUP and GOAWAY. @see moqt-18 #session-init */
export class ControlStreams {
  readonly #core: SessionCore;
  readonly #transport: 'quic' | 'webtransport';
  readonly #begin: () => void;
  readonly #ours: StreamHandle;
  #theirs: StreamHandle | undefined;
  #goawayReceived = false;
  #goawaySent = false;
  #setupUntil: Millis | undefined;
  #goawayUntil: Millis | undefined;

  /** Sends our SETUP. @param begin - called when the peer's came. */
  constructor(core: SessionCore, options: SessionOptions, begin: () => void) {
    this.#core = core;
    this.#transport = options.transport;
    this.#begin = begin;
    this.#setupUntil = millis(options.now + core.limits.setupTimeout);
    this.#ours = core.openControl();
    const { path, authority, implementation, tokens } = options;
    // Only a client on native QUIC names path and authority: WebTransport's CONNECT said them.
    const target = options.role === 'client' && options.transport === 'quic' ? { path, authority } : {};
    core.sendControl(this.#ours, { kind: 'setup', options: { ...target, implementation, tokens } });
  }

  isOurs(stream: StreamHandle): boolean {
    return stream === this.#ours;
  }

  /** A message on a stream that began with SETUP. */
  receive(stream: StreamHandle, frame: Frame): void {
    const core = this.#core;
    if (this.#theirs !== undefined && this.#theirs !== stream) {
      throw core.draft.violation('session-init', 'there are two control streams');
    }
    const first = this.#theirs === undefined;
    this.#theirs = stream;
    const from = core.role === 'client' ? 'server' : 'client';
    const message = core.draft.decodeMessage(frame, { stream: 'control', first, from });
    if (message.kind === 'setup') {
      this.#setUp(message.options);
    } else if (message.kind === 'goaway') {
      if (this.#goawayReceived)
        throw core.draft.violation('message-goaway', 'the control stream has two of them');
      this.#goawayReceived = true;
      core.event({ kind: 'goaway', uri: message.uri, timeout: message.timeout });
    }
  }

  /** GOAWAY: requests that we have not seen will be refused. @see moqt-18 #message-goaway */
  goaway(uri: string, timeout: Millis): void {
    if (this.#goawaySent) return;
    this.#goawaySent = true;
    const requestId = this.#core.ids.nextPeer;
    this.#core.sendControl(this.#ours, { kind: 'goaway', uri, timeout, requestId });
    if (timeout > 0) this.#goawayUntil = millis(this.#core.now + timeout);
  }

  deadline(): number {
    return Math.min(this.#setupUntil ?? Infinity, this.#goawayUntil ?? Infinity);
  }

  /** @returns why the session is to be closed. */
  expire(now: Millis): { code: number; reason: string } | undefined {
    if (this.#setupUntil !== undefined && this.#setupUntil <= now) {
      return { code: SessionCode.CONTROL_MESSAGE_TIMEOUT, reason: 'no SETUP came in time' };
    }
    if (this.#goawayUntil !== undefined && this.#goawayUntil <= now) {
      this.#goawayUntil = undefined;
      if (this.#core.requests.size > 0) {
        return { code: SessionCode.GOAWAY_TIMEOUT, reason: 'requests are open after GOAWAY' };
      }
    }
    return undefined;
  }

  #setUp(options: SetupOptions): void {
    const core = this.#core;
    if (this.#transport === 'webtransport') {
      if (options.path !== undefined) {
        throw core.draft.violation('path', 'PATH came over WebTransport', SessionCode.INVALID_PATH);
      }
      if (options.authority !== undefined) {
        throw core.draft.violation(
          'authority',
          'AUTHORITY came over WebTransport',
          SessionCode.INVALID_AUTHORITY,
        );
      }
    }
    this.#setupUntil = undefined;
    core.release();
    const { implementation, ...rest } = options;
    core.event({ kind: 'ready', peerImplementation: implementation, ...rest });
    this.#begin();
  }
}
