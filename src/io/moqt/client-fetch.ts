import { endAfter, lastIncluded } from '../../protocol/moqt/locations.ts';
import type { FullTrackName, Location, MoqtObject, RequestId } from '../../protocol/moqt/model.ts';
import type { MoqtSession, SessionEvent } from '../../protocol/moqt/session-api.ts';
import { millis } from '../../protocol/units.ts';
import type { FetchOutcome, Gone, Refused } from './client-api.ts';
import type { Clock } from './session-pump.ts';

type FetchEvent = Extract<SessionEvent, { kind: 'fetch-ok' | 'fetch-object' | 'fetch-gap' | 'fetch-end' }>;

/** What a running FETCH takes. */
export interface FetchState {
  receive(event: FetchEvent): void;
  stop(outcome: Refused | Gone): void;
}

/**
 * Makes a standalone FETCH.
 * The `end` of `range` is inclusive, its object 0 asks for the whole group; `finished` is called when the outcome is
 * known.
 */
export function fetchRequest(
  session: MoqtSession,
  clock: Clock,
  range: { track: FullTrackName; start: Location; end: Location },
  limits: { timeoutMs: number; maxBytes: number },
  finished: () => void,
): { id: RequestId; state: FetchState; outcome: Promise<FetchOutcome> } {
  const { track, start } = range;
  const end = range.end.object === 0n ? range.end : endAfter(range.end);
  const id = session.fetch({ kind: 'standalone', track, start, end });
  const objects: MoqtObject[] = [];
  let bytes = 0;
  let okEnd: Location | undefined;
  let settle: (outcome: FetchOutcome) => void = () => undefined;
  const outcome = new Promise<FetchOutcome>((resolve) => (settle = resolve));
  const stopTimer = clock.after(millis(limits.timeoutMs), () => {
    giveUp();
  });
  const finish = (result: FetchOutcome): void => {
    stopTimer();
    settle(result);
    finished();
  };
  const giveUp = (): void => {
    session.cancel(id);
    finish({ kind: 'incomplete', objects });
  };
  return {
    id,
    outcome,
    state: {
      receive: (event) => {
        if (event.kind === 'fetch-ok') {
          okEnd = lastIncluded(event.end);
        } else if (event.kind === 'fetch-object') {
          bytes += sizeOf(event.object);
          if (bytes > limits.maxBytes) giveUp();
          else objects.push(event.object);
        } else if (event.kind === 'fetch-end') {
          const complete = event.complete && okEnd !== undefined;
          finish(
            complete
              ? { kind: 'complete', objects, end: okEnd ?? range.end }
              : { kind: 'incomplete', objects },
          );
        }
      },
      stop: finish,
    },
  };
}

function sizeOf({ content, properties }: MoqtObject): number {
  return properties.length + (content.kind === 'payload' ? content.payload.length : 0);
}
