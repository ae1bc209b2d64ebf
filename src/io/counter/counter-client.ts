/** A {@link CounterClient} over HTTPS. */

import { request as httpsRequest, Agent } from 'node:https';
import type { AgentOptions, RequestOptions } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import { COUNTER_LIMITS } from '../../protocol/counter/client.ts';
import type {
  CounterClient,
  AliveOutcome,
  CloseOutcome,
  CounterFailure,
  CounterMode,
  DatedAnswer,
  EpochSigner,
  HistoryOutcome,
  IncrementOutcome,
  IncrementRequest,
  LockOutcome,
  LockRequest,
  ReceiptKeyOutcome,
  RoomOutcome,
  UploadEntry,
  UploadOutcome,
} from '../../protocol/counter/client.ts';
import {
  decodeAliveAnswer,
  decodeHistoryAnswer,
  decodeIncrementAnswer,
  decodeLockAnswer,
  decodeReceiptKeyAnswer,
  decodeRoomAnswer,
  decodeUploadAnswer,
  MAX_ANSWER_BYTES,
} from '../../protocol/counter/http-answer.ts';
import type { ReceivedAnswer } from '../../protocol/counter/http-answer.ts';
import {
  aliveTarget,
  encodeIncrementBody,
  encodeUploadBody,
  historyTarget,
  incrementTarget,
  lockTarget,
  roomTarget,
  uploadTarget,
} from '../../protocol/counter/http-request.ts';
import type { Ed25519Signer } from '../../protocol/group/crypto-port.ts';
import { InvariantError, invariant } from '../../protocol/errors.ts';
import { unixMillis } from '../../protocol/units.ts';
import type { Epoch, Millis } from '../../protocol/units.ts';
import { callSignatureBase, signatureFields } from '../../protocol/counter/message-signature.ts';
import type { CallKey, SignedCall } from '../../protocol/counter/message-signature.ts';
import { checkPinnedCertificate } from './pinned-certificate.ts';
import { receiptVerifier } from './receipt-crypto.ts';

/** Which server to accept as the counter service; accepting any is not an option. */
export type CounterTrust =
  /** The roots that come with the runtime. */
  | { readonly kind: 'system' }
  /** These authorities and no others, PEM. */
  | { readonly kind: 'ca'; readonly caPem: string }
  /** The server's certificate, or the authority that issued it and is sent along, by the SHA-256 of its DER. */
  | { readonly kind: 'certificate-hash'; readonly sha256: Uint8Array };

/** Where the service is and how to talk to it. */
export interface HttpsCounterOptions {
  /** `https://host[:port]`, with a path where the service lives below one. */
  readonly url: string;
  readonly trust: CounterTrust;
  /** Signs as the room, in fenced mode; undefined for one who only asks for the receipt key, and in plain mode. */
  readonly room?: Ed25519Signer | undefined;
  /** Sent as a bearer token; undefined: none. */
  readonly token?: string | undefined;
  /** Told of each answer that says what time it is. */
  readonly dated?: (answer: DatedAnswer) => void;
  /** For a whole call, connecting included; default 10 s. */
  readonly timeoutMs?: Millis;
}

const DEFAULT_TIMEOUT_MS = 10_000;
/** Whoever leaves does not wait long for a counter that does not answer. */
const CLOSE_TIMEOUT_MS = 2_000;
const NO_ROOM = new Uint8Array(0);

/** Talks to a counter service; keeps a few connections open until {@link HttpsCounterClient.disconnect}. */
export class HttpsCounterClient implements CounterClient {
  readonly #url: URL;
  readonly #options: HttpsCounterOptions;
  readonly #agent: Agent;

