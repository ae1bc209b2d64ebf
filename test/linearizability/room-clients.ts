/** Clients of one room that do all that members and link-holders may do, and some of what they may not. */
import { HttpsCounterClient } from '../../src/io/counter/counter-client.ts';
import { receiptVerifier } from '../../src/io/counter/receipt-crypto.ts';
import { ed25519Signer } from '../../src/io/crypto/raw-keys.ts';
import type { EpochSigner, LockToken } from '../../src/protocol/counter/client.ts';
import { receiptHash, verifyReceipt } from '../../src/protocol/counter/receipt.ts';
import { groupOfRoom } from '../../src/protocol/counter/room.ts';
import type { Ed25519Signer } from '../../src/protocol/group/crypto-port.ts';
import { epoch, millis } from '../../src/protocol/units.ts';
import { hashName, nameOf } from './recorder.ts';
import type { Answer, Recorder } from './recorder.ts';

/** Where they are and what they have. */
export interface RoomSetup {
  readonly name: string;
  readonly service: { readonly url: string; readonly receiptKey: Uint8Array; readonly isUp: Promise<void> };
  readonly caPem: string;
  readonly recorder: Recorder;
  /** 0 to 1. */
  readonly random: () => number;
  readonly lockMs: number;
  readonly leaseMs: number;
  /** After so long a call has an unknown outcome. */
  readonly timeoutMs: number;
}

/** Where a generation is, as far as its clients know. */
interface Head {
  readonly generation: number;
  readonly val: bigint;
  readonly key: Ed25519Signer;
}

/** An increment that is or was possible. */
interface Attempt {
  readonly head: Head | undefined;
  readonly generation: number;
  readonly val: bigint;
  readonly token: LockToken;
  readonly commit: Uint8Array;
  readonly key: Ed25519Signer;
}

type Outcome = { readonly kind: string } & Readonly<Record<string, unknown>>;

const NOT_SENT = 'ECONNREFUSED';

/** The clients of one room. What one learns, all know, as members of a meeting would. */
export class RoomClients {
  readonly #setup: RoomSetup;
  readonly #room: Ed25519Signer;
  readonly #client: HttpsCounterClient;
  readonly #keys = new Map<string, Ed25519Signer>();
  /** The newest known epoch of each generation. */
  readonly #heads: Head[] = [];
  readonly #old: Attempt[] = [];
  #quietUntil: Promise<void> | undefined;

