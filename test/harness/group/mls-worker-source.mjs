// Runs the MLS worker from its TypeScript source; the app runs the bundled mls-worker.mjs.
import { register } from 'tsx/esm/api';

register();
await import('../../../src/main/mls-worker.ts');
