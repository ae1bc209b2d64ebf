/**
 * Media between main and renderer, over one MessagePort per direction. Messages are arrays of items, gathered for a
 * few milliseconds, since a message costs more than the sealing of what it carries.
 * ArrayBuffers are copied, never transferred: transferring one to MessagePortMain loses the message (electron#34905).
 */
export type {
  DownlinkFeedback,
  DownlinkItem,
  MediaKind,
  TrackConfig,
  UplinkItem,
} from '../protocol/media/encoded-media.ts';
