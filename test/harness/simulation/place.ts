/** The room that a simulated member is in. */
import type { Ed25519Signer } from '../../../src/protocol/group/crypto-port.ts';
import type { MeetingParameters } from '../../../src/protocol/group/meeting-parameters.ts';

export interface Place {
  readonly signer: Ed25519Signer;
  /** With what its group is made, should there be none. */
  readonly parameters: MeetingParameters;
}
