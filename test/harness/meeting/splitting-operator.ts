/**
 * An operator who runs relay and counter and splits a meeting in two: two real relays that know nothing of each other, and a
 * real counter that was copied with its key, so that it signs a second line. Each person reaches them through addresses of
 * its own, behind which the operator puts the one pair or the other.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Servers } from '../../../src/main/servers.ts';
import { endService, startService } from './services.ts';

/** Which relay and which counter. */
export type Face = 'first' | 'second';

/** Where a person's address leads. */
interface Switch {
  readonly port: number;
  /** Everything goes there from now on; what was open is gone. @param port - on this machine. */
  lead(port: number): void;
  close(): void;
}

/** What one person reaches. */
export interface Line {
  readonly servers: Servers;
  relay(face: Face): void;
  counter(face: Face): void;
}

/** The operator, with as many lines as there are people. */
export class SplittingOperator {
  readonly lines: readonly Line[];
  readonly #folder: string;
  readonly #tls: string;
  readonly #relayPorts: Readonly<Record<Face, number>>;
  readonly #counterPorts = new Map<Face, number>();
  readonly #ends: (() => Promise<void> | void)[];

  /** @param people - how many lines. */
  static async start(people: number): Promise<SplittingOperator> {
    const folder = await mkdtemp(join(tmpdir(), 'conclave-operator-'));
    const tls = join(folder, 'tls');
    const counter = await startCounter(tls, join(folder, 'first'));
    const relays = await Promise.all(Array.from({ length: people }, leadUdp));
    const counters = await Promise.all(Array.from({ length: people }, leadTcp));
    const authorities = relays.flatMap(({ port }) => ['--authority', `127.0.0.1:${String(port)}`]);
    const startRelay = (): ReturnType<typeof startService> =>
      startService('src/services/relay/main.ts', [
        '--listen',
        '127.0.0.1:0',
        '--dev-ca',
        tls,
        ...authorities,
      ]);
    const first = await startRelay();
    const second = await startRelay();
    const portOf = (service: typeof first): number => Number(new URL(String(service.ready.url)).port);
    const ports = { first: portOf(first), second: portOf(second) };
    const caPem = await readFile(join(tls, 'ca.pem'), 'utf8');
    const operator = new SplittingOperator(folder, tls, ports, portOf(counter), [
      () =>
        Promise.all([first, second, counter].map(({ process }) => endService(process))).then(() => undefined),
      ...[...relays, ...counters].map((each) => () => {
        each.close();
      }),
    ]);
    const scheme = new URL(String(first.ready.url)).protocol;
    for (const [at, relay] of relays.entries()) {
      const behind = counters[at];
      if (behind === undefined) throw new Error('each has a counter');
      operator.#add(relay, behind, {
        relays: [{ url: `${scheme}//127.0.0.1:${String(relay.port)}/`, pass: true }],
        counter: `https://127.0.0.1:${String(behind.port)}`,
        caPem,
        receiptKey: String(counter.ready.receiptKey),
        mode: 'fenced',
      });
    }
    return operator;
  }

  private constructor(
    folder: string,
    tls: string,
    relayPorts: Readonly<Record<Face, number>>,
    counterPort: number,
    ends: (() => Promise<void> | void)[],
  ) {
    this.#folder = folder;
    this.#tls = tls;
    this.#relayPorts = relayPorts;
    this.#counterPorts.set('first', counterPort);
    this.#ends = ends;
    this.lines = [];
  }

  /** Copies the counter as it is, with its key, and starts the copy. */
  async copyCounter(): Promise<void> {
    await cp(join(this.#folder, 'first'), join(this.#folder, 'second'), { recursive: true });
    const copy = await startCounter(this.#tls, join(this.#folder, 'second'));
    this.#ends.push(() => endService(copy.process));
    this.#counterPorts.set('second', Number(new URL(String(copy.ready.url)).port));
  }

  /** Starts a relay that is somebody else's. @returns its URL. */
  async startOther(): Promise<string> {
    const args = ['--listen', '127.0.0.1:0', '--dev-ca', this.#tls];
    const other = await startService('src/services/relay/main.ts', args);
    this.#ends.push(() => endService(other.process));
    return String(other.ready.url);
  }

  async close(): Promise<void> {
    for (const end of this.#ends) await end();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #add(relay: Switch, counter: Switch, servers: Servers): void {
    const line: Line = {
      servers,
      relay: (face) => {
        relay.lead(this.#relayPorts[face]);
      },
      counter: (face) => {
        const port = this.#counterPorts.get(face);
        if (port === undefined) throw new Error(`there is no ${face} counter yet`);
        counter.lead(port);
      },
    };
    line.relay('first');
    line.counter('first');
    (this.lines as Line[]).push(line);
  }
}

function startCounter(tls: string, data: string): ReturnType<typeof startService> {
  return startService('src/services/counter/main.ts', [
    '--listen',
    '127.0.0.1:0',
    '--dev-ca',
    tls,
    '--data',
    data,
  ]);
}

/** Leads TCP connections on; TLS is between the ends. */
async function leadTcp(): Promise<Switch> {
  let target = 0;
  const open = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one);
      one.on('error', () => undefined);
      one.on('close', () => {
        open.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    for (const socket of open) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    lead: (port) => {
      target = port;
      cut();
    },
    close: () => {
      server.close();
      cut();
    },
  };
}

/** Leads UDP packets on; QUIC is between the ends. */
async function leadUdp(): Promise<Switch> {
  let target = 0;
  const near = await boundSocket();
  const far = new Map<number, Promise<UdpSocket>>();
  near.on('message', (packet, { port }) => {
    let socket = far.get(port);
    if (socket === undefined) {
      socket = boundSocket().then((made) => made.on('message', (back) => near.send(back, port, '127.0.0.1')));
      far.set(port, socket);
    }
    const to = target;
    void socket.then((made) => {
      if (far.get(port) === socket) made.send(packet, to, '127.0.0.1');
    });
  });
  const cut = (): void => {
    for (const socket of far.values()) void socket.then((made) => made.close());
    far.clear();
  };
  return {
    port: near.address().port,
    lead: (port) => {
      target = port;
      cut();
    },
    close: () => {
      cut();
      near.close();
    },
  };
}

async function boundSocket(): Promise<UdpSocket> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return socket;
}
