import { request } from 'node:https';
import type { IncomingHttpHeaders } from 'node:http';
import type { RunningCounter } from './running-counter.ts';

/** An answer as it came. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body as JSON; undefined where it is none. */
  readonly json: Record<string, unknown> | undefined;
}

/** Sends one request over a connection of its own. */
export function ask(
  counter: Pick<RunningCounter, 'url' | 'certificate'>,
  method: string,
  target: string,
  {
    body,
    headers,
    localAddress,
  }: {
    body?: string | Buffer;
    headers?: Readonly<Record<string, string>>;
    /** Who asks: an address of this machine, as 127.0.0.2 is. */
    localAddress?: string;
  } = {},
): Promise<RawAnswer> {
  const url = new URL(counter.url);
  const isChunked = headers !== undefined && 'Transfer-Encoding' in headers;
  const bodyHeaders =
    body === undefined
      ? {}
      : {
          'Content-Type': 'application/json',
          ...(isChunked ? {} : { 'Content-Length': Buffer.byteLength(body) }),
        };
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: url.hostname,
        port: url.port,
        method,
        path: target,
        agent: false,
        ...(localAddress === undefined ? {} : { localAddress }),
        ca: counter.certificate.caPem,
        headers: { ...bodyHeaders, ...headers },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const isJson = (response.headers['content-type'] ?? '').includes('json');
          const json = isJson ? (JSON.parse(text) as Record<string, unknown>) : undefined;
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json });
        });
        response.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}
