import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeBase64Url } from '../../../src/protocol/bytes/base64url.ts';
import { ByteWriter } from '../../../src/protocol/bytes/byte-writer.ts';
import { InvariantError } from '../../../src/protocol/errors.ts';
import {
  encodeInvitation,
  INVITATION_LIMITS,
  INVITATION_PREFIX,
  parseInvitation,
} from '../../../src/protocol/group/invitation.ts';
import type { Invitation } from '../../../src/protocol/group/invitation.ts';
import { fakeCrypto as crypto } from '../../harness/group/simulation.ts';

const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);
const invitation: Invitation = {
  name: 'Budget 2027 – Übersicht',
  mode: 'fenced',
  suite: 0x0001,
  secret: bytes(32, 2),
  relays: [
    { url: 'https://relay.example:4433/', pass: true },
    { url: 'moqt://[::1]:4443', pass: false },
  ],
  counter: 'https://counter.example/',
  receiptKey: bytes(32, 3),
  counterToken: 'abc.DEF',
  anchors: [
    { kind: 'ca-certificate', der: bytes(400, 4) },
    { kind: 'certificate-hash', sha256: bytes(32, 5) },
  ],
};

/** What stands in a link, field by field, as docs/protocol.md has it: anything, unlike what we would make. */
interface Fields {
  readonly version: number;
  readonly mode: number;
  readonly suite: number;
  readonly name: string | Uint8Array;
  readonly counter: string | Uint8Array;
  readonly receiptKey: Uint8Array;
  readonly token: string | Uint8Array;
  readonly relays: readonly (string | Uint8Array)[];
  /** Of each relay; 0 where there are no more. */
  readonly flags: readonly number[];
  readonly anchors: readonly (readonly [kind: number, bytes: Uint8Array])[];
  readonly behind: Uint8Array;
}
const usual: Fields = {
  version: 2,
  mode: 1,
  suite: 0x0001,
  name: invitation.name,
  counter: invitation.counter,
  receiptKey: bytes(32, 3),
  token: invitation.counterToken,
  relays: invitation.relays.map(({ url }) => url),
  flags: [1, 0],
  anchors: [
    [1, bytes(400, 4)],
    [2, bytes(32, 5)],
  ],
  behind: bytes(0, 0),
};
const raw = (text: string | Uint8Array): Uint8Array =>
  typeof text === 'string' ? new Uint8Array(Buffer.from(text)) : text;

function bodyOf(change: Partial<Fields> = {}): Uint8Array {
  const fields = { ...usual, ...change };
  const writer = new ByteWriter()
    .u8(fields.version)
    .u8(fields.mode)
    .u16(fields.suite)
    .bytes(invitation.secret)
    .lengthPrefixed(raw(fields.name))
    .lengthPrefixed(raw(fields.counter))
    .lengthPrefixed(fields.receiptKey)
    .lengthPrefixed(raw(fields.token))
    .vi64(fields.relays.length);
  for (const [at, relay] of fields.relays.entries())
    writer.lengthPrefixed(raw(relay)).u8(fields.flags[at] ?? 0);
  writer.vi64(fields.anchors.length);
  for (const [kind, anchor] of fields.anchors) writer.u8(kind).lengthPrefixed(anchor);
  return writer.bytes(fields.behind).finish();
}
function linkOf(body: Uint8Array): string {
  const check = crypto.sha256(body).subarray(0, 4);
  return INVITATION_PREFIX + encodeBase64Url(new Uint8Array([...body, ...check]));
}
const faultOf = (link: string): string => {
  const outcome = parseInvitation(link, crypto);
  return outcome.kind === 'invalid' ? outcome.fault : 'none';
};
const faultIn = (change: Partial<Fields>): string => faultOf(linkOf(bodyOf(change)));

