/**
 * Whether the microphone is on. Nothing else decides it: the device follows, and what the screen says is read from here.
 *
 * | state     | the microphone is | and becomes                                                    |
 * | --------- | ----------------- | -------------------------------------------------------------- |
 * | `muted`   | off               | `open` by a toggle, `talking` while the talk key is held       |
 * | `open`    | on                | `muted` by a toggle; the talk key changes nothing              |
 * | `talking` | on                | `muted` when the key is released, by a toggle, or by any doubt |
 *
 * So only a toggle leaves it on. Where it cannot be known whether the key is still held, it counts as released.
 */
export type Microphone = 'muted' | 'open' | 'talking';

/** What happens to a microphone. */
export type MicrophoneEvent =
  /** The person clicks the button, or presses the key, that switches it on or off. */
  | 'toggle'
  /** The person asked for it in another way, such as on the command line. */
  | 'unmute'
  /** Off, whatever was before: the person left, or the device was lost. */
  | 'mute'
  /** The talk key is pressed. */
  | 'talk'
  /** The talk key is released, or it can no longer be seen when it is. */
  | 'hush';

/** The state after an event. */
export function afterEvent(microphone: Microphone, event: MicrophoneEvent): Microphone {
  switch (event) {
    case 'toggle':
      return microphone === 'muted' ? 'open' : 'muted';
    case 'unmute':
      return 'open';
    case 'mute':
      return 'muted';
    case 'talk':
      return microphone === 'muted' ? 'talking' : microphone;
    case 'hush':
      return microphone === 'talking' ? 'muted' : microphone;
  }
}
