/**
 * Media of one person from two rooms, made one: while a meeting moves, each sends in both, so that nobody falls silent. What is
 * played of somebody comes from the old room until the new one brings something.
 */
import type { DownlinkItem, MediaKind, ParticipantId, TrackConfig } from '../media/encoded-media.ts';

/** Names a room of the meeting, in the order in which they were entered; never used again. */
export type RoomNumber = number;

type Chunk = Extract<DownlinkItem, { kind: 'chunk' }>;

/** One kind of media of one person. */
interface Stream {
  readonly participant: ParticipantId;
  readonly media: MediaKind;
  /** As each room announces it. */
  readonly configs: Map<RoomNumber, TrackConfig>;
  source: RoomNumber | undefined;
  /** Added to the source's groups: those of each room begin anew, and a player takes only what is newer. */
  offset: number;
  /** The largest group that was handed on. */
  newest: number;
  /** The latest time that was handed on, in microseconds. */
  latest: number;
  /** The source before, and what it was up to: what of it is still under way. */
  before: { readonly room: RoomNumber; readonly offset: number; readonly until: number } | undefined;
  /** Times of the packets of sound that were handed on last. */
  readonly handedOn: Set<number>;
}

/**
 * How many of them are remembered: 10 s of sound. Packets come in any order, more so to a machine that stood still, and each
 * comes from both rooms.
 */
const MOST_HANDED_ON = 512;

/** The splice. */
export class Splice {
  readonly #streams = new Map<string, Stream>();
  #preferred: RoomNumber | undefined;

  /** From now on a room is taken as soon as it brings something. */
  prefer(room: RoomNumber): void {
    this.#preferred = room;
  }

  /** What comes from a room. @returns what is to be played, in order. */
  take(room: RoomNumber, item: DownlinkItem): readonly DownlinkItem[] {
    switch (item.kind) {
      case 'track-on':
        return this.#on(room, this.#stream(item.participant, item.config.kind), item.config);
      case 'track-off':
        return this.#off(room, this.#stream(item.participant, item.media));
      case 'chunk':
        return this.#chunk(room, this.#stream(item.participant, item.media), item);
      case 'keyframe-wanted':
      case 'video-bitrate':
        return [item];
    }
  }

  /** Nothing more comes from a room. @returns what follows from that. */
  close(room: RoomNumber): readonly DownlinkItem[] {
    return [...this.#streams.values()].flatMap((stream) => this.#off(room, stream));
  }

  #on(room: RoomNumber, stream: Stream, config: TrackConfig): readonly DownlinkItem[] {
    const { participant, configs } = stream;
    configs.set(room, config);
    if (stream.source === undefined) switchTo(stream, room, 0);
    return stream.source === room ? [{ kind: 'track-on', participant, config }] : [];
  }

  #off(room: RoomNumber, stream: Stream): readonly DownlinkItem[] {
    const { participant, media, configs } = stream;
    configs.delete(room);
    if (stream.source !== room) return [];
    const [next] = configs;
    if (next === undefined) {
      stream.source = undefined;
      stream.latest = -Infinity;
      return [{ kind: 'track-off', participant, media }];
    }
    switchTo(stream, next[0], 0);
    return [{ kind: 'track-on', participant, config: next[1] }];
  }

  #chunk(room: RoomNumber, stream: Stream, chunk: Chunk): readonly DownlinkItem[] {
    const { configs, participant } = stream;
    const config = configs.get(room);
    const items: DownlinkItem[] = [];
    const { before } = stream;
    if (stream.source !== room && before?.room === room && chunk.timestamp < before.until)
      return isRepeated(stream, chunk) ? [] : [{ ...chunk, group: chunk.group + before.offset }];
    if (stream.source !== room) {
      // A picture that nothing came before can be shown only where it stands alone. What came from the old room comes once.
      const isNew = chunk.keyframe && chunk.timestamp > stream.latest;
      if (room !== this.#preferred || config === undefined || !isNew) return [];
      if (stream.source !== undefined && stream.media === 'audio')
        stream.before = { room: stream.source, offset: stream.offset, until: chunk.timestamp };
      switchTo(stream, room, chunk.group);
      items.push({ kind: 'track-on', participant, config });
    }
    if (isRepeated(stream, chunk)) return items;
    const group = chunk.group + stream.offset;
    stream.newest = Math.max(stream.newest, group);
    stream.latest = Math.max(stream.latest, chunk.timestamp);
    return [...items, { ...chunk, group }];
  }

  #stream(participant: ParticipantId, media: MediaKind): Stream {
    const key = `${media} ${participant}`;
    const known = this.#streams.get(key);
    if (known !== undefined) return known;
    const stream: Stream = {
      participant,
      media,
      configs: new Map(),
      source: undefined,
      offset: 0,
      newest: -1,
      latest: -Infinity,
      before: undefined,
      handedOn: new Set(),
    };
    this.#streams.set(key, stream);
    return stream;
  }
}

/** Whether a packet of sound was handed on before; it is remembered as one that is. */
function isRepeated({ media, handedOn }: Stream, { timestamp }: Chunk): boolean {
  if (media !== 'audio') return false;
  if (handedOn.has(timestamp)) return true;
  handedOn.add(timestamp);
  const [oldest] = handedOn;
  if (handedOn.size > MOST_HANDED_ON && oldest !== undefined) handedOn.delete(oldest);
  return false;
}

function switchTo(stream: Stream, room: RoomNumber, first: number): void {
  stream.source = room;
  stream.offset = stream.newest + 1 - first;
}