describe('a link', () => {
  test('has the bytes of docs/protocol.md, and says all that was put in', () => {
    const link = encodeInvitation(invitation, crypto);
    expect(link).toBe(linkOf(bodyOf()));
    expect(parseInvitation(link, crypto)).toEqual({ kind: 'invitation', invitation });
    const plain: Invitation = {
      ...invitation,
      mode: 'plain',
      suite: 0x0053,
      receiptKey: undefined,
      counterToken: '',
      anchors: [],
    };
    const fields = { mode: 0, suite: 0x0053, receiptKey: bytes(0, 0), token: '', anchors: [] };
    expect(encodeInvitation(plain, crypto)).toBe(linkOf(bodyOf(fields)));
    expect(parseInvitation(linkOf(bodyOf(fields)), crypto)).toEqual({
      kind: 'invitation',
      invitation: plain,
    });
  });

  test('is read with what programs put around it: spaces, line ends, one slash', () => {
    const link = linkOf(bodyOf());
    for (const around of [` ${link}`, `${link}\n`, `${link}/`, `\t${link}/ \r\n`]) {
      expect(parseInvitation(around, crypto)).toEqual({ kind: 'invitation', invitation });
    }
    expect(faultOf(`${link}//`)).toBe('damaged-characters');
    expect(faultOf(link.replace('join/', 'join//'))).toBe('damaged-characters');
  });

  test('that is none, is too long, or was damaged is said to be so', () => {
    const link = linkOf(bodyOf());
    expect(faultOf('https://example.com')).toBe('not-an-invitation');
    expect(faultOf(`x${link}`)).toBe('not-an-invitation');
    expect(faultOf(link.padEnd(INVITATION_LIMITS.link, 'A'))).toBe('cut-off-or-changed');
    expect(faultOf(link.padEnd(INVITATION_LIMITS.link + 1, 'A'))).toBe('too-long');
    expect(faultOf(`${link.slice(0, 60)}%${link.slice(61)}`)).toBe('damaged-characters');
    for (let end = INVITATION_PREFIX.length; end < link.length; end += 1) {
      expect(['cut-off-or-changed', 'damaged-characters']).toContain(faultOf(link.slice(0, end)));
    }
    expect(faultOf(INVITATION_PREFIX)).toBe('cut-off-or-changed');
    expect(faultOf(INVITATION_PREFIX + encodeBase64Url(bytes(4, 9)))).toBe('cut-off-or-changed');
    expect(faultOf(INVITATION_PREFIX + encodeBase64Url(bytes(5, 9)))).toBe('unknown-version');
  });

  test('in which one byte was changed on the way is not read', () => {
    const link = linkOf(bodyOf());
    fc.assert(
      fc.property(fc.integer({ min: INVITATION_PREFIX.length, max: link.length - 1 }), (at) => {
        const other = link[at] === 'Q' ? 'g' : 'Q';
        expect(faultOf(link.slice(0, at) + other + link.slice(at + 1))).not.toBe('none');
      }),
    );
  });

  test('that ends early though its check is right is malformed, and so is one with something behind', () => {
    const body = bodyOf();
    for (let end = 1; end < body.length; end += 1) {
      const fault = faultOf(linkOf(body.subarray(0, end)));
      expect(fault === 'none' ? `none at ${String(end)}` : fault).toMatch(/^malformed$/);
    }
    expect(faultIn({ behind: bytes(1, 0) })).toBe('malformed');
  });

  test('gives an invitation or a fault, whatever its text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String()), (text) => {
        expect(['invitation', 'invalid']).toContain(parseInvitation(INVITATION_PREFIX + text, crypto).kind);
      }),
    );
    fc.assert(
      fc.property(fc.nat(bodyOf().length - 1), fc.nat(255), (at, value) => {
        const body = bodyOf();
        body[at] = value;
        expect(['invitation', 'invalid']).toContain(parseInvitation(linkOf(body), crypto).kind);
      }),
    );
  });
});

