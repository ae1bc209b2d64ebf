/** Which epoch the counter of a group has reached: by the log in fenced mode, by asking for an impossible value in plain mode. */
import type { Answer } from '../group/coordination/asks.ts';
import type { GroupName } from '../group/names.ts';
import { settled, type Task } from '../tasks.ts';
import { epoch } from '../units.ts';
import type { MeetingCore } from './core.ts';
import type { CounterAsk } from './effects.ts';

/** A counter value that no group reaches: asking for it changes nothing and tells the current one. */
const NEVER = epoch((1n << 53n) - 1n);

/** Asks. */
export function* probe(core: MeetingCore, group: GroupName): Task<Answer<'probe'>> {
  if (core.options.parameters.mode === 'fenced') {
    const outcome = yield* answered<'history'>(core, { kind: 'history', input: { group, from: NEVER } });
    return outcome.kind === 'ok' ? { kind: 'ok', current: outcome.current } : outcome;
  }
  const request = { mode: 'plain', val: NEVER } as const;
  const outcome = yield* answered<'lock'>(core, { kind: 'lock', input: { group, request } });
  switch (outcome.kind) {
    case 'counter-error':
      return { kind: 'ok', current: outcome.current };
    case 'granted':
    case 'locked':
    case 'alive':
    case 'gone':
      return { kind: 'unreachable', reason: 'the counter has not compared the value' };
    default:
      return outcome;
  }
}

function* answered<Kind extends CounterAsk['kind']>(
  core: MeetingCore,
  ask: CounterAsk & { kind: Kind },
): Task<Answer<Kind>> {
  return yield* settled(core.ask<Answer<Kind>>({ kind: 'counter', ask }));
}
