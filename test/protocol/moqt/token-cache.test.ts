import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PeerViolation } from '../../../src/protocol/errors.ts';
import { RequestErrorCode, SessionCode } from '../../../src/protocol/moqt/codes.ts';
import { draft18 } from '../../../src/protocol/moqt/draft18/draft18.ts';
import type { TokenOperation } from '../../../src/protocol/moqt/messages.ts';
import type { RequestId } from '../../../src/protocol/moqt/model.ts';
import { Session } from '../../../src/protocol/moqt/session.ts';
import { millis } from '../../../src/protocol/units.ts';
import type { AuthorizationToken, IncomingRequest } from '../../../src/protocol/moqt/session-api.ts';
import { TokenCache } from '../../../src/protocol/moqt/token-cache.ts';
import type { StreamHandle } from '../../../src/protocol/moqt/transport.ts';
import { bytesOf } from '../../harness/moqt/hex.ts';
import { SessionPair } from '../../harness/moqt/session-pair.ts';

/** TRACK_STATUS of ("a")/"t" that shows one Token. */
function trackStatus(id: number, token: string): Uint8Array {
  const shown = bytesOf(token);
  const body = [id, 1, 1, 0x61, 1, 0x74, 1, 3, shown.length, ...shown];
  return Uint8Array.from([0x0d, 0, body.length, ...body]);
}

/** What clients ask a server, each on a stream of its own, and what comes of it. */
function asked(...tokens: readonly string[]): SessionPair {
  const pair = new SessionPair({ server: { tokenCacheBytes: 100 } });
  pair.run();
  tokens.forEach((token, at) => {
    const stream = (101 + 2 * at) as StreamHandle;
    pair.inject('server', { kind: 'stream-opened', stream, direction: 'bidi' });
    pair.inject('server', { kind: 'data', stream, bytes: trackStatus(2 * at, token), fin: false });
  });
  return pair;
}

const shownIn = (pair: SessionPair): unknown[] =>
  pair.server
    .of('request')
    .map(({ request }) =>
      request.kind === 'track-status'
        ? request.tokens?.map(({ type, value }) => `${String(type)}:${Buffer.from(value).toString('hex')}`)
        : undefined,
    );

describe('tokens of requests', () => {
  test('count the same by value, when they are registered, and by alias', () => {
    const pair = asked('03 05 aabb', '01 07 05 aabb', '02 07', '02 07');
    expect(shownIn(pair)).toEqual([['5:aabb'], ['5:aabb'], ['5:aabb'], ['5:aabb']]);
    expect(pair.server.of('closed')).toEqual([]);
  });

  test('are registered though the request is refused', () => {
    const session = new Session({ role: 'server', draft: draft18, transport: 'quic', now: millis(0) });
    const requests: IncomingRequest[] = [];
    const say = (stream: number, direction: 'uni' | 'bidi', bytes: Uint8Array): void => {
      session.handle({ kind: 'stream-opened', stream: stream as StreamHandle, direction }, millis(0));
      session.handle({ kind: 'data', stream: stream as StreamHandle, bytes, fin: false }, millis(0));
      for (let effect = session.poll(); effect !== undefined; effect = session.poll())
        if (effect.kind === 'event' && effect.event.kind === 'request') requests.push(effect.event.request);
    };
    say(101, 'uni', bytesOf('af00 0000'));
    say(103, 'bidi', trackStatus(0, '01 07 05 aabb'));
    session.reject(0n as RequestId, { code: RequestErrorCode.UNAUTHORIZED, reason: 'no' });
    say(105, 'bidi', trackStatus(2, '02 07'));
    const tokens = [{ type: 5n, value: bytesOf('aabb') }];
    expect(requests).toMatchObject([{ tokens }, { tokens }]);
  });

  test.each([
    ['an alias that nobody registered', ['02 07'], SessionCode.UNKNOWN_AUTH_TOKEN_ALIAS],
    ['an alias that was deleted', ['01 07 05 aa', '00 07', '02 07'], SessionCode.UNKNOWN_AUTH_TOKEN_ALIAS],
    ['an alias that is taken', ['01 07 05 aa', '01 07 05 bb'], SessionCode.DUPLICATE_AUTH_TOKEN_ALIAS],
    [
      'more than was announced',
      ['01 01 05 aa', '01 02 05 bb', '01 03 05 cc', '01 04 05 dd', '01 05 05 ee', '01 06 05 ff'],
      SessionCode.AUTH_TOKEN_CACHE_OVERFLOW,
    ],
  ])('close the session with %s', (_, tokens, code) => {
    expect(asked(...tokens).server.last('closed')).toMatchObject({ by: 'local', code });
  });

  test('show nothing when they delete', () => {
    expect(shownIn(asked('01 07 05 aa', '00 07', '01 07 05 bb', '02 07'))).toEqual([
      ['5:aa'],
      [],
      ['5:bb'],
      ['5:bb'],
    ]);
  });
});

