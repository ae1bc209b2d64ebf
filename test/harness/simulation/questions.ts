/** What a simulated member's machine asks of counter, MLS and disk, and what may befall it there. */
import type { BegunEpoch, MasterKey } from '../../../src/protocol/group/mls.ts';
import type { MeetingEffect } from '../../../src/protocol/meeting/effects.ts';

/** An effect that is answered by counter, MLS or store. */
export type Question = Extract<MeetingEffect, { kind: 'counter' | 'mls' | 'store' }>;

/** Called before a question takes effect, and before its answer arrives; may end the process. */
export type Meddle = (ask: string, moment: 'before' | 'after') => Meddling | undefined;

/** What befalls a member at a question of its machine. */
export interface Meddling {
  /** How long it takes longer, ms. */
  readonly delay: number;
  /** Whether it learns nothing of what came of it. Of the counter's calls only. */
  readonly lost?: boolean;
}

/** A copy of the epoch, with its key, that an answer tells of; none when it tells of none. */
export function begunEpochIn(value: unknown): readonly BegunEpoch[] {
  if (typeof value !== 'object' || value === null || !('masterKey' in value) || !('view' in value)) return [];
  const { view, masterKey } = value as BegunEpoch;
  return [{ view, masterKey: masterKey.slice() as MasterKey }];
}
