import { millis } from '../units.ts';
import type { Millis } from '../units.ts';
import { SessionCode } from './codes.ts';
import type { Frame } from './draft.ts';
import type { Message, SetupOptions } from './messages.ts';
import { CONTROL_PRIORITY } from './priorities.ts';
import type { Requests } from './requests.ts';
import type { SessionCore } from './session-core.ts';
import { definedOnly } from './subscribe-parameters.ts';
import type { StreamHandle } from './transport.ts';

/** The pair of control streams: SETUP and GOAWAY. @see moqt-18 #session-init */
export class ControlStreams {
  readonly #core: SessionCore;
  readonly #requests: Requests;
  readonly #transport: 'quic' | 'webtransport';
  readonly #begin: () => void;
  readonly #ours: StreamHandle;
  #theirs: StreamHandle | undefined;
  #goawayReceived = false;
  #goawaySent = false;
  #setupUntil: Millis | undefined;
  #goawayUntil: Millis | undefined;

  /**
   * Sends our SETUP.
   * @param begin - called when the peer's came.
   */
  constructor(
    core: SessionCore,
    requests: Requests,
    transport: 'quic' | 'webtransport',
    options: SetupOptions,
    begin: () => void,
  ) {
    this.#core = core;
    this.#requests = requests;
    this.#transport = transport;
    this.#begin = begin;
    this.#setupUntil = millis(core.now + core.limits.setupTimeout);
    this.#ours = core.takeStream();
    core.commandAtOnce({ kind: 'open', stream: this.#ours, direction: 'uni', priority: CONTROL_PRIORITY });
    const { path, authority, ...others } = options;
    // Only a client on native QUIC names path and authority: WebTransport's CONNECT said them.
    const target = core.role === 'client' && transport === 'quic' ? { path, authority } : {};
    const { tokenCacheBytes } = core.limits;
    const cache = core.role === 'server' && tokenCacheBytes > 0 ? { tokenCacheBytes } : {};
    this.#send({ kind: 'setup', options: { ...target, ...cache, ...others } });
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
    this.#send({ kind: 'goaway', uri, timeout, requestId: this.#requests.nextPeerId });
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
      if (this.#requests.size > 0) {
        return { code: SessionCode.GOAWAY_TIMEOUT, reason: 'requests are open after GOAWAY' };
      }
    }
    return undefined;
  }

  #send(message: Message): void {
    const bytes = this.#core.draft.encodeMessage(message);
    this.#core.commandAtOnce({ kind: 'write', stream: this.#ours, bytes, fin: false });
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
    const { implementation, tokenOperations = [], tokens = [], path, authority } = options;
    const shown = [...tokens, ...core.tokens.applySetup(tokenOperations)];
    this.#setupUntil = undefined;
    core.release();
    core.event({
      kind: 'ready',
      peerImplementation: implementation,
      ...definedOnly({ path, authority, tokens: shown.length > 0 ? shown : undefined }),
    });
    this.#begin();
  }
}
