/** Worker: reads camera and microphone, encodes, and posts to main. */
import { Batcher } from '../../contract/batcher.ts';
import type { MediaKind, UplinkItem } from '../../contract/media.ts';
import { AudioUplink } from './audio-uplink.ts';
import type { EncoderWish, FromEncoder, ToEncoder } from './messages.ts';
import { VideoUplink } from './video-uplink.ts';
import { workerScope } from './worker-scope.ts';

const scope = workerScope<ToEncoder, FromEncoder>();
let port: MessagePort | undefined;
const batch = new Batcher<UplinkItem>((items) => port?.postMessage(items));
const send = (item: UplinkItem): void => {
  if (port !== undefined) batch.add(item);
};

const audio = new AudioUplink({
  send,
  level: (level) => {
    scope.postMessage({ kind: 'level', level });
  },
  failed: () => {
    scope.postMessage({ kind: 'failed', media: 'audio' });
  },
});
const video = new VideoUplink({
  send,
  failed: () => {
    scope.postMessage({ kind: 'failed', media: 'video' });
  },
});

const readers: Partial<Record<MediaKind, ReadableStreamDefaultReader<unknown>>> = {};

scope.onmessage = ({ data }) => {
  switch (data.kind) {
    case 'uplink':
      port?.close();
      port = data.port;
      audio.announce();
      video.announce();
      break;
    case 'wishes':
      data.port.onmessage = (event: MessageEvent<EncoderWish>) => {
        grant(event.data);
      };
      break;
    case 'audio-source':
      replaceReader('audio', data.readable, (item) => {
        audio.take(item);
      });
      break;
    case 'video-source':
      replaceReader('video', data.readable, (item) => {
        video.take(item);
      });
      break;
    case 'source-off':
      dropReader(data.media);
      (data.media === 'audio' ? audio : video).stop();
      break;
    case 'send':
      audio.sending = data.on;
      video.sending = data.on;
      // Nothing from this meeting may be left for the next one.
      if (!data.on) batch.flush();
      break;
  }
};

function grant(wish: EncoderWish): void {
  switch (wish.kind) {
    case 'keyframe-wanted':
      video.wantKeyframe();
      break;
    case 'video-bitrate':
      video.bitrateWish = wish.bitsPerSecond;
      break;
  }
}

/** Reads a source until it ends or another takes its place; the track goes on across a change of device. */
function replaceReader<Item>(
  media: MediaKind,
  readable: ReadableStream<Item>,
  take: (item: Item) => void,
): void {
  dropReader(media);
  const reader = readable.getReader();
  readers[media] = reader;
  void pump(reader, take);
}

function dropReader(media: MediaKind): void {
  const reader = readers[media];
  readers[media] = undefined;
  reader?.cancel().catch(() => undefined);
}

async function pump<Item>(
  reader: ReadableStreamDefaultReader<Item>,
  take: (item: Item) => void,
): Promise<void> {
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      take(value);
    }
  } catch {
    // The track was stopped while being read; the page has reported that or will.
  }
}
