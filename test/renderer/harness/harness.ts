/** The renderer as it ships, over a bridge that plays a scenario named in the address: `#scene=meeting-5&theme=light`. */
import { FakeBridge } from './fake-bridge.ts';
import { sceneFor } from './scenes.ts';

const wish = new URLSearchParams(location.hash.slice(1));
const theme = wish.get('theme') === 'light' ? 'light' : 'dark';
const bridge = new FakeBridge(sceneFor(wish.get('scene') ?? 'home', theme));
Object.defineProperty(window, 'conclave', { value: bridge });
Object.defineProperty(window, 'harness', { value: bridge });
Object.defineProperty(window, 'liveMicrophones', { value: countMicrophones() });
await import('../../../src/renderer/main.ts');

/** @returns a function that tells how many microphones are open. */
function countMicrophones(): () => number {
  const tracks: MediaStreamTrack[] = [];
  const { mediaDevices } = navigator;
  const open = mediaDevices.getUserMedia.bind(mediaDevices);
  mediaDevices.getUserMedia = async (wish) => {
    const stream = await open(wish);
    tracks.push(...stream.getAudioTracks());
    return stream;
  };
  return () => tracks.filter(({ readyState }) => readyState === 'live').length;
}