  constructor(setup: RoomSetup) {
    this.#setup = setup;
    this.#room = this.#freshKey();
    this.#client = new HttpsCounterClient({
      url: setup.service.url,
      trust: { kind: 'ca', caPem: setup.caPem },
      room: this.#room,
      timeoutMs: millis(setup.timeoutMs),
    });
  }

  /** One client makes calls until `isOver`. */
  async run(client: number, isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      await this.#setup.service.isUp;
      await this.#quietUntil;
      await this.#act(client);
    }
  }

  close(): void {
    this.#client.disconnect();
  }

  async #act(client: number): Promise<void> {
    const head = this.#heads.at(-1);
    const choice = this.#setup.random();
    if (choice < 0.005) this.#quietUntil = wait(this.#setup.leaseMs * 1.1);
    else if (head === undefined || choice < 0.04) await this.#begin(client);
    else if (choice < 0.45) await this.#commit(client, head);
    else if (choice < 0.55) await this.#alive(client, 'alive', this.#anyHead(0.8));
    else if (choice < 0.565) await this.#alive(client, 'close', this.#anyHead(0.9));
    else if (choice < 0.6) await this.#askRoom(client);
    else if (choice < 0.85) await this.#history(client, this.#anyHead(0.9));
    else if (choice < 0.9) await this.#retryOld(client);
    else await this.#trespass(client, head);
  }

  /** Begins the next generation, if none is alive; now and then without asking first. */
  async #begin(client: number): Promise<void> {
    const asked = await this.#askRoom(client);
    if (asked?.kind !== 'ok' || (asked.meeting !== undefined && !this.#chance(0.2))) return;
    await this.#take(client, undefined, Number(asked.next), 0n);
  }

  async #commit(client: number, head: Head): Promise<void> {
    await this.#take(client, head, head.generation, head.val + 1n);
  }

  /** Locks and increments. */
  async #take(client: number, head: Head | undefined, generation: number, val: bigint): Promise<void> {
    const nonce = this.#bytes(16);
    let locked = await this.#lock(client, head, generation, val, nonce);
    // An unknown outcome: it is asked again with the same nonce.
    locked ??= await this.#lock(client, head, generation, val, nonce);
    if (locked?.kind === 'counter-error') await this.#history(client, head ?? this.#heads.at(-1));
    if (locked?.kind !== 'granted') return;
    const attempt: Attempt = {
      head,
      generation,
      val,
      token: locked.token as LockToken,
      commit: this.#bytes(60 + Math.floor(this.#setup.random() * 300)),
      key: this.#freshKey(),
    };
    if (this.#chance(0.12)) {
      this.#old.push(attempt);
      return;
    }
    if (this.#chance(0.04)) await wait(this.#setup.lockMs * 1.1);
    const done = await this.#increment(client, attempt);
    if (done === undefined) await this.#increment(client, attempt);
    if (this.#chance(0.1)) this.#old.push(attempt);
  }

  /** With a token of before: the lock may have gone to somebody else, or the Commit may be logged. */
  async #retryOld(client: number): Promise<void> {
    const attempt = this.#old[Math.floor(this.#setup.random() * this.#old.length)];
    if (attempt === undefined) return;
    // The same Commit again, or another under the same token.
    await this.#increment(
      client,
      this.#chance(0.5) ? attempt : { ...attempt, commit: this.#bytes(80), key: this.#freshKey() },
    );
  }

  /** What is refused: without the key, with an old one, at a wrong value, with somebody's or nobody's token. */
  async #trespass(client: number, head: Head): Promise<void> {
    const old = [...this.#keys.values()];
    const key = this.#chance(0.5)
      ? this.#freshKey()
      : (old[Math.floor(this.#setup.random() * old.length)] ?? head.key);
    const as = { ...head, key };
    const val = head.val + (this.#chance(0.2) ? 5n : 1n);
    const token = this.#bytes(16);
    switch (Math.floor(this.#setup.random() * 4)) {
      case 0:
        await this.#lock(client, as, head.generation, val, this.#bytes(16));
        break;
      case 1:
        await this.#alive(client, this.#chance(0.5) ? 'alive' : 'close', as);
        break;
      case 2:
        await this.#lock(client, undefined, head.generation, val, this.#bytes(16));
        break;
      default:
        await this.#increment(client, {
          head: this.#chance(0.5) ? head : as,
          generation: head.generation,
          val,
          token: Buffer.from(token).toString('base64url') as LockToken,
          commit: this.#bytes(50),
          key: this.#freshKey(),
        });
    }
  }

  async #lock(
    client: number,
    by: Head | undefined,
    generation: number,
    val: bigint,
    nonce: Uint8Array,
  ): Promise<Answer> {
    const call = { kind: 'lock', generation, val: Number(val), nonce: nameOf(nonce), signer: signerOf(by) };
    return this.#ask(client, call, async () => {
      const request = { mode: 'fenced', val: epoch(val), nonce, generation } as const;
      const { kind, ...said } = (await this.#client.lock(
        this.#group(generation),
        request,
        memberOf(by),
      )) as Outcome;
      if (kind !== 'granted') return { kind, ...said };
      return { kind, token: said.token, attempt: said.attempt, expiresIn: said.expiresInMs };
    });
  }

  async #increment(client: number, { head, generation, val, token, commit, key }: Attempt): Promise<Answer> {
    const call = {
      kind: 'increment',
      generation,
      val: Number(val),
      token,
      commit: hashName(commit),
      nextKey: nameOf(key.publicKey),
      signer: signerOf(head),
    };
    const answer = await this.#ask(client, call, async () => {
      const transcript = new Uint8Array(val === 0n ? 0 : 32);
      const nextKey = key.publicKey;
      const request = { mode: 'fenced', val: epoch(val), token, commit, transcript, nextKey } as const;
      const outcome = (await this.#client.increment(
        this.#group(generation),
        request,
        memberOf(head),
      )) as Outcome;
      return outcome.kind === 'ok' ? { kind: 'ok', receipt: this.#read(outcome.receipt) } : outcome;
    });
    if (answer?.kind === 'ok') this.#learn(generation, val, key);
    return answer;
  }

  async #alive(client: number, kind: 'alive' | 'close', by: Head | undefined): Promise<void> {
    if (by === undefined) return;
    const call = { kind, generation: by.generation, val: Number(by.val), signer: signerOf(by) };
    const answer = await this.#ask(client, call, async () => {
      const member = memberOf(by) ?? (() => Promise.resolve(undefined));
      return (await this.#client[kind](this.#group(by.generation), epoch(by.val), member)) as Outcome;
    });
    if (answer?.kind === 'counter-error') await this.#history(client, by);
  }

  async #askRoom(client: number): Promise<Answer> {
    return this.#ask(client, { kind: 'room', signer: 'room' }, async () => this.#client.room());
  }

  async #history(client: number, of: Head | undefined): Promise<void> {
    const generation = of?.generation ?? 0;
    const from = Math.max(0, Number(of?.val ?? 0n) - Math.floor(this.#setup.random() * 6));
    const call = { kind: 'history', generation, val: from, signer: 'room' };
    await this.#ask(client, call, async () => {
      const page = await this.#client.history(this.#group(generation), epoch(BigInt(from)));
      if (page.kind !== 'ok') return page;
      const entries = page.entries.map((entry) => {
        const receipt = this.#read(entry.receipt);
        const key = this.#keys.get(String(receipt.nextKey));
        if (key !== undefined) this.#learn(generation, entry.epoch, key);
        return {
          epoch: Number(entry.epoch),
          attempt: entry.attempt,
          commit: entry.commit === undefined ? '' : hashName(entry.commit),
          receipt,
        };
      });
      return { ...page, entries };
    });
  }

  /** Makes a call and records it. @returns undefined for one whose outcome is unknown. */
  async #ask(
    client: number,
    call: Readonly<Record<string, unknown>>,
    make: () => Promise<Outcome>,
  ): Promise<Answer> {
    const { recorder, name } = this.#setup;
    await this.#setup.service.isUp;
    const invocation = recorder.begin(client, name, call);
    const outcome = await make();
    // Nobody was there to hear it.
    if (outcome.kind === 'unreachable' && outcome.reason === NOT_SENT) return undefined;
    const answer = outcome.kind === 'unreachable' ? undefined : answerOf(outcome);
    recorder.end(invocation, answer);
    return answer;
  }

  /** A receipt in the checker's words; one that is not the service's is none that the model knows. */
  #read(bytes: unknown): Readonly<Record<string, unknown>> {
    if (!(bytes instanceof Uint8Array)) return { hash: 'missing' };
    const verdict = verifyReceipt(bytes, this.#setup.service.receiptKey, receiptVerifier);
    if (verdict.kind !== 'valid') return { hash: verdict.kind };
    const { receipt } = verdict;
    const isFirst = receipt.previousHash.every((byte) => byte === 0);
    return {
      epoch: Number(receipt.epoch),
      attempt: receipt.attempt,
      commit: nameOf(receipt.commitHash),
      nextKey: nameOf(receipt.nextKey),
      previous: isFirst ? '' : nameOf(receipt.previousHash),
      hash: nameOf(receiptHash(receipt, receiptVerifier)),
      time: receipt.time,
    };
  }

  #learn(generation: number, val: bigint, key: Ed25519Signer): void {
    const index = this.#heads.findIndex((each) => each.generation === generation);
    const known = this.#heads[index];
    if (known !== undefined && known.val >= val) return;
    if (known === undefined) this.#heads.push({ generation, val, key });
    else this.#heads[index] = { generation, val, key };
    this.#heads.sort((a, b) => a.generation - b.generation);
  }

  /** The newest generation with this probability, else any. */
  #anyHead(newest: number): Head | undefined {
    if (this.#chance(newest)) return this.#heads.at(-1);
    return this.#heads[Math.floor(this.#setup.random() * this.#heads.length)];
  }

  #group(generation: number): Uint8Array {
    return groupOfRoom(this.#room.publicKey, generation, receiptVerifier);
  }

  #freshKey(): Ed25519Signer {
    const key = ed25519Signer(this.#bytes(32));
    this.#keys.set(nameOf(key.publicKey), key);
    return key;
  }

  #bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => Math.floor(this.#setup.random() * 256));
  }

  #chance(probability: number): boolean {
    return this.#setup.random() < probability;
  }
}

function memberOf(by: Head | undefined): EpochSigner | undefined {
  return by && ((message) => Promise.resolve(by.key.sign(message)));
}

function signerOf(by: Head | undefined): string {
  return by === undefined ? 'room' : nameOf(by.key.publicKey);
}

/** What the client made of an answer, in the checker's words. */
function answerOf(outcome: Outcome): Answer {
  const { kind, current, retryLaterMs, meeting, nextFrom, status } = outcome;
  const number = (value: unknown): number | null => (value === undefined ? null : Number(value));
  const now =
    typeof meeting === 'object' ? (meeting as { generation?: number; lease: { leftMs: number } }) : undefined;
  return {
    ...outcome,
    kind: kind === 'refused' ? (status === 403 ? 'forbidden' : `refused ${String(status)}`) : kind,
    current: number(current),
    nextFrom: number(nextFrom),
    retryLater: Number(retryLaterMs ?? 0),
    meeting: now === undefined ? number(meeting) : number(now.generation),
    lease: now === undefined ? null : now.lease.leftMs,
  };
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
