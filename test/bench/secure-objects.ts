/**
 * Sealing and opening media against bare node:crypto: the same cipher on the same bytes, with nonce and AAD given.
 * Both are measured in turns in one process, and what counts is the ratio of their medians.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { addonCrypto } from '../../src/io/crypto/addon-crypto.ts';
import { encodeUtf8 } from '../../src/protocol/bytes/utf8.ts';
import { InvariantError } from '../../src/protocol/errors.ts';
import { groupId, objectId } from '../../src/protocol/moqt/model.ts';
import { nobleCrypto } from '../../src/protocol/secure-objects/noble-crypto.ts';
import type { ObjectHeader } from '../../src/protocol/secure-objects/aad.ts';
import type { SecureObjectsCrypto } from '../../src/protocol/secure-objects/crypto.ts';
import { TrackOpener } from '../../src/protocol/secure-objects/track-opener.ts';
import { TrackSealer } from '../../src/protocol/secure-objects/track-sealer.ts';
import { epoch, millis } from '../../src/protocol/units.ts';
import type { Figure } from './figure.ts';

const SIZES = [160, 1_200, 10_000, 100_000];
const ROUNDS = 31;
/** Bytes that one turn handles, so that turns of all sizes take about as long. */
const TURN_BYTES = 2_000_000;
const MAX_TURN = 600;
const GOAL = 1.25;
const AAD_LENGTH = 16;

/**
 * Measures; takes a few seconds.
 * @param say - receives a line of progress for each size.
 */
export function secureObjectsFigures(say: (line: string) => void): Figure[] {
  const figures: Figure[] = [];
  for (const size of SIZES) {
    say(`secure objects: ${String(size)} bytes`);
    const payload = new Uint8Array(size).fill(0x5a);
    const turn = Math.min(MAX_TURN, Math.max(8, Math.round(TURN_BYTES / size)));
    const fewer = Math.max(2, turn >> 4);
    const [ours, bare] = [turns(addonCrypto, payload, turn), bareTurns(payload, turn)];
    const twin = turns(nobleCrypto, payload, fewer);
    // What was made to be sealed and opened is nobody's garbage from here on, and is not moved about any more.
    gc();
    const medians = measure([
      { run: ours.seal, times: turn },
      { run: bare.seal, times: turn },
      { run: ours.open, times: turn },
      { run: bare.open, times: turn },
      { run: twin.seal, times: fewer },
    ]);
    const [seal = NaN, bareSealing = NaN, open = NaN, bareOpening = NaN, twinSealing = NaN] = medians;
    const name = size >= 1_000 ? `${String(size / 1_000)} KB` : `${String(size)} B`;
    figures.push(ratio(`seal ${name}`, seal, bareSealing), ratio(`open ${name}`, open, bareOpening), {
      name: `seal ${name}, time`,
      value: round(seal),
      unit: 'µs',
      against: `bare node:crypto ${String(round(bareSealing))} µs, @noble ${String(round(twinSealing))} µs`,
      goal: 'faster than @noble',
      met: seal < twinSealing,
    });
  }
  return figures;
}

function ratio(name: string, ours: number, bare: number): Figure {
  const value = round(ours / bare);
  return {
    name,
    value,
    unit: '×',
    against: 'bare node:crypto',
    goal: `≤ ${String(GOAL)}`,
    met: value <= GOAL,
  };
}

function headerAt(count: bigint): ObjectHeader {
  return { group: groupId(count >> 8n), object: objectId(count & 0xffn), priority: 128 };
}

/** Sealing at ever new locations, and opening what was sealed before, each once: as often as all rounds have it. */
function turns(crypto: SecureObjectsCrypto, payload: Uint8Array, turn: number) {
  const track = {
    namespace: [
      'meeting 0123456789abcdef',
      'media',
      'sender 0123456789abcdef0123456789abcdef',
      'camera 12345678',
    ].map(encodeUtf8),
    name: encodeUtf8('o'),
  };
  const sealedTrack = { track, suite: 0x0004, crypto } as const;
  const [sealer, ahead] = [new TrackSealer(sealedTrack), new TrackSealer(sealedTrack)];
  const opener = new TrackOpener(sealedTrack);
  for (const one of [sealer, ahead]) one.setKey(epoch(7n), new Uint8Array(32));
  opener.setKey(epoch(7n), new Uint8Array(32), millis(0));
  const headers = Array.from({ length: turn * ROUNDS }, (_, count) => headerAt(BigInt(count)));
  const objects = headers.map((header) => ({ header, ...sealWith(ahead, header, payload) }));
  let [sealed, opened] = [0, 0];
  return {
    seal() {
      sealed += 1;
      return sealWith(sealer, headers[sealed - 1]!, payload);
    },
    open() {
      const object = objects[opened]!;
      opened += 1;
      const outcome = opener.open(object.header, object.properties, object.payload);
      if (outcome.kind !== 'opened') throw new InvariantError('not opened');
      return outcome;
    },
  };
}

function sealWith(sealer: TrackSealer, header: ObjectHeader, payload: Uint8Array) {
  const outcome = sealer.seal(header, payload);
  if (outcome.kind !== 'sealed') throw new InvariantError('not sealed');
  return outcome;
}

/** The same with nothing but the cipher. */
function bareTurns(payload: Uint8Array, turn: number) {
  const objects = Array.from({ length: turn * ROUNDS }, () => bareSeal(payload));
  let opened = 0;
  return {
    seal: () => bareSeal(payload),
    open() {
      opened += 1;
      return bareOpen(objects[opened - 1]!);
    },
  };
}

const KEY = new Uint8Array(16).fill(1);
const NONCE = new Uint8Array(12).fill(2);
const AAD = new Uint8Array(AAD_LENGTH);

function bareSeal(payload: Uint8Array): { ciphertext: Uint8Array; tag: Uint8Array } {
  const cipher = createCipheriv('aes-128-gcm', KEY, NONCE);
  cipher.setAAD(AAD);
  const ciphertext = cipher.update(payload);
  cipher.final();
  return { ciphertext, tag: cipher.getAuthTag() };
}

function bareOpen({ ciphertext, tag }: { ciphertext: Uint8Array; tag: Uint8Array }): Uint8Array {
  const decipher = createDecipheriv('aes-128-gcm', KEY, NONCE);
  decipher.setAAD(AAD);
  decipher.setAuthTag(tag);
  const plaintext = decipher.update(ciphertext);
  decipher.final();
  return plaintext;
}

interface Turn {
  readonly run: () => unknown;
  readonly times: number;
}

/**
 * Median microseconds of one call of each, taken in turns; CPU time, to which other processes add little. Each turn begins with
 * no garbage of others and ends with its own collected, so that each pays for the memory that it leaves, and for no other.
 * Only what was made lately is collected: to collect all throws compiled code away, of which the bare cipher has least.
 */
function measure(all: readonly Turn[]): number[] {
  const samples = all.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [at, { run, times }] of all.entries()) {
      collectGarbage();
      const before = process.cpuUsage();
      for (let count = 0; count < times; count += 1) run();
      collectGarbage();
      const { user, system } = process.cpuUsage(before);
      samples[at]?.push((user + system) / times);
    }
  }
  return samples.map((values) => values.sort((a, b) => a - b)[values.length >> 1] ?? NaN);
}

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as (options?: { readonly type: 'minor' }) => void;

/** Collects what was made lately. */
function collectGarbage(): void {
  gc({ type: 'minor' });
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
