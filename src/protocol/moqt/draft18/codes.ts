/** Code points of draft-18. @see moqt-18 #iana */

/** Types of messages on control and request streams. @see moqt-18 #message */
export const MessageType = {
  REQUEST_UPDATE: 0x2,
  SUBSCRIBE: 0x3,
  SUBSCRIBE_OK: 0x4,
  REQUEST_ERROR: 0x5,
  PUBLISH_NAMESPACE: 0x6,
  REQUEST_OK: 0x7,
  NAMESPACE: 0x8,
  PUBLISH_DONE: 0xb,
  TRACK_STATUS: 0xd,
  NAMESPACE_DONE: 0xe,
  PUBLISH_BLOCKED: 0xf,
  GOAWAY: 0x10,
  FETCH: 0x16,
  FETCH_OK: 0x18,
  PUBLISH: 0x1d,
  SUBSCRIBE_NAMESPACE: 0x50,
  SUBSCRIBE_TRACKS: 0x51,
  SETUP: 0x2f00,
} as const;

/** Types of unidirectional streams besides the subgroup headers. @see moqt-18 #stream-types */
export const StreamType = { FETCH_HEADER: 0x5, SETUP: 0x2f00, PADDING: 0x132b3e28 } as const;

/** Type of a padding datagram. @see moqt-18 #padding-datagrams */
export const PADDING_DATAGRAM = 0x132b3e29;
