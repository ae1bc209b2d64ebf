/** What the preview says. */
export const words = {
  back: 'Back',
  reading: 'Reading the link …',
  badLink: 'This link cannot be used',
  badLinkNext: 'Ask the person who sent it for a new one.',
  relay: 'Relay: carries the encrypted audio and video',
  counter: 'Counter: keeps the key changes in order',
  verification: 'How both are verified',
  verifications: {
    system: 'By the certificates this computer trusts',
    'private-ca': 'By the company’s own certificate authority, named in the link',
    pinned: 'By their exact certificates, named in the link',
  },
  keys: 'Keys',
  keyAgreements: { classical: 'Classical (X25519)', 'post-quantum': 'Post-quantum (X-Wing)' },
  cipher: 'Encrypted with',
  mode: 'Order of key changes',
  plainMode:
    'The counter signs no receipts: a split meeting can be detected by comparing security codes, but not prevented',
  servers: 'Neither server can hear or see the meeting.',
  joinAs: (name: string): string => `Join as ${name}`,
} as const;
