/**
 * What it costs to know who speaks, in a meeting where all send sound and pictures: tags and a signature of what one sends,
 * and tags of all that the others send with their signatures verified. Opening alone is measured beside it in the same run.
 *
 *     npx tsx test/bench/who-speaks.ts
 */
import { fileURLToPath } from 'node:url';
import { addonCrypto } from '../../src/io/crypto/addon-crypto.ts';
import { nodeGroupCrypto } from '../../src/main/mls/node-group-crypto.ts';
import { encodeUtf8 } from '../../src/protocol/bytes/utf8.ts';
import { InvariantError } from '../../src/protocol/errors.ts';
import type { Ed25519Signer } from '../../src/protocol/group/crypto-port.ts';
import { fingerprintOf, senderIdOf } from '../../src/protocol/group/names.ts';
import { leafIndex } from '../../src/protocol/group/roster.ts';
import { Confirmation, type ReceivedStatement } from '../../src/protocol/meeting/confirmation.ts';
import { OwnStatements } from '../../src/protocol/meeting/own-statements.ts';
import { signedStatement } from '../../src/protocol/meeting/statement.ts';
import { groupId, objectId, type FullTrackName, type Location } from '../../src/protocol/moqt/model.ts';
import { objectTag } from '../../src/protocol/secure-objects/object-tag.ts';
import { TrackOpener } from '../../src/protocol/secure-objects/track-opener.ts';
import { TrackSealer } from '../../src/protocol/secure-objects/track-sealer.ts';
import { epoch, millis } from '../../src/protocol/units.ts';
import { joinId } from '../harness/group/membership.ts';
import { meetingCore } from '../harness/meeting/core.ts';
import { median, rounded, type Figure, type Say } from './figure.ts';

/** Members that send, we among them. */
const SENDERS = 25;
const SECONDS = 31;
/** Warming up: compiling is not what it costs. */
const WARM_UP = 6;
const AUDIO = { track: 'audio', every: 20, size: 120, priority: 32 } as const;
const VIDEO = { track: 'video', every: 1000 / 30, size: 3_000, priority: 128 } as const;
const STATEMENTS_PER_SECOND = 2;
/** Of one core: 1 %. */
const GOAL_MS = 10;
const EPOCH = epoch(7n);
const BASE_KEY = new Uint8Array(32);

type Kind = 'audio' | 'video';

interface SealedObject {
  readonly kind: Kind;
  readonly location: Location;
  readonly priority: number;
  readonly properties: Uint8Array;
  /** Among the properties. */
  readonly immutable: Uint8Array;
  readonly payload: Uint8Array;
}

/** Half a second of what somebody sends. */
interface Half {
  readonly objects: readonly SealedObject[];
  readonly statement: ReceivedStatement;
}

function nameOf(kind: string, of: number): FullTrackName {
  return {
    namespace: ['group', kind, `sender ${String(of)}`, 'instance'].map(encodeUtf8),
    name: encodeUtf8('o'),
  };
}

/** Somebody who sends, as the others have it. */
class Sender {
  readonly time: string;
  readonly signer: Ed25519Signer;
  readonly control: FullTrackName;
  readonly #statements = new OwnStatements();
  readonly #sealers: Readonly<Record<Kind, TrackSealer>>;
  readonly #sent = { audio: 0n, video: 0n };

  constructor(of: number) {
    this.time = `instance ${String(of)}`;
    this.signer = nodeGroupCrypto.ed25519Signer(new Uint8Array(32).fill(of + 1));
    this.control = nameOf('control', of);
    const sealer = (kind: Kind): TrackSealer => {
      const made = new TrackSealer({ track: nameOf(kind, of), suite: 0x0004, crypto: addonCrypto });
      made.setKey(EPOCH, BASE_KEY);
      return made;
    };
    this.#sealers = { audio: sealer('audio'), video: sealer('video') };
  }

  /** Seals half a second. @param spent - is told the CPU time of what is not sealing, in µs. */
  half(spent: (micros: number) => void): Half {
    const objects = [AUDIO, VIDEO].flatMap(({ track, every, size, priority }) =>
      Array.from({ length: Math.round(500 / every) }, () => this.#seal(track, size, priority)),
    );
    const before = process.cpuUsage();
    for (const { kind, location, priority, immutable, payload } of objects) {
      const tag = objectTag(nodeGroupCrypto, { ...location, priority }, immutable, payload);
      this.#statements.note(kind, { location, tag });
    }
    const statement = this.#statements.take(false);
    const signature = this.signer.sign(signedStatement(this.control, EPOCH, statement));
    spent(cpu(before));
    return { objects, statement: { control: this.control, epoch: EPOCH, statement, signature } };
  }

  #seal(kind: Kind, size: number, priority: number): SealedObject {
    const sent = this.#sent[kind];
    this.#sent[kind] += 1n;
    // Sound is a group each; a group of pictures goes on.
    const [group, object] = kind === 'audio' ? [sent, 0n] : [sent >> 9n, sent & 0x1ffn];
    const location = { group: groupId(group), object: objectId(object) };
    const sealed = this.#sealers[kind].seal(
      { ...location, priority },
      new Uint8Array(size).fill(Number(sent & 0xffn)),
    );
    if (sealed.kind !== 'sealed') throw new InvariantError('not sealed');
    const { properties, immutable, payload } = sealed;
    return { kind, location, priority, properties, immutable, payload };
  }
}

