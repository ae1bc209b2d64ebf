/** A bare session with a simulated meeting's relay, of somebody who keeps to MOQT alone. */
import { draft18 } from '../../../src/protocol/moqt/draft18/draft18.ts';
import type { FullTrackName, MoqtObject, RequestId } from '../../../src/protocol/moqt/model.ts';
import { RELAY_PASS_TYPE } from '../../../src/protocol/group/relay-pass.ts';
import { Session } from '../../../src/protocol/moqt/session.ts';
import type { SessionEvent } from '../../../src/protocol/moqt/session-api.ts';
import { Peer } from '../moqt/session-pair.ts';
import type { Link } from './link.ts';
import type { SimulatedMeeting } from './simulated-meeting.ts';

export class Outsider extends Peer {
  protected readonly world: SimulatedMeeting;
  readonly #link: Link;
  /** Sent once the relay lets us publish. */
  readonly #outgoing = new Map<RequestId, readonly MoqtObject[]>();

  /** @param passes - what it shows the relay with each request. */
  constructor(world: SimulatedMeeting, passes: readonly Uint8Array[] = []) {
    const common = { draft: draft18, transport: 'quic', now: world.agenda.now } as const;
    super(new Session({ ...common, role: 'client', path: '/', authority: 'relay.test' }));
    this.world = world;
    if (passes.length > 0) this.session.present(passes.map((value) => ({ type: RELAY_PASS_TYPE, value })));
    this.#link = world.reachRelay((event) => {
      this.session.handle(event, world.agenda.now);
      this.drain();
    });
    this.drain();
  }

  /** PUBLISH, and objects, each as the whole of its subgroup, if the relay takes it. */
  offer(track: FullTrackName, objects: readonly MoqtObject[]): void {
    const id = this.session.publish(track, { forward: true, description: {} });
    this.#outgoing.set(id, objects);
    this.drain();
  }

  /** Sends what the session was told to send. */
  drain(): void {
    for (let effect = this.session.poll(); effect !== undefined; effect = this.session.poll()) {
      if (effect.kind !== 'event') {
        this.#link.command('a', effect.command);
        continue;
      }
      this.events.push(effect.event);
      this.noticed(effect.event);
    }
  }

  /** Something was told: what is done about it is sent after it. */
  protected noticed(event: SessionEvent): void {
    if (event.kind !== 'publish-ok') return;
    for (const object of this.#outgoing.get(event.id) ?? [])
      this.session.sendSingleObject(event.id, object, false);
    this.#outgoing.delete(event.id);
  }
}
