/**
 * Stands in for main while looking at the renderer: answers calls, and sends everybody's tile one's own camera and
 * microphone, encoded and decoded by the real pipeline.
 */
import { MEDIA_PORTS_MESSAGE } from '../../../src/contract/bridge.ts';
import type { ConclaveBridge } from '../../../src/contract/bridge.ts';
import type { CallArgument, CallName, CallResults } from '../../../src/contract/calls.ts';
import type { DownlinkItem, UplinkItem } from '../../../src/contract/media.ts';
import { failed, ok } from '../../../src/contract/result.ts';
import type { AppState, ParticipantId } from '../../../src/contract/state.ts';
import { invitation } from './scenes.ts';

export class FakeBridge implements ConclaveBridge {
  /** Every call, in order. */
  readonly calls: { readonly name: CallName; readonly argument: unknown }[] = [];
  /** Counts of what came up and of feedback. */
  readonly counts: Record<string, number> = {};
  /** Loses one of fifty chunks and damages another. */
  faults = false;
  #chunk = 0;
  state: AppState;
  #listener: ((state: AppState) => void) | undefined;
  #downlink: MessagePort | undefined;
  #watched: readonly ParticipantId[] = [];
  readonly #announced = new Map<string, UplinkItem & { readonly kind: 'uplink-config' }>();
  #group = 0;
  #object = 0;
  #audioGroup = 0;

  constructor(state: AppState) {
    this.state = state;
  }

  async call<Name extends CallName>(name: Name, argument: CallArgument<Name>): Promise<CallResults[Name]> {
    this.calls.push({ name, argument });
    await Promise.resolve();
    return this.#answer(name, argument) as CallResults[Name];
  }

  onState(callback: (state: AppState) => void): () => void {
    this.#listener = callback;
    return () => {
      this.#listener = undefined;
    };
  }

  /** Plays a new state. */
  become(state: AppState): void {
    this.state = state;
    this.#listener?.(state);
  }

  requestMediaPorts(): void {
    const uplink = new MessageChannel();
    const downlink = new MessageChannel();
    uplink.port1.onmessage = ({ data }: MessageEvent<readonly UplinkItem[]>) => {
      this.#echo(data);
    };
    downlink.port1.onmessage = ({ data }: MessageEvent<{ kind: string }>) => {
      this.#count(data.kind);
      downlink.port1.postMessage([{ kind: 'keyframe-wanted' }]);
    };
    this.#downlink = downlink.port1;
    window.postMessage({ type: MEDIA_PORTS_MESSAGE }, location.origin, [uplink.port2, downlink.port2]);
  }

  #others(): readonly ParticipantId[] {
    const { meeting } = this.state;
    return meeting.kind === 'in-meeting'
      ? meeting.participants.filter(({ self }) => !self).map(({ id }) => id)
      : [];
  }

  #echo(batch: readonly UplinkItem[]): void {
    const items: DownlinkItem[] = [];
    for (const item of batch) {
      this.#count(item.kind === 'uplink-chunk' ? `${item.kind} ${item.media}` : item.kind);
      if (item.kind === 'uplink-config') this.#announced.set(item.config.kind, item);
      if (item.kind === 'uplink-chunk' && item.media === 'video') {
        if (item.keyframe) {
          this.#group += 1;
          this.#object = 0;
        } else this.#object += 1;
      }
      if (item.kind === 'uplink-chunk' && item.media === 'audio') this.#audioGroup += 1;
      for (const participant of this.#others()) items.push(...this.#toDownlink(item, participant));
    }
    if (items.length > 0) this.#downlink?.postMessage(items);
  }

  #toDownlink(item: UplinkItem, participant: ParticipantId): DownlinkItem[] {
    switch (item.kind) {
      case 'uplink-config':
        return [{ kind: 'track-on', participant, config: item.config }];
      case 'uplink-off':
        return [{ kind: 'track-off', participant, media: item.media }];
      case 'uplink-chunk': {
        if (item.media === 'video' && !this.#watched.includes(participant)) return [];
        this.#chunk += 1;
        if (this.faults && this.#chunk % 50 === 0) return [];
        const damaged = this.faults && this.#chunk % 50 === 25;
        const group = item.media === 'video' ? this.#group : this.#audioGroup;
        const object = item.media === 'video' ? this.#object : 0;
        const bytes = damaged ? item.bytes.map((byte, at) => byte ^ at) : item.bytes;
        return [{ ...item, bytes, kind: 'chunk', participant, group, object }];
      }
    }
  }

  #count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  #answer(name: CallName, argument: unknown): unknown {
    switch (name) {
      case 'app.state':
        return this.state;
      case 'meeting.inspect':
        return (argument as { link: string }).link.includes('damaged')
          ? failed({
              kind: 'damaged',
              sentence:
                'The link is cut off: 23 of 64 characters of its secret are there. Copy it again as a whole.',
            })
          : ok(invitation);
      case 'meeting.create':
        return ok({ link: 'conclave://join/v1/created' });
      case 'meeting.export-history':
        return ok({ path: '/home/ana/Documents/weekly-review.conclave-history' });
      case 'meeting.watch':
        this.#watched = (argument as { participants: string[] }).participants;
        return ok(null);
      case 'settings.theme':
        this.become({ ...this.state, theme: (argument as { theme: AppState['theme'] }).theme });
        return ok(null);
      default:
        return ok(null);
    }
  }
}
