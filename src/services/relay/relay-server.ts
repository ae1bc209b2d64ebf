/** The relay as a server: QUIC and WebTransport on one port, driving the relay machine. */
import { setTimeout as wait } from 'node:timers/promises';
import { systemClock } from '../../io/clock.ts';
import { Driver } from '../../io/driver.ts';
import { carryOut, readEvents } from '../../io/moqt/transport-io.ts';
import { quic } from '../../io/quic/addon.ts';
import type { Server } from '../../io/quic/addon.ts';
import { unreachable } from '../../protocol/errors.ts';
import { SessionCode } from '../../protocol/moqt/codes.ts';
import type { Draft } from '../../protocol/moqt/draft.ts';
import { negotiatedDraft, PROTOCOLS } from '../../protocol/moqt/drafts.ts';
import type { AuthorizationToken } from '../../protocol/moqt/session-api.ts';
import type { TransportSession } from '../../protocol/moqt/transport.ts';
import type { RelayLimits } from '../../protocol/relay/limits.ts';
import { CROWDED_REASONS } from '../../protocol/moqt/crowded.ts';
import type { Crowded } from '../../protocol/moqt/crowded.ts';
import { openAccess } from '../../protocol/relay/policy.ts';
import {
  RelayNode,
  type Admission,
  type RelayEffect,
  type RelayInput,
} from '../../protocol/relay/relay-node.ts';
import type { RelayStatistics } from '../../protocol/relay/relay.ts';
import type { Millis } from '../../protocol/units.ts';
import { AddressQuota } from './address-quota.ts';
import { AccessTokens, type AccessTokenOptions } from './access-tokens.ts';
import { authoritiesOf } from './authorities.ts';
import type { Log } from './log.ts';
import { meetingTracks } from './meeting-tracks.ts';
import { observeTransport } from './observed-transport.ts';
import type { RelayAccess } from './options.ts';
import { passAccess } from './pass-access.ts';

/** How a relay server is started. */
export interface RelayServerOptions {
  /** IP address and UDP port, for example `127.0.0.1:4443`. */
  readonly address: string;
  readonly certPem: string;
  readonly keyPem: string;
  readonly limits?: Partial<RelayLimits>;
  /** Sessions that one address may have at a time; absent: as many as there may be. */
  readonly sessionsPerAddress?: number;
  readonly access: RelayAccess;
  readonly accessTokens?: AccessTokenOptions | undefined;
  readonly log: Log;
  /** Sees all bytes that come in, before anything is made of them. Borrowed: to be copied when kept. */
  readonly observe?: (connection: number, bytes: Uint8Array) => void;
}

/** Numbers of a running relay. */
export interface RelayServerStatistics extends RelayStatistics {
  readonly sessionsAccepted: number;
  readonly sessionsRefused: number;
  readonly faults: number;
}

const DRAIN_POLL_MS = 50;
const NOBODY_DECIDES: Admission = {
  kind: 'refused',
  code: SessionCode.INTERNAL_ERROR,
  reason: 'nobody decides about tokens',
};

/** A relay that listens. */
export class RelayServer {
  readonly #node: RelayNode;
  readonly #driver: Driver<RelayInput, RelayEffect>;
  readonly #server: Server;
  readonly #options: RelayServerOptions;
  readonly #tokens: AccessTokens | undefined;
  #authorities: readonly string[];
  readonly #transports = new Map<number, TransportSession>();
  readonly #quota: AddressQuota;
  #nextId = 1;
  #accepted = 0;
  #refused = 0;
  #faults = 0;

  /** Binds the port. @throws when the address or the certificate cannot be used. */
  static async start(options: RelayServerOptions): Promise<RelayServer> {
    const { address, certPem, keyPem, accessTokens } = options;
    const tokens = accessTokens && (await AccessTokens.of(accessTokens));
    const server = await quic().listen({
      address,
      certPem,
      keyPem,
      protocols: PROTOCOLS,
      limits: { maxConcurrentBidi: 4_096, maxConcurrentUni: 4_096 },
    });
    const started = new RelayServer(server, options, tokens);
    void started.#acceptAll();
    started.#driver.drain();
    return started;
  }

