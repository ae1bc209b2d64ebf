/** Answers asks of the counter by the real rules, without a network. */
import { encodeBase64Url } from '../../../src/protocol/bytes/base64url.ts';
import { COUNTER_LIMITS, type CounterMode, type LockToken } from '../../../src/protocol/counter/client.ts';
import type { EpochCounter } from '../../../src/protocol/counter/epoch-counter.ts';
import { parseReceipt } from '../../../src/protocol/counter/receipt.ts';
import { counterIdOf, type CallProof } from '../../../src/protocol/counter/rules.ts';
import type { CounterAsk } from '../../../src/protocol/meeting/effects.ts';
import type { UnixMillis } from '../../../src/protocol/units.ts';

/** Who asks, and when. */
export interface CounterCaller {
  /** The public key of the caller's room. */
  readonly room: Uint8Array;
  readonly proof: CallProof;
  readonly now: UnixMillis;
  /** A token that was never used before. */
  readonly fresh: LockToken;
}

const PAGE = { entries: COUNTER_LIMITS.historyEntries, bytes: COUNTER_LIMITS.historyPage } as const;

/** The outcome as a client would have it. */
export function answerCounter(counter: EpochCounter, ask: CounterAsk, caller: CounterCaller): unknown {
  const answer = answerOf(counter, ask, caller);
  switch (answer.kind) {
    case 'forbidden':
      return { kind: 'refused', status: 403, reason: '' };
    case 'mode-mismatch':
    case 'foreign-receipt':
      return { kind: 'refused', status: 422, reason: '' };
    case 'too-many':
    case 'awaits-receipts':
      return { kind: 'busy', retryLaterMs: answer.retryLaterMs };
    default:
      return answer;
  }
}

function answerOf(
  counter: EpochCounter,
  ask: CounterAsk,
  { room, proof, now, fresh }: CounterCaller,
): { readonly kind: string } & Record<string, unknown> {
  if (ask.kind === 'room') return { ...counter.room(room, now, proof) };
  const id = counterIdOf(ask.input.group, modeOf(ask));
  switch (ask.kind) {
    case 'lock': {
      const { request } = ask.input;
      const { mode, val } = request;
      const nonce = mode === 'fenced' ? encodeBase64Url(request.nonce) : undefined;
      const home = mode === 'fenced' && val === 0n ? { room, generation: request.generation } : undefined;
      return { ...counter.lock(id, { mode, val, nonce, home }, now, fresh, proof) };
    }
    case 'increment': {
      const { group, request } = ask.input;
      return request.mode === 'plain'
        ? { ...counter.incrementPlain(id, now) }
        : { ...counter.incrementFenced(id, { ...request, group }, now, proof) };
    }
    case 'alive':
    case 'close':
      return { ...counter.alive(id, ask.input.val, ask.kind === 'close', now, proof) };
    case 'history':
      return { ...counter.history(id, ask.input.from, PAGE, now, proof) };
    case 'upload': {
      const { generation, entries } = ask.input;
      const given = entries.map((entry) => ({ ...entry, epoch: parseReceipt(entry.receipt).epoch }));
      const answer = counter.upload(id, { room, generation }, given, now, proof);
      return answer.kind === 'ok' ? { kind: 'ok', current: counter.current(id) } : { ...answer };
    }
  }
}

const modeOf = (ask: CounterAsk): CounterMode =>
  ask.kind === 'lock' || ask.kind === 'increment' ? ask.input.request.mode : 'fenced';
