/** Answers the meeting's asks of MLS by the MLS port: each ask is one call. */
import { unreachable } from '../../protocol/errors.ts';
import type { Answer, Ask } from '../../protocol/group/coordination/asks.ts';
import { eraseUnused } from '../../protocol/group/coordination/key-custody.ts';
import type { GroupHandle } from '../../protocol/group/mls.ts';
import type { GroupName } from '../../protocol/group/names.ts';
import type { MlsAsk } from '../../protocol/meeting/effects.ts';
import type { UnixMillis } from '../../protocol/units.ts';
import type { MlsMembership, MlsPort } from '../mls/mls-port.ts';

/** What the asks are answered with. */
export interface MlsAskPorts {
  readonly mls: MlsPort;
  /** Suite, identity and secret for a group. */
  readonly membershipOf: (group: GroupName) => MlsMembership;
  readonly wallClock: () => UnixMillis;
  /** Seals a display name for those who have the invitation. */
  readonly sealName: (displayName: string) => Uint8Array;
  /** Opens what that made, here or elsewhere; undefined when it did not. */
  readonly openName: (sealed: Uint8Array) => string | undefined;
}

/** Answers one ask. Rejects for faults of our own only. @param displayName - ours, to be shown at the door. */
export function answerMlsAsk(
  ask: MlsAsk,
  { mls, membershipOf, wallClock, sealName, openName }: MlsAskPorts,
  displayName: string,
): Promise<unknown> {
  switch (ask.kind) {
    case 'create-group': {
      const { group, parameters, joinId } = ask.input;
      return mls.createGroup(membershipOf(group), { parameters, joinId, now: wallClock() });
    }
    case 'make-key-package': {
      const { group, asOf, joinId } = ask.input;
      const sealedName = sealName(displayName);
      return mls.keyPackage(membershipOf(group), { asOf, joinId, sealedName, now: wallClock() });
    }
    case 'forget-key-packages':
      return mls.forgetKeyPackages(membershipOf(ask.input.group));
    case 'inspect-key-package':
      return inspect(ask, mls, openName);
    case 'stage':
      return mls.stageCommit(ask.input.handle, ask.input.plan);
    case 'process':
      return mls.processCommit(ask.input.handle, ask.input.commit);
    case 'apply':
      return mls.apply(ask.input.handle, ask.input.staged);
    case 'join':
      return mls.join(membershipOf(ask.input.group), ask.input.welcome);
    case 'forget-group':
      return mls.forget(ask.input.handle);
    case 'seal-move':
      return mls.sealMove(ask.input.handle, ask.input.plan);
    case 'open-move':
      return mls.openMove(ask.input.handle, ask.input.move);
    default:
      return unreachable(ask);
  }
}

async function inspect(
  { input }: Ask<'inspect-key-package'>,
  mls: MlsPort,
  openName: MlsAskPorts['openName'],
): Promise<Answer<'inspect-key-package'>> {
  const verdict = await mls.inspectKeyPackage(input.handle, input.keyPackage);
  if (verdict.kind !== 'acceptable') return verdict;
  const { sealedName, ...rest } = verdict;
  return { ...rest, displayName: openName(sealedName) };
}

/** Erases what an answer leaves behind that nobody takes any more, since the meeting ended before it came. */
export async function discardMlsAnswer(
  ask: MlsAsk,
  answer: unknown,
  { mls, membershipOf }: MlsAskPorts,
): Promise<void> {
  eraseUnused(answer);
  if (ask.kind === 'make-key-package') await mls.forgetKeyPackages(membershipOf(ask.input.group));
  else if (ask.kind === 'create-group' || ask.kind === 'join') await forgetGroupOf(answer, mls);
}

/** Lets MLS forget the group that an answer names, if it names one. */
async function forgetGroupOf(answer: unknown, mls: MlsPort): Promise<void> {
  if (typeof answer !== 'object' || answer === null || !('group' in answer)) return;
  // Only a call that gives a handle has it in its answer.
  await mls.forget(answer.group as GroupHandle);
}