  private constructor(server: Server, options: RelayServerOptions, tokens: AccessTokens | undefined) {
    this.#tokens = tokens;
    this.#server = server;
    this.#options = options;
    this.#quota = new AddressQuota(options.sessionsPerAddress ?? Infinity);
    this.#authorities = this.#authoritiesBy(options.certPem);
    const access = options.access.kind === 'open' ? openAccess : passAccess(() => this.#authorities);
    this.#node = new RelayNode({ ...meetingTracks, ...access }, options.limits, {
      asksForAdmission: tokens !== undefined,
    });
    this.#driver = new Driver(
      this.#node,
      {
        perform: (effect) => {
          this.#perform(effect);
        },
        fault: (error) => {
          this.#fault(undefined, error);
        },
      },
      systemClock,
    );
  }

  /** Address and port that are bound. */
  get localAddress(): string {
    return this.#server.localAddress;
  }

  statistics(): RelayServerStatistics {
    return {
      ...this.#node.statistics(),
      sessionsAccepted: this.#accepted,
      sessionsRefused: this.#refused,
      faults: this.#faults,
    };
  }

  reloadCertificate(certPem: string, keyPem: string): void {
    this.#server.reloadCertificate(certPem, keyPem);
    this.#authorities = this.#authoritiesBy(certPem);
  }

  /** What passes may call this relay while it shows a certificate. */
  #authoritiesBy(certPem: string): readonly string[] {
    const { access } = this.#options;
    if (access.kind === 'open') return [];
    const port = Number(/:([0-9]+)$/.exec(this.#server.localAddress)?.[1]);
    return access.authorities ?? authoritiesOf(certPem, port);
  }

  /** Asks all sessions to leave, and closes the port when they have, after `timeout` at the latest. */
  async drain(timeout: Millis): Promise<void> {
    this.#driver.feed({ kind: 'drain', timeout });
    const end = systemClock.now() + timeout;
    while (this.#transports.size > 0 && systemClock.now() < end) await wait(DRAIN_POLL_MS);
    await this.close();
  }

  /** Closes all sessions and the port. */
  async close(): Promise<void> {
    this.#driver.stop();
    this.#transports.clear();
    await this.#server.close(SessionCode.NO_ERROR, 'this relay is closing');
  }

  async #acceptAll(): Promise<void> {
    for (let session = await this.#server.accept(); session !== null; session = await this.#server.accept()) {
      if (this.#node.full) {
        this.#refuse(session, 'relay');
        continue;
      }
      const draft = negotiatedDraft(session.protocol);
      if (draft === undefined) {
        this.#refused += 1;
        session.close(SessionCode.VERSION_NEGOTIATION_FAILED, 'this relay speaks no such draft');
        continue;
      }
      const leave = this.#quota.take(session.remoteAddress);
      if (leave === undefined) {
        this.#refuse(session, 'address');
        continue;
      }
      this.#accepted += 1;
      void this.#serve(session, draft).finally(leave);
    }
  }

  #refuse(session: TransportSession, crowded: Crowded): void {
    this.#refused += 1;
    this.#options.log('session-refused', { remote: session.remoteAddress, crowded });
    session.close(SessionCode.INTERNAL_ERROR, CROWDED_REASONS[crowded]);
  }

  async #serve(accepted: TransportSession, draft: Draft): Promise<void> {
    const connection = this.#nextId;
    this.#nextId += 1;
    const { log, observe } = this.#options;
    const transport =
      observe === undefined
        ? accepted
        : observeTransport(accepted, (bytes) => {
            observe(connection, bytes);
          });
    this.#transports.set(connection, transport);
    const { transport: kind, path, remoteAddress } = transport;
    log('session-opened', { session: connection, transport: kind, remote: remoteAddress });
    const queuedBytes = (): number => transport.queuedBytes();
    this.#driver.feed({ kind: 'accepted', connection, draft, transport: kind, path, queuedBytes });
    try {
      await readEvents(transport, (event) => {
        this.#driver.feed({ kind: 'transport', connection, event });
      });
    } catch (error) {
      this.#fault(connection, error);
    }
    this.#transports.delete(connection);
    this.#driver.feed({ kind: 'gone', connection });
  }

  #perform(effect: RelayEffect): void {
    switch (effect.kind) {
      case 'transport': {
        const { connection, command } = effect;
        const transport = this.#transports.get(connection);
        const bytes = transport && carryOut(transport, command);
        if (command.kind === 'write' && bytes !== undefined)
          this.#driver.feed({ kind: 'queued', connection, stream: command.stream, bytes });
        return;
      }
      case 'session-closed': {
        const { code, by, clause } = effect.event;
        this.#options.log('session-closed', { session: effect.connection, code, by, clause });
        return;
      }
      case 'admit':
        void this.#admit(effect.connection, effect.tokens);
        return;
      case 'fault':
        this.#fault(effect.connection, effect.error);
        return;
      default:
        unreachable(effect);
    }
  }

  async #admit(connection: number, tokens: readonly AuthorizationToken[]): Promise<void> {
    const admission = (await this.#tokens?.judge(tokens)) ?? NOBODY_DECIDES;
    if (admission.kind === 'refused')
      this.#options.log('session-refused', { session: connection, code: admission.code });
    this.#driver.feed({ kind: 'admission', connection, admission });
  }

  /** Logs a fault of our own, which has ended the session that it occurred in. */
  #fault(connection: number | undefined, error: unknown): void {
    this.#faults += 1;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#options.log('fault', { session: connection, error: text });
  }
}
