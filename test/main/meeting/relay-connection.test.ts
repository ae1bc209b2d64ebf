import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { MoqtClient } from '../../../src/io/moqt/client-api.ts';
import { RelayConnection } from '../../../src/main/meeting/relay-connection.ts';

/** A session that can be lost. */
class Client {
  lose: (reason: string) => void = () => undefined;
  goaway: (uri: string) => void = () => undefined;
  closes = 0;
  readonly closed = new Promise<{ code: number; reason: string; by: string }>((resolve) => {
    this.lose = (reason) => {
      resolve({ code: 0, reason, by: 'peer' });
    };
  });
  onGoaway(callback: (uri: string) => void): void {
    this.goaway = callback;
  }
  close(_code: number, reason: string): void {
    this.closes += 1;
    this.lose(reason);
  }
}

let up: Set<string>;
let calls: { readonly relay: string; readonly at: number }[];
let clients: Client[];
let log: string[];
let connection: RelayConnection;
beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockReturnValue(1);
  up = new Set();
  calls = [];
  clients = [];
  log = [];
  connection = new RelayConnection(
    ['a', 'b'],
    (relay) => {
      calls.push({ relay, at: Date.now() });
      if (!up.has(relay)) return Promise.resolve({ kind: 'failed', reason: 'down' });
      const client = new Client();
      clients.push(client);
      return Promise.resolve({ kind: 'connected', client: client as unknown as MoqtClient });
    },
    {
      connected: (_client, relay) => log.push(`connected ${relay}`),
      lost: (relay, reason) => log.push(`lost ${relay}: ${reason}`),
      trying: (relay, attempt) => log.push(`trying ${relay} ${String(attempt)}`),
    },
  );
});
afterEach(() => {
  connection.stop();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const waits = (): number[] => calls.slice(1).map(({ at }, index) => at - (calls[index]?.at ?? 0));

describe('the connection to a relay', () => {
  test('tries relays in order, with waits that double up to 8 s', async () => {
    connection.start();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(calls.slice(0, 4).map(({ relay }) => relay)).toEqual(['a', 'b', 'a', 'b']);
    expect(waits().slice(0, 7)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
  });

  test('takes the second where the first is dead', async () => {
    up.add('b');
    connection.start();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(log).toEqual(['trying a 1', 'trying b 2', 'connected b']);
  });

  test('comes back soon to a relay whose session held', async () => {
    up.add('a');
    connection.start();
    await vi.advanceTimersByTimeAsync(10_000);
    clients[0]?.lose('restart');
    await vi.advanceTimersByTimeAsync(250);
    expect(log.slice(1)).toEqual(['connected a', 'lost a: restart', 'trying a 1', 'connected a']);
  });

  test('does not call a relay in a loop that takes sessions and drops them', async () => {
    up.add('a');
    up.add('b');
    connection.start();
    for (let second = 0; second < 300; second += 1) {
      await vi.advanceTimersByTimeAsync(100);
      clients.at(-1)?.lose('refused');
    }
    expect(calls.length).toBeLessThan(10);
    expect(new Set(calls.map(({ relay }) => relay)).size).toBe(2);
  });

  test('goes to the next relay when one is going away', async () => {
    up.add('a');
    up.add('b');
    connection.start();
    await vi.advanceTimersByTimeAsync(10_000);
    clients[0]?.goaway('');
    await vi.advanceTimersByTimeAsync(250);
    expect(log.at(-1)).toBe('connected b');
    expect(clients[0]?.closes).toBe(1);
  });

  test('that was stopped does nothing more, and closes what comes late', async () => {
    up.add('a');
    connection.start();
    connection.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect([calls.length, clients[0]?.closes, log]).toEqual([1, 1, ['trying a 1']]);
  });
});
