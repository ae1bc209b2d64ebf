import type { MediaState, Participant } from '../../../contract/state.ts';
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
}

/** Only what is live or briefly cut off is shown; pictures that cannot be opened never are. */
export function describeTile(participant: Participant, local: LocalKnowledge): TileState {
  if (participant.self) return describeSelf(local);
  const video = local.decodable ? participant.video : 'unsupported';
  const stale = video === 'reconnecting';
  const showPicture = local.hasPicture && (video === 'live' || video === 'starting' || stale);
  return {
    showPicture,
    stale,
    picture: showPicture && !stale ? undefined : words.pictureWords[video],
    sound: words.soundWords[participant.audio],
  };
}

function describeSelf({ hasPicture, ownMicrophone, ownCamera }: LocalKnowledge): TileState {
  const camera: MediaState = ownCamera === 'on' ? 'live' : ownCamera === 'starting' ? 'starting' : 'off';
  return {
    showPicture: hasPicture,
    stale: false,
    picture: hasPicture ? undefined : words.pictureWords[camera],
    sound: ownMicrophone ? undefined : words.soundWords.off,
  };
}
