/** The renderer as it ships, over a bridge that plays a scenario named in the address: `#scene=meeting-5&theme=light`. */
import { FakeBridge } from './fake-bridge.ts';
import { sceneFor } from './scenes.ts';

const wish = new URLSearchParams(location.hash.slice(1));
const theme = wish.get('theme') === 'light' ? 'light' : 'dark';
const bridge = new FakeBridge(sceneFor(wish.get('scene') ?? 'home', theme));
Object.defineProperty(window, 'conclave', { value: bridge });
Object.defineProperty(window, 'harness', { value: bridge });
await import('../../../src/renderer/main.ts');
