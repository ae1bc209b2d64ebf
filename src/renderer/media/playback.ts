/** Plays each participant through an audio node of their own. */
import type { ParticipantId } from '../../contract/state.ts';
import { playbackWorklet } from './trusted-urls.ts';

/** Opus decodes to this rate, and everything after it runs at it. */
const SAMPLE_RATE = 48_000;

/** All that is heard in a meeting. */
export class Playback {
  readonly #context = new AudioContext({ sampleRate: SAMPLE_RATE, latencyHint: 'interactive' });
  readonly #ready = this.#context.audioWorklet.addModule(playbackWorklet);
  readonly #nodes = new Map<ParticipantId, AudioWorkletNode>();

  /** Browsers may hold sound back until a person has touched the page; to be called when one has. */
  resume(): void {
    if (this.#context.state === 'suspended') this.#context.resume().catch(() => undefined);
  }

  /**
   * Starts a participant's sound.
   * @returns the port that takes its {@link DecodedAudio}; to be transferred to the decoder.
   */
  async add(participant: ParticipantId): Promise<MessagePort> {
    await this.#ready;
    this.remove(participant);
    const node = new AudioWorkletNode(this.#context, 'conclave-playback', {
      numberOfInputs: 0,
      outputChannelCount: [1],
      processorOptions: { participant },
    });
    const { port1, port2 } = new MessageChannel();
    node.port.postMessage(null, [port1]);
    node.connect(this.#context.destination);
    this.#nodes.set(participant, node);
    this.resume();
    return port2;
  }

  remove(participant: ParticipantId): void {
    const node = this.#nodes.get(participant);
    if (node === undefined) return;
    node.port.postMessage(null);
    node.disconnect();
    this.#nodes.delete(participant);
  }

  /** Chooses the loudspeaker, where the browser can. */
  async setOutput(deviceId: string): Promise<void> {
    const context = this.#context as AudioContext & { setSinkId?(id: string): Promise<void> };
    await context.setSinkId?.(deviceId);
  }

  close(): void {
    for (const participant of [...this.#nodes.keys()]) this.remove(participant);
    void this.#context.close();
  }
}

/** Whether this browser lets one choose the loudspeaker. */
export const canChooseOutput = 'setSinkId' in AudioContext.prototype;
