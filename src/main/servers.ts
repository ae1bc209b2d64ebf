/**
 * The servers that this app starts meetings on. People who are invited need none: the link names them.
 */
import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { INVITATION_LIMITS } from '../protocol/group/invitation.ts';
import { certificatesIn } from './certificates.ts';

/** Bytes of all authorities together, so that a link has room for the rest of an invitation. */
const AUTHORITIES_BYTES = 4_096;
const AUTHORITIES_WANTED =
  `needs one to ${String(INVITATION_LIMITS.anchors)} certificates in PEM of at most ` +
  `${String(INVITATION_LIMITS.certificate)} bytes each and ${String(AUTHORITIES_BYTES)} together`;

const serversSchema = v.strictObject({
  /** MOQT relays, best first. */
  relays: v.pipe(
    v.array(
      v.strictObject({
        /** `https://…` (WebTransport) or `moqt://…` (QUIC). */
        url: v.pipe(v.string(), v.regex(/^(https|moqt):\/\//)),
        /** Whether it asks for the meeting's pass, as Conclave's relay does unless it was started with --open. */
        pass: v.optional(v.boolean(), true),
      }),
    ),
    v.minLength(1),
    v.maxLength(INVITATION_LIMITS.relays),
  ),
  /** Epoch counter service. */
  counter: v.pipe(v.string(), v.regex(/^https:\/\//)),
  /** PEM certificates of the servers' own certification authorities; absent: the system's roots. */
  caPem: v.optional(v.pipe(v.string(), v.maxLength(16_384), v.check(fitsInvitation, AUTHORITIES_WANTED))),
  /** Ed25519 public key that signs the counter's receipts, base64url. */
  receiptKey: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/)),
  /** `plain` for a counter that knows only the draft's two calls. */
  mode: v.optional(v.picklist(['fenced', 'plain']), 'fenced'),
});

/** Where meetings are started, and how those servers are verified. */
export type Servers = v.InferOutput<typeof serversSchema>;

/**
 * Reads a servers file.
 * @returns the servers, or a sentence that says what is wrong with the file.
 */
export function readServers(
  file: string,
): { kind: 'read'; servers: Servers } | { kind: 'wrong'; sentence: string } {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return { kind: 'wrong', sentence: `The servers file ${file} cannot be read.` };
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { kind: 'wrong', sentence: `The servers file ${file} is not JSON.` };
  }
  const parsed = v.safeParse(serversSchema, value);
  if (parsed.success) return { kind: 'read', servers: parsed.output };
  const issue = parsed.issues[0];
  return {
    kind: 'wrong',
    sentence: `The servers file ${file} is wrong at '${v.getDotPath(issue) ?? 'top'}': ${issue.message}`,
  };
}

/** Whether PEM holds authorities, and an invitation has room for all of them. */
function fitsInvitation(pem: string): boolean {
  try {
    const sizes = certificatesIn(pem).map(({ raw }) => raw.length);
    const sum = sizes.reduce((total, size) => total + size, 0);
    const fit = sizes.every((size) => size <= INVITATION_LIMITS.certificate) && sum <= AUTHORITIES_BYTES;
    return fit && sizes.length >= 1 && sizes.length <= INVITATION_LIMITS.anchors;
  } catch {
    return false;
  }
}
