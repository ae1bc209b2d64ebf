/** Answers the meeting's asks of MLS by an MLS without cryptography. */
import type { MlsAsk } from '../../../src/protocol/meeting/effects.ts';
import type { FakeMls } from '../group/fake-mls.ts';

/** @param displayName - shown at the door. */
export function answerMls(mls: FakeMls | undefined, ask: MlsAsk, displayName?: string): unknown {
  if (mls === undefined) throw new Error('no MLS');
  switch (ask.kind) {
    case 'create-group':
      return mls.createGroup(
        ask.input.group,
        ask.input.joinId,
        ask.input.parameters.organisers,
        ask.input.parameters,
      );
    case 'make-key-package':
      return mls.makeKeyPackage(ask.input.asOf, ask.input.joinId, displayName);
    case 'forget-key-packages':
      mls.forgetKeyPackages();
      return undefined;
    case 'inspect-key-package':
      return mls.inspect(ask.input.handle, ask.input.keyPackage);
    case 'stage':
      return mls.stage(ask.input.handle, ask.input.plan);
    case 'process':
      return mls.process(ask.input.handle, ask.input.commit);
    case 'apply':
      return mls.apply(ask.input.handle, ask.input.staged);
    case 'join':
      return mls.join(ask.input.welcome);
    case 'seal-move':
      return mls.sealMove(ask.input.handle, ask.input.plan);
    case 'open-move':
      return mls.openMove(ask.input.handle, ask.input.move);
    case 'forget-group':
      mls.forget(ask.input.handle);
      return undefined;
  }
}
