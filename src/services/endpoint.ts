/** HOST:PORT, as options give it and as ready lines and URLs show it. */
import { UsageError } from './command-line.ts';

/** Where a service listens. */
export interface Endpoint {
  /** A name or an IP address, without brackets. */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
}

/**
 * Reads `HOST:PORT`, an IPv6 address in brackets.
 * @param name - the option, for the message.
 * @throws {UsageError} the text is something else.
 */
export function readEndpoint(name: string, text: string): Endpoint {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):([0-9]{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65_535) throw new UsageError(`${name} is not HOST:PORT`);
  return { host, port: Number(port) };
}

/** `HOST:PORT`, an IPv6 address in brackets. */
export function formatEndpoint({ host, port }: Endpoint): string {
  return `${host.includes(':') ? `[${host}]` : host}:${String(port)}`;
}
