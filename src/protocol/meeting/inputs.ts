/** What is fed to the meeting machine. */
import type { DownlinkFeedback, ParticipantId, UplinkItem } from '../media/encoded-media.ts';
import type { StreamHandle, TransportEvent } from '../moqt/transport.ts';
import type { DatedAnswer } from '../counter/client.ts';
import type { LeafIndex } from '../group/roster.ts';
import type { Millis } from '../units.ts';
import type { AskId, ConnectionId } from './effects.ts';
import type { Decision } from './decisions.ts';
import type { Sending } from './own-media.ts';

/** What a relay's transport session is, once it stands. */
export interface EstablishedTransport {
  readonly transport: 'quic' | 'webtransport';
  /** The negotiated protocol, for example `moqt-18`. */
  readonly protocol: string;
  /** Path with query, and authority, of the relay's URL. */
  readonly path: string;
  readonly authority: string;
}

/** One input. Bytes belong to the machine from then on. */
export type MeetingInput =
  /** Begins; once, before anything else. */
  | { readonly kind: 'start' }
  /** Answers to `connect`. */
  | {
      readonly kind: 'connected';
      readonly connection: ConnectionId;
      readonly established: EstablishedTransport;
    }
  | { readonly kind: 'connect-failed'; readonly connection: ConnectionId; readonly reason: string }
  | { readonly kind: 'transport'; readonly connection: ConnectionId; readonly event: TransportEvent }
  /** Bytes that the transport has queued on a stream after a write. */
  | {
      readonly kind: 'queued';
      readonly connection: ConnectionId;
      readonly stream: StreamHandle;
      readonly bytes: number;
      /** How long a packet takes to the relay and back, from time to time. */
      readonly roundTrip?: Millis | undefined;
    }
  /** Answer to `flush`: nothing waits to be sent any more. */
  | { readonly kind: 'flushed'; readonly connection: ConnectionId }
  /** Answer to a `counter`, `mls` or `store` effect, of the type that its ask has. */
  | { readonly kind: 'answer'; readonly id: AskId; readonly answer: unknown }
  /** The counter has answered, and said what time it is. */
  | { readonly kind: 'dated'; readonly answer: DatedAnswer }
  /** MLS has died with all that it held, and with the asks that it was to answer. */
  | { readonly kind: 'mls-lost' }
  /** Encoded media of this person; what is switched off is not taken. */
  | { readonly kind: 'uplink'; readonly item: UplinkItem }
  | { readonly kind: 'feedback'; readonly feedback: DownlinkFeedback }
  /** What we send from now on, said to everybody. */
  | { readonly kind: 'sending'; readonly sending: Sending }
  /** Whose pictures are wanted. */
  | { readonly kind: 'watch'; readonly participants: readonly ParticipantId[] }
  | { readonly kind: 'rename'; readonly displayName: string }
  /** What a person decides as an organiser; what cannot be done is told by a notice. */
  | Decision
  /** We move the meeting: the invitation to its new room, whose bytes are erased, goes to some, and some are left behind. */
  | {
      readonly kind: 'move';
      readonly invitation: Uint8Array;
      readonly recipients: readonly ParticipantId[];
      readonly leftBehind: readonly ParticipantId[];
    }
  /** Who said that it moves the meeting from a line that is broken did not bring us anywhere: its moves count no more. */
  | { readonly kind: 'distrust-mover'; readonly leaf: LeafIndex }
  /** Nobody moves the meeting from a line that is broken. `rejoins`: we seek it as a newcomer; else it ends for us. */
  | { readonly kind: 'abandon'; readonly rejoins: boolean }
  /** A person wants a fresh key for our leaf. */
  | { readonly kind: 'renew' }
  /** A renderer has just begun: it is told what is on. */
  | { readonly kind: 'announce' }
  /** The machine is about to sleep: nothing is sent from now on, since nobody who closes a lid means to go on talking. */
  | { readonly kind: 'sleeping' }
  /** The machine slept and is awake: the session to the relay is not believed any more. */
  | { readonly kind: 'woke' }
  /** Says good-bye and leaves; our state of the group is erased. */
  | { readonly kind: 'leave' }
  /** Ends here without leaving: a later start resumes the membership. */
  | { readonly kind: 'suspend' }
  /** What performs effects found a fault of our own: nothing more is done with keys that may be wrong. */
  | { readonly kind: 'fault' };
