/**
 * What this person sends: whether microphone and camera are on, and how they are encoded. The one place that knows; own
 * tracks, catalog and hello read it. It outlives joins and sessions.
 */
import type { MediaKind, TrackConfig, UplinkItem } from '../media/encoded-media.ts';

/** What we send, by our own switches. */
export interface Sending {
  readonly microphone: boolean;
  readonly camera: boolean;
}

/** What an uplink item meant. */
export type UplinkStep =
  | { readonly kind: 'chunk'; readonly chunk: Extract<UplinkItem, { kind: 'uplink-chunk' }> }
  /** What is sent, or how, has changed: the catalog says so. `off`: nothing more is sent of it. */
  | { readonly kind: 'changed'; readonly media: MediaKind; readonly off: boolean }
  /** Switched off, or not announced: nothing is made of it. */
  | { readonly kind: 'ignored' };

/** How one kind of media is encoded, or was last. */
export interface Encoding {
  readonly config: TrackConfig;
  /** Bits per second that the encoder is set to. */
  readonly bitrate: number;
  /** False: switched off; it may be on again later. */
  readonly live: boolean;
}

/** Switches and encoders. */
export class OwnMedia {
  #sending: Sending = { microphone: false, camera: false };
  readonly #encodings = new Map<MediaKind, Encoding>();

  /** The switches. */
  get sending(): Sending {
    return this.#sending;
  }

  /** What the catalog announces. */
  get encodings(): readonly Encoding[] {
    return [...this.#encodings.values()];
  }

  /** The switches as they are from now on. @returns the kinds that this switched off. */
  setSending(sending: Sending): readonly MediaKind[] {
    this.#sending = sending;
    return (['audio', 'video'] as const).filter((media) => !this.#isOn(media) && this.#switchOff(media));
  }

  /** Takes what the encoders say. */
  take(item: UplinkItem): UplinkStep {
    switch (item.kind) {
      case 'uplink-config': {
        const { config, bitrate } = item;
        if (!this.#isOn(config.kind)) return { kind: 'ignored' };
        this.#encodings.set(config.kind, { config, bitrate, live: true });
        return { kind: 'changed', media: config.kind, off: false };
      }
      case 'uplink-off':
        return this.#switchOff(item.media)
          ? { kind: 'changed', media: item.media, off: true }
          : { kind: 'ignored' };
      case 'uplink-chunk':
        return this.#encodings.get(item.media)?.live === true
          ? { kind: 'chunk', chunk: item }
          : { kind: 'ignored' };
    }
  }

  /** @returns whether it was on. */
  #switchOff(media: MediaKind): boolean {
    const encoding = this.#encodings.get(media);
    if (encoding?.live !== true) return false;
    this.#encodings.set(media, { ...encoding, live: false });
    return true;
  }

  #isOn(media: MediaKind): boolean {
    return media === 'audio' ? this.#sending.microphone : this.#sending.camera;
  }
}
