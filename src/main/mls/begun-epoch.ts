/** What the rest of the app is given of an epoch that a group has entered. */
import { mlsExporter } from 'ts-mls';
import type { CiphersuiteImpl, ClientState } from 'ts-mls';
import type { BegunEpoch, MasterKey, MlsSuite } from '../../protocol/group/mls.ts';
import { leafIndex } from '../../protocol/group/roster.ts';
import { epoch } from '../../protocol/units.ts';
import { epochKeyOf } from './epoch-key.ts';
import { requiredParameters, rosterOf } from './mls-messages.ts';

const EXPORTER_LABEL = 'SecureObject MLS Master Key';
const NO_CONTEXT = new Uint8Array(0);

/** The view of a state's epoch, with its master key: fresh bytes that belong to the caller. @see RFC 9420 §8.5 */
export async function begunEpoch(
  state: ClientState,
  suite: CiphersuiteImpl,
  mlsSuite: MlsSuite,
): Promise<BegunEpoch> {
  const { groupContext, keySchedule } = state;
  const view = {
    groupId: groupContext.groupId.slice(),
    epoch: epoch(groupContext.epoch),
    transcript: groupContext.confirmedTranscriptHash.slice(),
    epochAuthenticator: keySchedule.epochAuthenticator.slice(),
    epochKey: await epochKeyOf(state, suite),
    suite: mlsSuite,
    ownLeaf: leafIndex(state.privatePath.leafIndex),
    roster: rosterOf(state),
    parameters: requiredParameters(state),
  };
  const { exporterSecret } = keySchedule;
  const masterKey = await mlsExporter(exporterSecret, EXPORTER_LABEL, NO_CONTEXT, suite.kdf.size, suite);
  return { view, masterKey: masterKey as MasterKey };
}
