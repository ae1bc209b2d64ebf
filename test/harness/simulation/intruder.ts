/** Somebody who reaches the relay of a simulated meeting and keeps to MOQT, but not to Conclave's rules: it does what the test says. */
import type { FullTrackName, MoqtObject, RequestId } from '../../../src/protocol/moqt/model.ts';
import { makeRelayPass } from '../../../src/protocol/group/relay-pass.ts';
import type { SessionEvent } from '../../../src/protocol/moqt/session-api.ts';
import { fakeCrypto } from '../group/simulation.ts';
import { Outsider } from './outsider.ts';
import { RELAY_AUTHORITY, type SimulatedMeeting } from './simulated-meeting.ts';

/** The pass of whoever has the meeting's link. */
export function passOf(world: SimulatedMeeting, generation = 0, authority = RELAY_AUTHORITY): Uint8Array {
  return makeRelayPass(world.signer, generation, authority, fakeCrypto);
}

/** A bare session with the meeting's relay, with all that it was told, that waits for each answer. */
export class Intruder extends Outsider {
  /** @param pass - what it shows the relay; nothing: it was not invited. */
  constructor(world: SimulatedMeeting, pass?: Uint8Array) {
    super(world, pass === undefined ? [] : [pass]);
    this.run();
  }

  /** Sends what the session was told to send, and waits for the answers. */
  run(): void {
    this.drain();
    this.world.pass(6 * this.world.network.latency);
  }

  /** PUBLISH. */
  publish(track: FullTrackName): RequestId {
    const id = this.session.publish(track, { forward: true, description: {} });
    this.run();
    return id;
  }

  /** Sends objects, each as the whole of its subgroup. */
  send(id: RequestId, ...objects: readonly MoqtObject[]): void {
    for (const object of objects) this.session.sendSingleObject(id, object, false);
    this.run();
  }

  /** Why a request was refused, if it was. */
  refusal(id: RequestId): number | undefined {
    return this.of('request-error').find((event) => event.id === id)?.refusal.code;
  }

  /** Requests of one kind that the relay made. */
  requests<Kind extends Extract<SessionEvent, { kind: 'request' }>['request']['kind']>(
    kind: Kind,
  ): Extract<Extract<SessionEvent, { kind: 'request' }>['request'], { kind: Kind }>[] {
    return this.of('request').flatMap(({ request }) =>
      request.kind === kind
        ? [request as Extract<Extract<SessionEvent, { kind: 'request' }>['request'], { kind: Kind }>]
        : [],
    );
  }
}
