// The MLS worker, which dies of a group whose id has one byte.
import { parentPort } from 'node:worker_threads';
import './mls-worker-source.mjs';

parentPort?.on('message', ({ operation, parameters }) => {
  if (operation === 'createGroup' && parameters[0].groupId.length === 1) process.exit(1);
});
