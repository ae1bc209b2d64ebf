import type { Doubt, MediaState, Participant } from '../../../contract/state.ts';
import type { CaptureState } from '../../media/capture-device.ts';
import { words } from './words.ts';

/** What this window knows beside the meeting's state. */
export interface LocalKnowledge {
  /** A picture is on the screen. */
  readonly hasPicture: boolean;
  /** The codec is known here. */
  readonly decodable: boolean;
  readonly ownMicrophone: boolean;
  readonly ownCamera: CaptureState['kind'];
}

/** What a tile shows. */
export interface TileState {
  readonly showPicture: boolean;
  /** The picture is an old one: dimmed. */
  readonly stale: boolean;
  /** Why there is no (fresh) picture, in words. */
  readonly picture: string | undefined;
  /** Why there is no sound, in words. */
  readonly sound: string | undefined;
  /** The words are a warning. */
  readonly alarm: boolean;
}

/** Only what is live or briefly cut off is shown; pictures that cannot be opened never are. */
export function describeTile(participant: Participant, local: LocalKnowledge): TileState {
  if (participant.self) return describeSelf(local);
  if (participant.doubt !== 'none') return describeDoubt(participant, participant.doubt);
  const video = local.decodable ? participant.video : 'unsupported';
  const stale = video === 'reconnecting';
  const showPicture = local.hasPicture && (video === 'live' || video === 'starting' || stale);
  return {
    showPicture,
    stale,
    picture: showPicture && !stale ? undefined : words.pictureWords[video],
    sound: words.soundWords[participant.audio],
    alarm: false,
  };
}

function describeDoubt(participant: Participant, doubt: Exclude<Doubt, 'none'>): TileState {
  return {
    showPicture: false,
    stale: false,
    picture: words.doubtWords[doubt](participant.displayName ?? words.somebody),
    sound: words.doubtSoundWords[doubt],
    alarm: doubt === 'forged',
  };
}

function describeSelf({ hasPicture, ownMicrophone, ownCamera }: LocalKnowledge): TileState {
  const camera: MediaState = ownCamera === 'on' ? 'live' : ownCamera === 'starting' ? 'starting' : 'off';
  return {
    showPicture: hasPicture,
    stale: false,
    picture: hasPicture ? undefined : words.pictureWords[camera],
    sound: ownMicrophone ? undefined : words.soundWords.off,
    alarm: false,
  };
}
