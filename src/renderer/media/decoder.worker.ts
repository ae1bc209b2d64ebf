/** Worker: receives opened media from main, decodes it and hands it to painters and players. */
import type { DownlinkFeedback, DownlinkItem, MediaKind, TrackConfig } from '../../contract/media.ts';
import type { ParticipantId } from '../../contract/state.ts';
import { AudioDownlink } from './audio-downlink.ts';
import type { FromDecoder, ToDecoder } from './messages.ts';
import { VideoDownlink } from './video-downlink.ts';
import { workerScope } from './worker-scope.ts';

/** ms between checks of open gaps, and between reports of levels. */
const TICK = 50;

const scope = workerScope<ToDecoder, FromDecoder>();
const audio = new Map<ParticipantId, AudioDownlink>();
/** The configuration of each sender's video; it is decoded only while it is watched. */
const videoConfigs = new Map<ParticipantId, TrackConfig & { readonly kind: 'video' }>();
const video = new Map<ParticipantId, VideoDownlink>();
let watched: ReadonlySet<ParticipantId> = new Set();
let levels = new Map<ParticipantId, number>();
/** Codecs that the browser can decode. It is asked about ours at once, so that the first key frame need not wait. */
const decodable = new Set<string>();
void canDecode('vp8');
let port: MessagePort | undefined;
let wishes: MessagePort | undefined;

scope.onmessage = ({ data }) => {
  switch (data.kind) {
    case 'downlink':
      endAll();
      port?.close();
      port = data.port;
      // A buffer that was transferred by mistake arrives as null (electron#34905).
      port.onmessage = (event: MessageEvent<readonly DownlinkItem[] | null>) => {
        for (const item of event.data ?? []) receive(item);
      };
      break;
    case 'wishes':
      wishes = data.port;
      break;
    case 'audio-sink': {
      const track = audio.get(data.participant);
      if (track === undefined) data.port.close();
      else track.sink = data.port;
      break;
    }
    case 'video-sink': {
      const track = video.get(data.participant);
      if (track === undefined) data.writable.close().catch(() => undefined);
      else track.sink = data.writable;
      break;
    }
    case 'watch':
      watched = new Set(data.participants);
      for (const participant of videoConfigs.keys()) startOrEndVideo(participant);
      break;
    case 'end':
      endAll();
      port?.close();
      port = undefined;
      break;
  }
};

setInterval(() => {
  const now = performance.now();
  for (const track of video.values()) track.tick(now);
  if (levels.size === 0) return;
  scope.postMessage({ kind: 'levels', levels });
  levels = new Map();
}, TICK);

function receive(item: DownlinkItem): void {
  switch (item.kind) {
    case 'track-on':
      void begin(item.participant, item.config);
      break;
    case 'track-off':
      end(item.participant, item.media);
      break;
    case 'chunk':
      if (item.media === 'audio') receiveAudio(item);
      else video.get(item.participant)?.take(item, performance.now());
      break;
    case 'keyframe-wanted':
    case 'video-bitrate':
      wishes?.postMessage(item);
      break;
  }
}

function receiveAudio(item: DownlinkItem & { readonly kind: 'chunk' }): void {
  const track = audio.get(item.participant);
  if (track === undefined) return;
  if (item.level !== undefined) levels.set(item.participant, item.level);
  track.take(item.timestamp, item.bytes);
}

async function begin(participant: ParticipantId, config: TrackConfig): Promise<void> {
  if (config.kind === 'audio') {
    if (audio.has(participant)) return;
    audio.set(participant, new AudioDownlink(config));
    scope.postMessage({ kind: 'track-on', participant, media: 'audio' });
    return;
  }
  const known = videoConfigs.get(participant);
  videoConfigs.set(participant, config);
  // A change of size needs nothing: the next key frame carries it.
  if (known?.codec === config.codec) return;
  endVideo(participant);
  if (decodable.has(config.codec) || (await canDecode(config.codec))) {
    // It may have ended or changed while the browser was asked.
    if (videoConfigs.get(participant) === config) startOrEndVideo(participant);
  } else if (videoConfigs.get(participant) === config) {
    videoConfigs.delete(participant);
    scope.postMessage({ kind: 'unsupported', participant, media: 'video' });
  }
}

async function canDecode(codec: string): Promise<boolean> {
  // An invalid codec string makes it reject.
  const { supported } = await VideoDecoder.isConfigSupported({ codec }).catch(() => ({ supported: false }));
  if (supported === true) decodable.add(codec);
  return supported === true;
}

function end(participant: ParticipantId, media: MediaKind): void {
  if (media === 'video') {
    videoConfigs.delete(participant);
    endVideo(participant);
    return;
  }
  audio.get(participant)?.close();
  if (audio.delete(participant)) scope.postMessage({ kind: 'track-off', participant, media });
}

function startOrEndVideo(participant: ParticipantId): void {
  const config = videoConfigs.get(participant);
  if (config === undefined || !watched.has(participant)) {
    endVideo(participant);
    return;
  }
  if (video.has(participant)) return;
  const track = new VideoDownlink(config, {
    keyframeNeeded: () => {
      const feedback: DownlinkFeedback = { kind: 'keyframe-needed', participant };
      port?.postMessage(feedback);
    },
  });
  video.set(participant, track);
  scope.postMessage({ kind: 'track-on', participant, media: 'video' });
}

function endVideo(participant: ParticipantId): void {
  video.get(participant)?.close();
  if (video.delete(participant)) scope.postMessage({ kind: 'track-off', participant, media: 'video' });
}

function endAll(): void {
  for (const participant of [...audio.keys()]) end(participant, 'audio');
  for (const participant of [...videoConfigs.keys()]) end(participant, 'video');
}