  /** @throws {InvariantError} the URL is not https: or carries credentials, a query or a fragment. */
  constructor(options: HttpsCounterOptions) {
    this.#url = readUrl(options.url);
    this.#options = options;
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets: 4,
      minVersion: 'TLSv1.2',
      ...trustOptions(options.trust),
    });
  }

  async lock(group: Uint8Array, request: LockRequest, member?: EpochSigner): Promise<LockOutcome> {
    const { mode } = request;
    const target = lockTarget(group, request, this.#options.room?.publicKey ?? NO_ROOM);
    const by = this.#signerOf(mode, member);
    return this.#ask('GET', target, undefined, (answer) => decodeLockAnswer(answer, mode), by);
  }

  async increment(
    group: Uint8Array,
    request: IncrementRequest,
    member?: EpochSigner,
  ): Promise<IncrementOutcome> {
    if (request.mode === 'fenced') {
      invariant(
        request.commit.length <= COUNTER_LIMITS.commit,
        'a Commit for the counter has at most 512 KiB',
      );
    }
    return this.#ask(
      'POST',
      incrementTarget(group, request.mode),
      encodeIncrementBody(request),
      (answer) => decodeIncrementAnswer(answer, request.mode),
      this.#signerOf(request.mode, member),
    );
  }

  async history(group: Uint8Array, from: Epoch): Promise<HistoryOutcome> {
    return this.#ask('GET', historyTarget(group, from), undefined, decodeHistoryAnswer, this.#asRoom());
  }

  async upload(
    group: Uint8Array,
    generation: number,
    entries: readonly UploadEntry[],
  ): Promise<UploadOutcome> {
    const room = this.#asRoom();
    const target = uploadTarget(group, { room: room.publicKey, generation });
    let outcome: UploadOutcome = { kind: 'ok', current: undefined };
    for (const batch of batchesOf(entries)) {
      outcome = await this.#ask('POST', target, encodeUploadBody(batch), decodeUploadAnswer, room);
      if (outcome.kind !== 'ok') return outcome;
    }
    return outcome;
  }

  async room(): Promise<RoomOutcome> {
    const room = this.#asRoom();
    return this.#ask('GET', roomTarget(room.publicKey), undefined, decodeRoomAnswer, room);
  }

  async alive(group: Uint8Array, val: Epoch, member: EpochSigner): Promise<AliveOutcome> {
    return this.#ask(
      'POST',
      aliveTarget('alive', group, val),
      undefined,
      decodeAliveAnswer,
      asMember(member),
    );
  }

  async close(group: Uint8Array, val: Epoch, member: EpochSigner): Promise<CloseOutcome> {
    const target = aliveTarget('close', group, val);
    return this.#ask('POST', target, undefined, decodeAliveAnswer, asMember(member), CLOSE_TIMEOUT_MS);
  }

  async receiptKey(): Promise<ReceiptKeyOutcome> {
    return this.#ask('GET', '/receipt-key', undefined, decodeReceiptKeyAnswer);
  }

  /** Closes all connections; calls under way end as unreachable. */
  disconnect(): void {
    this.#agent.destroy();
  }

  #signerOf(mode: CounterMode, member: EpochSigner | undefined): CallSigner | undefined {
    if (mode === 'plain') return undefined;
    return member === undefined ? this.#asRoom() : asMember(member);
  }

  #asRoom(): CallSigner & { readonly publicKey: Uint8Array } {
    const { room } = this.#options;
    invariant(room !== undefined, 'a fenced counter is asked by those who were invited');
    const { publicKey } = room;
    return { key: 'room', publicKey, sign: (message) => Promise.resolve(room.sign(message)) };
  }

  async #ask<Outcome>(
    method: 'GET' | 'POST',
    target: string,
    body: string | undefined,
    decode: (answer: ReceivedAnswer) => Outcome,
    by?: CallSigner,
    timeoutMs = this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
  ): Promise<Outcome | CounterFailure> {
    try {
      const bytes = Buffer.from(body ?? '');
      const signed = by === undefined ? {} : await signedBy(by, { method, target, body: bytes });
      return decode(await this.#send(method, target, bytes, signed, timeoutMs));
    } catch (error) {
      if (error instanceof InvariantError) throw error;
      const { code, message } = error as NodeJS.ErrnoException;
      return { kind: 'unreachable', reason: code ?? message };
    }
  }

  #noteDate(date: string | undefined, sentAt: number): void {
    const served = Date.parse(date ?? '');
    if (Number.isNaN(served)) return;
    const [sent, received] = [unixMillis(sentAt), unixMillis(Date.now())];
    this.#options.dated?.({ served: unixMillis(served), sentAt: sent, receivedAt: received });
  }

  async #send(
    method: 'GET' | 'POST',
    target: string,
    body: Buffer,
    signed: Readonly<Record<string, string>>,
    timeoutMs: number,
  ): Promise<ReceivedAnswer> {
    const { token, trust } = this.#options;
    const bytes = body.length === 0 ? undefined : body;
    const options: RequestOptions = {
      agent: this.#agent,
      method,
      host: this.#url.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: this.#url.port === '' ? 443 : Number(this.#url.port),
      path: this.#url.pathname.replace(/\/$/, '') + target,
      headers: {
        Accept: 'application/json, application/problem+json',
        ...(method === 'POST' ? { 'Content-Length': bytes?.length ?? 0 } : {}),
        ...(bytes === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...signed,
        ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      },
    };
    return await new Promise((resolve, reject) => {
      const request = httpsRequest(options);
      const end = (): void => {
        sentAt = Date.now();
        request.end(bytes);
      };
      let sentAt = Date.now();
      const deadline = setTimeout(() => {
        request.destroy(new AnswerError(`no answer within ${String(timeoutMs)} ms`));
      }, timeoutMs);
      request.on('error', reject);
      request.on('close', () => {
        clearTimeout(deadline);
      });
      request.on('response', (response) => {
        this.#noteDate(response.headers.date, sentAt);
        readAnswer(response).then(resolve, (error: unknown) => {
          request.destroy();
          reject(error instanceof Error ? error : new AnswerError(String(error)));
        });
      });
      if (trust.kind !== 'certificate-hash') {
        end();
        return;
      }
      // The request, and the bearer token in it, is sent to the pinned server only.
      request.on('socket', (socket) => {
        if (!(socket instanceof TLSSocket)) {
          request.destroy(new AnswerError('the connection is not TLS'));
          return;
        }
        const sendIfPinned = (): void => {
          const fault = checkPinnedCertificate(socket, trust.sha256, this.#url.hostname, Date.now());
          if (fault === undefined) end();
          else request.destroy(new AnswerError(fault));
        };
        if (socket.connecting || socket.getProtocol() === null) socket.once('secureConnect', sendIfPinned);
        else sendIfPinned();
      });
    });
  }
}

/** Who signs a call. */
interface CallSigner {
  readonly key: CallKey;
  readonly sign: EpochSigner;
}

function asMember(member: EpochSigner): CallSigner {
  return { key: 'epoch', sign: member };
}

/** The header fields that a signature adds to a call. */
async function signedBy(
  { key, sign }: CallSigner,
  call: SignedCall,
): Promise<Readonly<Record<string, string>>> {
  const signature = await sign(callSignatureBase(key, call, receiptVerifier));
  if (signature === undefined) throw new AnswerError('not a member any more');
  return signatureFields(key, call, signature, receiptVerifier);
}

/** An answer that cannot be read, in words. */
class AnswerError extends Error {}

function readUrl(text: string): URL {
  const url = new URL(text);
  const isPlain = url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  invariant(
    url.protocol === 'https:' && isPlain,
    'the counter has an https: URL without query or credentials',
  );
  return url;
}

function trustOptions(trust: CounterTrust): AgentOptions {
  switch (trust.kind) {
    case 'system':
      return {};
    case 'ca':
      return { ca: trust.caPem };
    case 'certificate-hash':
      // Not off: checkPinnedCertificate stands in for the check against roots, before anything is sent.
      // A resumed session shows no certificates, so each connection makes a full handshake.
      return { rejectUnauthorized: false, maxCachedSessions: 0 };
  }
}

async function readAnswer(response: IncomingMessage): Promise<ReceivedAnswer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_ANSWER_BYTES) throw new AnswerError('the answer is too large');
    chunks.push(chunk);
  }
  return {
    status: response.statusCode ?? 0,
    retryAfter: response.headers['retry-after'],
    text: Buffer.concat(chunks, length).toString('utf8'),
  };
}

function batchesOf(entries: readonly UploadEntry[]): UploadEntry[][] {
  const batches: UploadEntry[][] = [];
  let batch: UploadEntry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const size = entry.receipt.length + (entry.commit?.length ?? 0);
    if (batch.length === COUNTER_LIMITS.uploadEntries || bytes + size > COUNTER_LIMITS.uploadBytes) {
      batches.push(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(entry);
    bytes += size;
  }
  // Even an empty upload is sent: the answer says which epoch the service has reached.
  batches.push(batch);
  return batches;
}
