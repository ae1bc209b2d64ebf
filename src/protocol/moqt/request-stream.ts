import type { MessageStream } from './draft.ts';
import type { RequestKind, RequestMessage } from './messages.ts';
import type { RequestId } from './model.ts';
import type { StreamHandle } from './transport.ts';

/** One request on its bidirectional stream, ours or the peer's. @see moqt-18 #session-init */
export interface RequestStream {
  readonly id: RequestId;
  readonly kind: RequestKind;
  /** We made the request. */
  readonly ours: boolean;
  readonly stream: StreamHandle;
  readonly message: RequestMessage;
  readonly frames: MessageStream;
  /** The request itself was accepted or refused. */
  answered: boolean;
  /** REQUEST_UPDATEs of ours whose answer is due. */
  updates: number;
  /** Our direction is open. */
  sending: boolean;
  /** The peer's direction is open. */
  receiving: boolean;
  /** A GOAWAY came on this stream. */
  goaway: boolean;
}
