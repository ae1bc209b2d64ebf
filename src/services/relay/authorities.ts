/** Under which authorities clients know a relay, when nobody has said so: what its certificate lets them check. */
import { X509Certificate } from 'node:crypto';
import { relayAuthorityOf } from '../../protocol/group/relay-pass.ts';
import { formatEndpoint, type Endpoint } from '../endpoint.ts';

/** How many a relay has at most: each costs a verification for each new pass. */
export const MOST_AUTHORITIES = 16;

/** An authority as passes name it; undefined: too long for a pass. */
export function authorityOf(endpoint: Endpoint): string | undefined {
  return relayAuthorityOf(`https://${formatEndpoint(endpoint)}`);
}

/**
 * The names and addresses of a certificate with the port, as passes name them. Wildcards are none: what they stand for is
 * for `--authority` to say.
 * @param certPem - the chain; its first certificate counts.
 */
export function authoritiesOf(certPem: string, port: number): string[] {
  const { subjectAltName = '' } = new X509Certificate(certPem);
  const hosts = subjectAltName
    .split(', ')
    .flatMap((name) => /^(?:DNS|IP Address):([^*]+)$/.exec(name)?.[1]?.replaceAll('"', '') ?? []);
  const authorities = hosts.flatMap((host) => authorityOf({ host: shortAddress(host), port }) ?? []);
  return authorities.slice(0, MOST_AUTHORITIES);
}

/** IPv6 addresses as URLs have them: Node writes certificates' out in full. */
function shortAddress(host: string): string {
  return host.includes(':') ? new URL(`https://[${host}]`).hostname.slice(1, -1) : host;
}