describe('tokens of SETUP', () => {
  const token = (size: number): AuthorizationToken => ({ type: 5n, value: new Uint8Array(size) });
  const register = (alias: bigint, size: number): TokenOperation & { kind: 'register' } => ({
    kind: 'register',
    alias,
    token: token(size),
  });

  test('count as shown by value where they have no room', () => {
    const cache = new TokenCache(draft18, 100);
    expect(cache.applySetup([register(1n, 60), register(2n, 60)])).toEqual([token(60), token(60)]);
    expect(cache.apply([{ kind: 'use', alias: 1n }])).toEqual([token(60)]);
    expect(() => cache.apply([{ kind: 'use', alias: 2n }])).toThrow(PeerViolation);
    expect(() => new TokenCache(draft18, 100).applySetup([register(1n, 1), register(1n, 1)])).toThrow(
      PeerViolation,
    );
  });
});

test('the cache takes what was announced and no more, whatever is registered and deleted', () => {
  type Step = { readonly alias: bigint; readonly size: number | undefined };
  const steps = fc.array(
    fc.record({
      alias: fc.bigInt({ min: 0n, max: 5n }),
      size: fc.option(fc.nat({ max: 60 }), { nil: undefined }),
    }),
    { maxLength: 40 },
  );
  const outcome = (run: () => unknown): number => {
    try {
      run();
      return 0;
    } catch (error) {
      if (error instanceof PeerViolation) return error.code;
      throw error;
    }
  };
  fc.assert(
    fc.property(steps, (sequence: Step[]) => {
      const cache = new TokenCache(draft18, 150);
      const model = new Map<bigint, number>();
      for (const { alias, size } of sequence) {
        const used = [...model.values()].reduce((sum, each) => sum + 16 + each, 0);
        if (size === undefined) {
          const code = model.delete(alias) ? 0 : SessionCode.UNKNOWN_AUTH_TOKEN_ALIAS;
          expect(outcome(() => cache.apply([{ kind: 'delete', alias }]))).toBe(code);
          continue;
        }
        const fits = used + 16 + size <= 150;
        const code = model.has(alias)
          ? SessionCode.DUPLICATE_AUTH_TOKEN_ALIAS
          : fits
            ? 0
            : SessionCode.AUTH_TOKEN_CACHE_OVERFLOW;
        const token = { type: 1n, value: new Uint8Array(size) };
        expect(outcome(() => cache.apply([{ kind: 'register', alias, token }]))).toBe(code);
        if (code === 0) model.set(alias, size);
      }
    }),
  );
});

test('a server announces its cache, a client has none', () => {
  const { server, client } = asked();
  const setupOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  const written = (commands: SessionPair['server']['commands']): string[] =>
    commands.flatMap((command) => (command.kind === 'write' ? [setupOf(command.bytes)] : []));
  // Delta type 4, value 100 in one byte of vi64.
  expect(written(server.commands)[0]).toMatch(/^af00....0464/);
  expect(written(client.commands)[0]).not.toContain('0364');
});
