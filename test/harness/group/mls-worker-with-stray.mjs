// The MLS worker with a promise in it that is rejected and that nobody waits for.
import './mls-worker-source.mjs';

void Promise.reject(new Error('stray'));
