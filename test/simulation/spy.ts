/** Somebody at the relay who takes and keeps all that it is offered. */
import type { FullTrackName, MoqtObject, RequestId } from '../../src/protocol/moqt/model.ts';
import { groupNamespace, type GroupName } from '../../src/protocol/group/names.ts';
import { trackNameKey, type TrackNameKey } from '../../src/protocol/moqt/names.ts';
import type { SessionEvent } from '../../src/protocol/moqt/session-api.ts';
import { Outsider } from '../harness/simulation/outsider.ts';
import type { SimulatedMeeting } from '../harness/simulation/simulated-meeting.ts';

/** What is remembered, beyond the end of a session and of a relay's process. */
export class Records {
  readonly #tracks = new Map<TrackNameKey, { readonly track: FullTrackName; objects: MoqtObject[] }>();

  get tracks(): readonly FullTrackName[] {
    return [...this.#tracks.values()].map(({ track }) => track);
  }

  /** What was kept of a track, oldest first. */
  of(track: FullTrackName): readonly MoqtObject[] {
    return this.#tracks.get(trackNameKey(track))?.objects ?? [];
  }

  add(track: FullTrackName, object?: MoqtObject): void {
    const key = trackNameKey(track);
    const known = this.#tracks.get(key) ?? { track, objects: [] };
    this.#tracks.set(key, known);
    if (object !== undefined) known.objects = [...known.objects.slice(1 - MOST_OF_A_TRACK), object];
  }
}

const MOST_OF_A_TRACK = 40;

/** The session. */
export class Spy extends Outsider {
  readonly #records: Records;
  readonly #tracks = new Map<RequestId, FullTrackName>();

  /** @param groups - of whose tracks it asks to be told. */
  constructor(
    world: SimulatedMeeting,
    passes: readonly Uint8Array[],
    groups: readonly GroupName[],
    records: Records,
  ) {
    super(world, passes);
    this.#records = records;
    for (const group of groups) this.session.subscribeTracks(groupNamespace(group), { forward: true });
    this.drain();
  }

  protected override noticed(event: SessionEvent): void {
    super.noticed(event);
    if (event.kind === 'request' && event.request.kind === 'publish') {
      const { id, track } = event.request;
      this.#tracks.set(id, track);
      this.#records.add(track);
      this.session.acceptPublish(id, { forward: true });
    }
    const track = event.kind === 'object' ? this.#tracks.get(event.id) : undefined;
    if (event.kind === 'object' && track !== undefined) this.#records.add(track, event.object);
    // The records have what there is to know.
    this.events.length = 0;
  }
}
