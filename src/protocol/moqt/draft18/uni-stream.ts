import { invariant } from '../../errors.ts';
import { ChunkQueue } from '../chunk-queue.ts';
import type { IncomingStream, StreamItem } from '../draft.ts';
import type { SessionLimits } from '../limits.ts';
import type { GroupOrder, RequestId } from '../model.ts';
import { StreamType } from './codes.ts';
import { FetchReader } from './fetch-stream.ts';
import { FrameReader } from './message-stream.ts';
import { isSubgroupType, SubgroupReader } from './subgroup-stream.ts';
import { violation } from './violations.ts';

type Content =
  | { readonly kind: 'control'; readonly frames: FrameReader }
  | { readonly kind: 'subgroup'; readonly objects: SubgroupReader }
  | { readonly kind: 'fetch'; readonly objects: FetchReader }
  | { readonly kind: 'padding' };

/** Reads a unidirectional stream, whose type decides what it is. @see moqt-18 #stream-types */
export class UniStream implements IncomingStream {
  readonly #limits: SessionLimits;
  readonly #queue = new ChunkQueue();
  #content: Content | undefined;
  #fin = false;
  #ended = false;

  constructor(limits: SessionLimits) {
    this.#limits = limits;
  }

  get buffered(): number {
    return this.#queue.available;
  }

  push(bytes: Uint8Array, fin: boolean): void {
    this.#queue.push(bytes);
    this.#fin ||= fin;
  }

  next(): StreamItem | undefined {
    const content = this.#content;
    if (content === undefined) return this.#begin() ?? this.#end();
    switch (content.kind) {
      case 'control': {
        const frame = content.frames.next();
        return frame === undefined ? this.#end() : { kind: 'message', frame };
      }
      case 'subgroup': {
        const object = content.objects.next(this.#queue);
        return object === undefined ? this.#end() : { kind: 'object', object };
      }
      case 'fetch':
        return content.objects.next(this.#queue) ?? this.#end();
      case 'padding':
        this.#queue.clear();
        return this.#end();
    }
  }

  inherit(priority: number): void {
    invariant(this.#content?.kind === 'subgroup', 'only subgroups inherit a priority');
    this.#content.objects.inherit(priority);
  }

  order(groups: GroupOrder): void {
    invariant(this.#content?.kind === 'fetch', 'only FETCH answers have a group order');
    this.#content.objects.order(groups);
  }

  /** Reads the type and the header behind it. */
  #begin(): StreamItem | undefined {
    return this.#queue.read((reader): StreamItem => {
      const type = reader.vi64();
      if (isSubgroupType(type)) {
        const objects = new SubgroupReader(Number(type), reader, this.#limits);
        this.#content = { kind: 'subgroup', objects };
        return objects.header;
      }
      if (type === BigInt(StreamType.FETCH_HEADER)) {
        const request = reader.vi64() as RequestId;
        this.#content = { kind: 'fetch', objects: new FetchReader(this.#limits) };
        return { kind: 'fetch', request };
      }
      if (type === BigInt(StreamType.PADDING)) {
        this.#content = { kind: 'padding' };
        return { kind: 'padding' };
      }
      if (type !== BigInt(StreamType.SETUP))
        throw violation('stream-types', `type ${String(type)} is unknown`);
      const frames = new FrameReader(this.#queue);
      // The type is the first field of SETUP too, so it is a frame of its own making.
      const payload = new Uint8Array(reader.bytes(reader.u16()));
      this.#content = { kind: 'control', frames };
      return { kind: 'message', frame: { type: Number(type), payload } };
    });
  }

  /** FIN, when it was seen and everything before it was read. */
  #end(): StreamItem | undefined {
    if (!this.#fin || this.#ended) return undefined;
    const open = this.#content;
    const inside = open?.kind === 'subgroup' || open?.kind === 'fetch' ? !open.objects.atBoundary : false;
    if (inside || this.#queue.available > 0) throw violation('streams', 'the stream ends inside an object');
    this.#ended = true;
    return { kind: 'end' };
  }
}
