/** Runs `mls-peers`: MLS members by OpenMLS and mls-rs in a program of their own (`node scripts/interop-peers.mjs mls-peers`). */
import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { encodeHex } from '../../src/protocol/bytes/hex.ts';

const PROGRAM = path.join(import.meta.dirname, '../../.cache/peers/bin/mls-peers');

/** Whether the program is there. */
export const isInstalled = existsSync(PROGRAM);

/** Libraries that members can be made with. */
export type PeerLibrary = 'openmls' | 'mls-rs';

/** What all members of an epoch have in common, in hexadecimal, and the leaf of the one that was asked. */
export interface PeerView {
  readonly epoch: number;
  readonly authenticator: string;
  readonly exported: string;
  readonly leaf: number;
}

/** What a peer's member is to know of the meeting. */
export interface PeerInvitation {
  readonly group: Uint8Array;
  readonly join_proof_key: Uint8Array;
  readonly psk_id: Uint8Array;
  readonly psk: Uint8Array;
  /** Value of leaf extension 0xF0C2. */
  readonly leaf_join: Uint8Array;
  readonly sealed_name: Uint8Array;
}

/** What a peer's Commit is to do; bytes in hexadecimal. */
export interface PeerPlan {
  readonly adds: readonly string[];
  readonly removes: readonly number[];
  readonly parameters: string | null;
  readonly path: boolean;
}

/** A request, as `src/main.rs` of the program reads it. */
export type PeerRequest =
  | {
      readonly what: 'key_package';
      readonly library: PeerLibrary;
      readonly invitation: PeerInvitation;
      readonly path: boolean;
    }
  | { readonly what: 'join'; readonly welcome: string }
  | { readonly what: 'commit'; readonly plan: PeerPlan }
  | { readonly what: 'merge' | 'forget' }
  | { readonly what: 'process'; readonly commit: string };

/** The running program: the one that the interop tests build, by default. */
export class MlsPeers {
  readonly #program: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  constructor(program = PROGRAM) {
    this.#program = spawn(program, { stdio: 'pipe' });
    this.#lines = createInterface({ input: this.#program.stdout })[Symbol.asyncIterator]();
  }

  /** One request at a time. @throws Error with what the library said. */
  async ask(member: string, request: PeerRequest): Promise<unknown> {
    return (await this.askTimed(member, request)).value;
  }

  /** As {@link MlsPeers.ask}, with the CPU time that the answer took where the system tells it. */
  async askTimed(
    member: string,
    request: PeerRequest,
  ): Promise<{ readonly value: unknown; readonly cpuMicros: number | undefined }> {
    this.#program.stdin.write(`${JSON.stringify({ member, ...request }, bytesAsHex)}\n`);
    const line = await this.#lines.next();
    if (line.done === true) throw new Error(`mls-peers ended at ${request.what} of ${member}`);
    const answer = JSON.parse(line.value) as { ok: unknown; cpu_us?: number | null } | { error: string };
    if ('error' in answer) throw new Error(`${member}, ${request.what}: ${answer.error}`);
    return { value: answer.ok, cpuMicros: answer.cpu_us ?? undefined };
  }

  /** Ends the program. */
  async stop(): Promise<void> {
    const ended = once(this.#program, 'exit');
    this.#program.stdin.end();
    await ended;
  }
}

function bytesAsHex(_: string, value: unknown): unknown {
  return value instanceof Uint8Array ? encodeHex(value) : value;
}
