/** A client of the relay that takes everything under a group's namespace, as the relay itself could. */
import { connectMoqt } from '../moqt/async-client.ts';
import type { AsyncClient } from '../moqt/async-client.ts';
import type { Servers } from '../../../src/main/servers.ts';
import { readInvitation } from '../../../src/main/invitations.ts';
import { nodeGroupCrypto } from '../../../src/main/mls/node-group-crypto.ts';
import { makeRelayPass, RELAY_PASS_TYPE, relayAuthorityOf } from '../../../src/protocol/group/relay-pass.ts';
import { roomKeysOf } from '../../../src/protocol/group/room-keys.ts';
import {
  classifyTrack,
  groupNameOf,
  groupNamespace,
  type GroupName,
} from '../../../src/protocol/group/names.ts';
import type { Publication } from '../../../src/protocol/moqt/client/client-api.ts';
import { trackNameKey, type TrackNameKey } from '../../../src/protocol/moqt/names.ts';
import { mlsObject } from '../../../src/protocol/meeting/short-publication.ts';
import { groupId, objectId, type FullTrackName, type MoqtObject } from '../../../src/protocol/moqt/model.ts';

/** An object and the track it came on. */
export interface Overheard {
  readonly track: FullTrackName;
  readonly object: MoqtObject;
}

export class Eavesdropper {
  readonly #client: AsyncClient;
  readonly #group: GroupName;
  /** Everything, in order of arrival. */
  readonly heard: Overheard[] = [];
  /** Tracks that were offered, in order. */
  readonly tracks: FullTrackName[] = [];
  #replayed = 0;
  readonly #publications = new Map<TrackNameKey, Publication>();

  private constructor(client: AsyncClient, group: GroupName) {
    this.#client = client;
    this.#group = group;
  }

  /** @param link - of the meeting: the relay wants to see that one was invited. */
  static async listen(servers: Servers, link: string): Promise<Eavesdropper> {
    const url = servers.relays[0]?.url ?? '';
    const read = readInvitation(link);
    if (!read.ok) throw new Error(read.problem.sentence);
    const { room, signer } = roomKeysOf(read.value.secret, nodeGroupCrypto);
    const group = groupNameOf(room, 0, nodeGroupCrypto);
    const value = makeRelayPass(signer, 0, relayAuthorityOf(url) ?? '', nodeGroupCrypto);
    const outcome = await connectMoqt({
      url,
      trust: { kind: 'ca', pem: servers.caPem ?? '' },
      tokens: [{ type: RELAY_PASS_TYPE, value }],
    });
    if (outcome.kind === 'failed') throw new Error(outcome.reason);
    const eavesdropper = new Eavesdropper(outcome.client, group);
    await eavesdropper.#follow();
    return eavesdropper;
  }

  /** Sealed objects of control and media tracks from the `from`th overheard on. */
  sealed(from = 0): Overheard[] {
    return this.heard.slice(from).filter(({ track }) => this.#isSealed(track));
  }

  /** Commits by the epoch that they begin. */
  commits(): Map<bigint, Uint8Array> {
    const commits = new Map<bigint, Uint8Array>();
    for (const { track, object } of this.heard) {
      const { location, content } = object;
      if (classifyTrack(this.#group, track).kind !== 'commits' || content.kind !== 'payload') continue;
      if (location.object % 2n === 0n) commits.set(location.group, content.payload);
    }
    return commits;
  }

  /**
   * Publishes every KeyPackage that was heard once more, on its own track, at a location where nothing was.
   * @returns how many the relay took.
   */
  async replayKeyPackages(): Promise<number> {
    let taken = 0;
    for (const { track, object } of [...this.heard]) {
      if (classifyTrack(this.#group, track).kind !== 'key-packages') continue;
      const publication = object.content.kind === 'payload' ? await this.#publicationOf(track) : undefined;
      if (publication === undefined || object.content.kind !== 'payload') continue;
      this.#replayed += 1;
      publication.sendSingleObject(mlsObject(0n, 1_000 + this.#replayed, object.content.payload), false);
      taken += 1;
    }
    return taken;
  }

  /** Publishes an object on a track. @returns whether the relay lets it publish there. */
  async send(track: FullTrackName, object: MoqtObject): Promise<boolean> {
    const publication = await this.#publicationOf(track);
    publication?.sendSingleObject(object, false);
    return publication !== undefined;
  }

  /** Everything that the relay still serves of the sealed tracks. */
  async fetchAll(): Promise<Overheard[]> {
    const fetched: Overheard[] = [];
    for (const track of this.tracks.filter((each) => this.#isSealed(each))) {
      const start = { group: groupId(0n), object: objectId(0n) };
      const end = { group: groupId(1_000_000n), object: objectId(0n) };
      const outcome = await this.#client.fetch(track, start, end, { timeoutMs: 3_000, maxBytes: 2 ** 24 });
      if (outcome.kind === 'complete' || outcome.kind === 'incomplete')
        fetched.push(...outcome.objects.map((object) => ({ track, object })));
    }
    return fetched;
  }

  close(): void {
    this.#client.close(0, 'done');
  }

  async #publicationOf(track: FullTrackName): Promise<Publication | undefined> {
    const key = trackNameKey(track);
    const known = this.#publications.get(key);
    if (known !== undefined) return known;
    const ended = (): void => {
      this.#publications.delete(key);
    };
    const description = { forward: true, description: {} };
    const outcome = await this.#client.publish(track, description, { ended });
    if (outcome.kind !== 'published') return undefined;
    this.#publications.set(key, outcome.publication);
    return outcome.publication;
  }

  async #follow(): Promise<void> {
    await this.#client.subscribeTracks(groupNamespace(this.#group), { forward: true }, (offer) => {
      this.tracks.push(offer.track);
      offer.accept(
        { forward: true },
        {
          object: (object) => {
            this.heard.push({ track: offer.track, object });
          },
          done: () => undefined,
        },
      );
    });
  }

  #isSealed(track: FullTrackName): boolean {
    const { kind } = classifyTrack(this.#group, track);
    return kind === 'control' || kind === 'media';
  }
}
