import { Pending } from '../../tasks.ts';
import { lastIncluded } from '../locations.ts';
import type { Location, MoqtObject } from '../model.ts';
import type { SessionEvent } from '../session-api.ts';
import type { FetchOutcome, Gone, Refused } from './client-api.ts';

type FetchEvent = Extract<SessionEvent, { kind: 'fetch-ok' | 'fetch-object' | 'fetch-gap' | 'fetch-end' }>;

/** A FETCH of ours that runs: gathers objects until its stream ends. */
export class RunningFetch {
  readonly outcome = new Pending<FetchOutcome>();
  readonly #objects: MoqtObject[] = [];
  readonly #maxBytes: number;
  #bytes = 0;
  #end: Location | undefined;

  /** @param maxBytes - payloads and properties that are taken. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Takes an event. @returns false when the FETCH brings too much and is to be cancelled. */
  receive(event: FetchEvent): boolean {
    switch (event.kind) {
      case 'fetch-ok':
        this.#end = lastIncluded(event.end);
        return true;
      case 'fetch-object':
        this.#bytes += sizeOf(event.object);
        if (this.#bytes > this.#maxBytes) return false;
        this.#objects.push(event.object);
        return true;
      case 'fetch-gap':
        return true;
      case 'fetch-end':
        if (event.complete && this.#end !== undefined)
          this.outcome.settle({ kind: 'complete', objects: this.#objects, end: this.#end });
        else this.breakOff();
        return true;
    }
  }

  /** Nothing more comes. */
  breakOff(): void {
    this.outcome.settle({ kind: 'incomplete', objects: this.#objects });
  }

  /** It was refused, or the session is gone. */
  fail(outcome: Refused | Gone): void {
    this.outcome.settle(outcome);
  }
}

function sizeOf({ content, properties }: MoqtObject): number {
  return properties.length + (content.kind === 'payload' ? content.payload.length : 0);
}
