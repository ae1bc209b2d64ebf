/** A client core over one end of a session pair; the bare session at the other end stands for a relay. */
import type { TrackOrigin } from '../../../src/protocol/moqt/client/client-api.ts';
import { SessionClient } from '../../../src/protocol/moqt/client/client.ts';
import type { IncomingRequest } from '../../../src/protocol/moqt/session-api.ts';
import { SessionPair, type Peer } from './session-pair.ts';

/** The two ends, connected. */
export class ClientPair {
  readonly client: SessionClient;
  readonly #pair = new SessionPair();

  constructor(origin?: TrackOrigin) {
    this.client = new SessionClient(this.#pair.client.session, origin);
    this.run();
  }

  /** What the test does in the relay's place. */
  get relay(): Peer {
    return this.#pair.server;
  }

  /** Carries everything to and fro, and to whoever follows the client's requests, until all is quiet. */
  run(): void {
    const { events } = this.#pair.client;
    for (;;) {
      this.#pair.run();
      const event = events.shift();
      if (event !== undefined) this.client.receive(event);
      else if (!this.client.drain()) return;
    }
  }

  /** The requests that reached the relay, of one kind, oldest first. */
  requests<Kind extends IncomingRequest['kind']>(kind: Kind): Extract<IncomingRequest, { kind: Kind }>[] {
    return this.relay
      .of('request')
      .map(({ request }) => request)
      .filter((request): request is Extract<IncomingRequest, { kind: Kind }> => request.kind === kind);
  }
}