describe('what is wrong is said exactly:', () => {
  test.each<[string, Partial<Fields>]>([
    ['unknown-version', { version: 0 }],
    ['unknown-version', { version: 1 }],
    ['unknown-version', { version: 3 }],
    ['unknown-mode', { mode: 2 }],
    ['unknown-suite', { suite: 0x0000 }],
    ['unknown-suite', { suite: 0x0002 }],
    ['unknown-suite', { suite: 0x0052 }],
    ['bad-name', { name: bytes(3, 0xff) }],
    ['bad-name', { name: 'Bud\u0007et' }],
    ['bad-name', { name: 'Bud\u009fet' }],
    ['bad-name', { name: 'Bud\u202aet' }],
    ['bad-name', { name: 'Bud\u202eet' }],
    ['bad-name', { name: 'Bud\u2066et' }],
    ['bad-name', { name: 'Bud\u2069et' }],
    ['bad-receipt-key', { receiptKey: bytes(31, 3) }],
    ['bad-receipt-key', { receiptKey: bytes(0, 0) }],
    ['bad-receipt-key', { mode: 0, receiptKey: bytes(32, 3) }],
    ['bad-counter-token', { token: 'abc DEF' }],
    ['bad-counter-token', { token: ' abc' }],
    ['bad-counter-token', { token: 'abc\n' }],
    ['bad-counter-token', { token: 'äbc' }],
    ['bad-counter-token', { token: bytes(1, 0xff) }],
    ['no-relay', { relays: [] }],
    ['bad-trust-anchor', { anchors: [[0, bytes(32, 1)]] }],
    ['bad-trust-anchor', { anchors: [[3, bytes(32, 1)]] }],
    ['bad-trust-anchor', { anchors: [[1, bytes(0, 1)]] }],
    ['bad-trust-anchor', { anchors: [[2, bytes(31, 1)]] }],
    ['bad-trust-anchor', { anchors: [[2, bytes(33, 1)]] }],
  ])('%s of %o', (fault, change) => {
    expect(faultIn(change)).toBe(fault);
  });

  test.each([
    'https://relay.example',
    'HTTPS://relay.example',
    'https://Relay-7.example:1',
    'https://relay.example:65535/meet?a=b&c="d"',
    'https://127.0.0.1/~x!$%',
    'https://[::1]:4433/',
    'https://[fe80::1.2.3.4]',
  ])('%s is an address', (url) => {
    expect([faultIn({ relays: [url] }), faultIn({ counter: url })]).toEqual(['none', 'none']);
    const moqt = url.replace(/^https/i, 'moqt');
    expect([faultIn({ relays: [moqt] }), faultIn({ counter: moqt })]).toEqual([
      'none',
      'bad-counter-address',
    ]);
  });

  test.each([
    '',
    'relay.example',
    'file://relay.example',
    'http://relay.example',
    'https:///meet',
    'https://user@relay.example',
    'https://user:pass@relay.example',
    'https://relay.example/#fragment',
    'https://relay.example/a b',
    'https://relay.example/ä',
    'https://relay_x.example',
    'https://relay.example?query',
    'https://[::1',
    'https://[]',
    'https://[:]',
    'https://[g::1]',
    'https://::1]',
    'https://relay.example:',
    'https://relay.example:x',
    'https://relay.example:0',
    'https://relay.example:65536',
    'https://relay.example:123456',
    ' https://relay.example',
    'xhttps://relay.example',
    'https://relay.example\n',
    `https://${'a'.repeat(254)}`,
    `https://[${':'.repeat(46)}]`,
  ])('%s is no address', (url) => {
    expect(faultIn({ relays: ['https://relay.example', url] })).toBe('bad-relay-address');
    expect(faultIn({ counter: url })).toBe('bad-counter-address');
  });

  test('a name that a pass has no room for, of a relay that asks for one', () => {
    expect(faultIn({ relays: [`https://${'a'.repeat(252)}`], flags: [1] })).toBe('bad-relay-address');
    expect(faultIn({ relays: [`https://${'a'.repeat(252)}`], flags: [0] })).toBe('none');
  });

  test('what a relay asks for beside a pass', () => {
    expect([0, 1, 2, 3, 255].map((flags) => faultIn({ flags: [0, flags] }))).toEqual([
      'none',
      'none',
      'unknown-relay-flags',
      'unknown-relay-flags',
      'unknown-relay-flags',
    ]);
  });

  test('an address that is not even text', () => {
    expect(faultIn({ relays: [bytes(20, 0xff)] })).toBe('bad-relay-address');
    expect(faultIn({ counter: bytes(20, 0xff) })).toBe('bad-counter-address');
  });
});

describe('limits', () => {
  const url = (length: number): string => 'https://relay.example/'.padEnd(length, 'a');

  test.each<[string, Partial<Fields>, Partial<Fields>]>([
    ['a name of 200 bytes', { name: 'ä'.repeat(100) }, { name: `${'ä'.repeat(100)}a` }],
    ['an address of 512 bytes', { counter: url(512) }, { counter: url(513) }],
    ['a relay of 512 bytes', { relays: [url(512)] }, { relays: [url(513)] }],
    ['a token of 512 bytes', { token: 'a'.repeat(512) }, { token: 'a'.repeat(513) }],
    [
      '8 relays',
      { relays: Array.from({ length: 8 }, () => url(30)) },
      { relays: Array.from({ length: 9 }, () => url(30)) },
    ],
    ['a certificate of 2,048 bytes', { anchors: [[1, bytes(2048, 1)]] }, { anchors: [[1, bytes(2049, 1)]] }],
    [
      '4 anchors',
      { anchors: Array.from({ length: 4 }, () => [2, bytes(32, 1)] as const) },
      { anchors: Array.from({ length: 5 }, () => [2, bytes(32, 1)] as const) },
    ],
    ['a receipt key of 32 bytes', {}, { receiptKey: bytes(33, 3) }],
  ])('%s are the most', (_, most, more) => {
    expect([faultIn(most), faultIn(more)]).toEqual(['none', 'malformed']);
  });

  test('names and hosts of the longest kind are read as they are', () => {
    const longest: Partial<Invitation> = {
      name: '',
      counterToken: '!~',
      relays: [
        { url: `https://${'a'.repeat(253)}`, pass: false },
        { url: `https://${'a'.repeat(251)}`, pass: true },
      ],
      counter: 'https://[1:2:3:4:5:6:7:8]:65535/',
    };
    const link = encodeInvitation({ ...invitation, ...longest }, crypto);
    expect(parseInvitation(link, crypto)).toEqual({
      kind: 'invitation',
      invitation: { ...invitation, ...longest },
    });
  });

  test('a link that could not be read is not made', () => {
    for (const change of [
      { relays: [] },
      { name: 'a'.repeat(201) },
      { anchors: [{ kind: 'certificate-hash', sha256: bytes(31, 0) }] },
    ] satisfies Partial<Invitation>[]) {
      expect(() => encodeInvitation({ ...invitation, ...change }, crypto)).toThrow(InvariantError);
    }
  });
});
