/** Invitations for people: making them on this app's servers, and saying what one says or what is wrong with it. */
import { randomBytes } from 'node:crypto';
import { ok, failed, type Result } from '../contract/result.ts';
import type { InvitationSummary, LinkProblem } from '../contract/state.ts';
import { decodeBase64Url } from '../protocol/bytes/base64url.ts';
import {
  encodeInvitation,
  parseInvitation,
  type Invitation,
  type InvitationFault,
  type TrustAnchor,
} from '../protocol/group/invitation.ts';
import { SECRET_BYTES } from '../protocol/group/room-keys.ts';
import { certificatesIn, isCertificate, pemOf } from './certificates.ts';
import { nodeGroupCrypto } from './mls/node-group-crypto.ts';
import type { Servers } from './servers.ts';

/** Title of a meeting whose link names none. */
const UNTITLED = 'Meeting';

/** Makes the link of a new meeting: a new secret, and with it a new room. */
export function createInvitation(
  servers: Servers,
  title: string,
  keyAgreement: 'classical' | 'post-quantum',
): string {
  const { mode } = servers;
  const receiptKey = mode === 'fenced' ? decodeBase64Url(servers.receiptKey) : undefined;
  return encodeInvitation(
    {
      name: title,
      mode,
      suite: keyAgreement === 'post-quantum' ? 0x0053 : 0x0001,
      secret: new Uint8Array(randomBytes(SECRET_BYTES)),
      relays: servers.relays,
      counter: servers.counter,
      receiptKey,
      counterToken: '',
      anchors: certificatesIn(servers.caPem ?? '').map(({ raw }) => ({
        kind: 'ca-certificate',
        der: new Uint8Array(raw),
      })),
    },
    nodeGroupCrypto,
  );
}

/** Reads a link; a problem says exactly what is wrong. */
export function readInvitation(link: string): Result<Invitation, LinkProblem> {
  const outcome = parseInvitation(link, nodeGroupCrypto);
  if (outcome.kind === 'invalid') return failed(problemOf(outcome.fault));
  const { invitation } = outcome;
  const canBeUsed = invitation.anchors.every(
    (anchor) => anchor.kind !== 'ca-certificate' || isCertificate(anchor.der),
  );
  return canBeUsed ? ok(invitation) : failed(problemOf('bad-trust-anchor'));
}

/** What an invitation says, for people. */
export function summarise(invitation: Invitation): InvitationSummary {
  return {
    title: invitation.name === '' ? UNTITLED : invitation.name,
    relays: invitation.relays.map(({ url }) => hostOf(url)),
    counter: hostOf(invitation.counter),
    verification: verificationOf(invitation.anchors),
    keyAgreement: invitation.suite === 0x0053 ? 'post-quantum' : 'classical',
    mediaCipher: 'AES-128-GCM',
    mode: invitation.mode,
  };
}

/** Trust for TLS to a meeting's servers, from the anchors of an invitation that {@link readInvitation} has read. */
export function trustOf(
  anchors: readonly TrustAnchor[],
):
  | { readonly kind: 'system' }
  | { readonly kind: 'ca'; readonly caPem: string }
  | { readonly kind: 'certificate-hash'; readonly sha256: Uint8Array } {
  const authorities = anchors.flatMap((anchor) =>
    anchor.kind === 'ca-certificate' ? [pemOf(anchor.der)] : [],
  );
  if (authorities.length > 0) return { kind: 'ca', caPem: authorities.join('') };
  for (const anchor of anchors)
    if (anchor.kind === 'certificate-hash') return { kind: 'certificate-hash', sha256: anchor.sha256 };
  return { kind: 'system' };
}

function verificationOf(anchors: readonly TrustAnchor[]): InvitationSummary['verification'] {
  switch (trustOf(anchors).kind) {
    case 'system':
      return 'system';
    case 'ca':
      return 'private-ca';
    case 'certificate-hash':
      return 'pinned';
  }
}

const hostOf = (url: string): string => new URL(url.replace(/^moqt:/, 'https:')).host;

function problemOf(fault: InvitationFault): LinkProblem {
  switch (fault) {
    case 'not-an-invitation':
      return {
        kind: 'not-a-link',
        sentence: 'This is not a Conclave invitation. Invitations begin with conclave://join/',
      };
    case 'too-long':
      return {
        kind: 'damaged',
        sentence: 'This link is too long to be an invitation. Copy only the link and try again.',
      };
    case 'damaged-characters':
    case 'cut-off-or-changed':
    case 'malformed':
      return {
        kind: 'damaged',
        sentence:
          'Part of this link is missing or has been changed. Ask for it again and copy the whole link.',
      };
    case 'unknown-version':
      return {
        kind: 'other-version',
        sentence:
          'This invitation was made with another version of Conclave. Update the app, or ask for a new link.',
      };
    case 'unknown-mode':
    case 'unknown-suite':
      return {
        kind: 'unsupported',
        sentence:
          'This meeting uses encryption that this version of Conclave does not support. Update the app.',
      };
    case 'bad-name':
      return {
        kind: 'damaged',
        sentence: 'The meeting’s name in this link cannot be read. Ask for a new link.',
      };
    case 'unknown-relay-flags':
      return {
        kind: 'unsupported',
        sentence:
          'The relay of this meeting asks for something that this version of Conclave does not know. Update the app.',
      };
    case 'bad-relay-address':
    case 'no-relay':
      return {
        kind: 'damaged',
        sentence: 'The relay’s address in this link is not valid. Ask for a new link.',
      };
    case 'bad-counter-address':
    case 'bad-counter-token':
    case 'bad-receipt-key':
      return {
        kind: 'damaged',
        sentence: 'The details of the counter service in this link are not valid. Ask for a new link.',
      };
    case 'bad-trust-anchor':
      return {
        kind: 'damaged',
        sentence: 'The certificate in this link is not valid. Ask for a new link.',
      };
  }
}