/** Somebody who hears one of them. */
class Receiver {
  readonly #core = meetingCore();
  readonly #sender: Sender;
  readonly #confirmation: Confirmation;
  readonly #openers: Readonly<Record<Kind, TrackOpener>>;

  constructor(sender: Sender, of: number) {
    this.#sender = sender;
    const { publicKey: signatureKey } = sender.signer;
    const fingerprint = fingerprintOf(signatureKey, nodeGroupCrypto);
    const senderId = senderIdOf(fingerprint, joinId());
    const member = { leaf: leafIndex(of), signatureKey, fingerprint, senderId, asOf: EPOCH };
    this.#confirmation = new Confirmation(this.#core, member, () => {
      throw new InvariantError('nothing is forged');
    });
    const opener = (kind: Kind): TrackOpener => {
      const made = new TrackOpener({ track: nameOf(kind, of), suite: 0x0004, crypto: addonCrypto });
      made.setKey(EPOCH, BASE_KEY, millis(0));
      return made;
    };
    this.#openers = { audio: opener('audio'), video: opener('video') };
  }

  open({ objects }: Half): void {
    for (const { kind, location, priority, properties, payload } of objects) {
      const outcome = this.#openers[kind].open({ ...location, priority }, properties, payload);
      if (outcome.kind !== 'opened') throw new InvariantError('not opened');
    }
  }

  /** What is done besides opening: looks whether all of it is the sender's. */
  confirm({ objects, statement }: Half): void {
    const { time } = this.#sender;
    for (const { kind, location, priority, immutable, payload } of objects) {
      const tag = objectTag(nodeGroupCrypto, { ...location, priority }, immutable, payload);
      this.#confirmation.opened(time, kind, { location, tag }, true);
    }
    this.#core.tasks.advance(this.#core.tasks.after(500));
    if (!this.#confirmation.stated(time, statement)) throw new InvariantError('signed');
    if (this.#confirmation.doubt(time) !== 'none') throw new InvariantError('confirmed');
  }
}

function cpu(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

function timed(work: () => void): number {
  const before = process.cpuUsage();
  work();
  return cpu(before) / 1000;
}

/** Measures; takes some seconds. */
export function whoSpeaksFigures(say: Say): Figure[] {
  say(`who speaks: ${String(SENDERS)} that send sound and pictures`);
  const senders = Array.from({ length: SENDERS - 1 }, (_, of) => new Sender(of));
  const receivers = senders.map((sender, of) => new Receiver(sender, of));
  const opening: number[] = [];
  const confirming: number[] = [];
  const own: number[] = [];
  for (let second = 0; second < SECONDS + WARM_UP; second += 1) {
    let stating = 0;
    const heard = senders.map((sender) =>
      Array.from({ length: STATEMENTS_PER_SECOND }, () =>
        sender.half((micros) => {
          stating += micros;
        }),
      ),
    );
    const all = (work: (receiver: Receiver, half: Half) => void): number =>
      timed(() => {
        for (const [of, receiver] of receivers.entries())
          for (const half of heard[of] ?? []) work(receiver, half);
      });
    const opened = all((receiver, half) => {
      receiver.open(half);
    });
    const confirmed = all((receiver, half) => {
      receiver.confirm(half);
    });
    if (second < WARM_UP) continue;
    opening.push(opened);
    confirming.push(confirmed);
    own.push(stating / 1000 / senders.length);
  }
  const value = median(confirming) + median(own);
  return [
    {
      name: `CPU time of knowing who speaks, ${String(SENDERS)} that send sound and pictures`,
      value: rounded(value),
      unit: 'ms per s',
      against: `opening alone ${String(rounded(median(opening)))} ms per s; ${String(rounded(median(own)))} ms of it for what one sends`,
      goal: `≤ ${String(GOAL_MS)}`,
      met: value <= GOAL_MS,
    },
  ];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.table(whoSpeaksFigures((line) => process.stderr.write(`${line}\n`)));
}
