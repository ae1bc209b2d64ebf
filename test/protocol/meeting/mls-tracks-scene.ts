/** The MLS tracks of a group on a session to a relay that does what the test says, in virtual time. */
import { expect } from 'vitest';
import { encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import type { GroupObject } from '../../../src/protocol/group/coordination/asks.ts';
import type { GroupInput } from '../../../src/protocol/group/coordination/context.ts';
import { MlsTracks } from '../../../src/protocol/meeting/mls-tracks.ts';
import { mlsObject } from '../../../src/protocol/meeting/short-publication.ts';
import type { FullTrackName, Location, MoqtObject } from '../../../src/protocol/moqt/model.ts';
import type { Pending, Task } from '../../../src/protocol/tasks.ts';
import { meetingCore } from '../../harness/meeting/core.ts';
import { GROUP, person, senderOf } from './people.ts';
import { OfferedTrack, ScriptedRelay, textOf } from './scripted-relay.ts';

/** Who we are, and two others. */
export const SELF = senderOf(person(0), 1);
export const BO = senderOf(person(1), 1);
export const CY = senderOf(person(2), 1);

/** See the module's description. */
export class MlsTracksScene {
  relay = new ScriptedRelay();
  /** What the coordinator was told, as texts. */
  readonly inputs: string[] = [];
  /** Control and media tracks that were handed on. */
  readonly offered: FullTrackName[] = [];
  /** What the relay said to our asking for the group's tracks. */
  readonly answered: boolean[] = [];
  readonly tracks: MlsTracks;
  readonly #core = meetingCore();

  constructor() {
    this.tracks = new MlsTracks(this.#core, {
      input: (input) => this.inputs.push(inputText(input)),
      headsOffered: () => undefined,
      offered: (offer) => this.offered.push(offer.track),
      relayAnswered: (letIn) => this.answered.push(letIn),
    });
  }

  /** Lets time pass, task by task. */
  pass(duration: number): void {
    const { tasks } = this.#core;
    const end = tasks.after(duration);
    for (;;) {
      tasks.run();
      const deadline = tasks.deadline();
      if (deadline === undefined || deadline > end) break;
      tasks.advance(deadline);
    }
    tasks.advance(end);
  }

  /** Runs what has to be done, as far as it goes. */
  begin<Result>(task: Task<Result>): Pending<Result> {
    const pending = this.#core.tasks.start(task);
    this.pass(0);
    return pending;
  }

  /** We are in the group, on a session, and its tracks are subscribed. */
  subscribed(): void {
    this.begin(this.tracks.connect(this.relay));
    this.begin(this.tracks.enter(GROUP, SELF));
    last(this.relay.tracks).accept();
    this.pass(0);
  }

  /** The relay takes everything that it was asked to and has not answered yet. */
  acceptAll(): void {
    for (const publication of this.relay.published) if (!isDone(publication.outcome)) publication.accept();
    this.pass(0);
  }

  /** The relay offers a track. */
  offer(name: FullTrackName, largest?: Location): OfferedTrack {
    const track = new OfferedTrack(name, largest);
    last(this.relay.tracks).offer(track);
    this.pass(0);
    return track;
  }

  /** What whoever FETCHes one of our tracks from us is given. */
  own(name: FullTrackName): string[] | undefined {
    return this.tracks.ownObjects(name)?.map(textOf);
  }
}

export const isDone = ({ settled }: Pick<Pending<unknown>, 'settled'>): boolean => settled !== undefined;

export function last<Item>(items: readonly Item[]): Item {
  const item = items.at(-1);
  if (item === undefined) throw new Error('there is none');
  return item;
}

export const object = (group: number, id: number, text: string): MoqtObject =>
  mlsObject(BigInt(group), id, encodeUtf8(text));

export const objectText = ({ epoch, object: id, payload }: GroupObject): string =>
  `${String(epoch)}/${String(id)} ${Buffer.from(payload).toString()}`;

function inputText(input: GroupInput): string {
  if (input.kind === 'key-package') {
    expect(input.sender).toEqual(BO);
    return `key package ${Buffer.from(input.payload).toString()}`;
  }
  if (input.kind !== 'commit-object' && input.kind !== 'welcome-object') throw new Error(input.kind);
  return `${input.kind} ${objectText(input.object)}`;
}
