/** Lets out what was said last, before a session is closed. */
import { setTimeout } from 'node:timers/promises';
import type { MoqtClient } from '../../io/moqt/client-api.ts';

/** How long a good-bye may take to be sent. */
const WITHIN_MS = 500;
/** Packets that were handed to the network may still be lost: some time for their being sent again. */
const LEAST_MS = 60;
const STEP_MS = 20;

/** Resolves when nothing waits to be sent any more, and anyway soon. */
export async function flushed(client: Pick<MoqtClient, 'queuedBytes'>): Promise<void> {
  for (let waited = 0; waited < WITHIN_MS; waited += STEP_MS) {
    await setTimeout(STEP_MS);
    if (waited >= LEAST_MS && client.queuedBytes() === 0) return;
  }
}
