/** Problem documents of the counter service. @see RFC 9457 */
import type { Millis } from '../units.ts';

/** Problems that the service names; the type URI is {@link PROBLEM_PREFIX} and the name. */
export const PROBLEMS = {
  malformed: { status: 400, title: 'The request is malformed' },
  unauthorized: { status: 401, title: 'A valid bearer token is needed' },
  forbidden: { status: 403, title: 'The call is not signed as it has to be' },
  'not-found': { status: 404, title: 'There is nothing at this path' },
  'method-not-allowed': { status: 405, title: 'This path does not take this method' },
  timeout: { status: 408, title: 'The request took too long to arrive' },
  alive: { status: 409, title: 'A generation of the room is alive' },
  locked: { status: 409, title: 'Somebody else holds the lock' },
  'not-locked': { status: 409, title: 'The counter is not locked with this token' },
  fork: { status: 409, title: 'The log holds another receipt for this epoch or its past' },
  gone: { status: 410, title: 'The generation never comes back' },
  'counter-error': { status: 412, title: 'The counter expects another value' },
  'too-large': { status: 413, title: 'The body is too large' },
  'unsupported-media-type': { status: 415, title: 'The body is not application/json' },
  'mode-mismatch': { status: 422, title: 'The counter is kept in another mode' },
  'foreign-receipt': { status: 422, title: 'The receipt cannot be taken back' },
  'too-many-generations': { status: 429, title: 'Too many generations of the room have begun' },
  'rate-limited': { status: 429, title: 'Too many requests' },
  internal: { status: 500, title: 'The service failed' },
  // Not 503, which says that nothing was done.
  'storage-failed': { status: 500, title: 'The service cannot write' },
  unavailable: { status: 503, title: 'The service cannot answer now' },
} as const;

/** Name of a problem. */
export type ProblemName = keyof typeof PROBLEMS;
/** What the type of each problem begins with. */
export const PROBLEM_PREFIX = 'urn:conclave:counter:';

/** A status and a JSON body, with headers that depend on them. */
export interface HttpAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  /** Goes into Retry-After, in seconds rounded up. */
  readonly retryAfterMs?: Millis;
}

/** Forms a problem document. `detail` must not repeat what a client sent. */
export function problem(
  name: ProblemName,
  detail: string,
  members: Readonly<Record<string, unknown>> = {},
): HttpAnswer {
  const { status, title } = PROBLEMS[name];
  return { status, body: { type: PROBLEM_PREFIX + name, title, status, detail, ...members } };
}
