import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JsonFields, malformed, parsing } from '../../../src/protocol/counter/json.ts';

/** The reason for which reading is refused; undefined when it is not. */
function reasonOf(read: () => unknown): string | undefined {
  const parsed = parsing(read);
  return parsed.kind === 'malformed' ? parsed.reason : undefined;
}
const fieldsOf = (value: unknown): JsonFields => JsonFields.from(value, 'it');

describe('parsing', () => {
  test('gives the value, or the reason for which there is none', () => {
    expect(parsing(() => 7)).toEqual({ kind: 'parsed', value: 7 });
    expect(parsing(() => malformed('no number'))).toEqual({ kind: 'malformed', reason: 'no number' });
  });

  test('does not take a bug of ours for a fault of the input', () => {
    const bug = new TypeError('a bug');
    expect(() =>
      parsing(() => {
        throw bug;
      }),
    ).toThrow(bug);
  });

  test('any text is an object or refused with a reason', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        let value: unknown;
        try {
          value = JSON.parse(text);
        } catch {
          value = undefined;
        }
        const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
        expect(parsing(() => JsonFields.fromText(text)).kind).toBe(isObject ? 'parsed' : 'malformed');
      }),
    );
  });
});

describe('a JSON object', () => {
  test.each([
    ['', 'the body is not JSON'],
    ['{"a":', 'the body is not JSON'],
    ['[]', 'the body is not a JSON object'],
    ['null', 'the body is not a JSON object'],
    ['1', 'the body is not a JSON object'],
    ['"{}"', 'the body is not a JSON object'],
  ])('is not the text %s', (text, reason) => {
    expect(reasonOf(() => JsonFields.fromText(text))).toBe(reason);
  });

  test('has the fields that are allowed and no others, where these are named', () => {
    expect(reasonOf(() => JsonFields.fromText('{"a":1,"b":2}', ['a', 'b', 'c']))).toBeUndefined();
    expect(reasonOf(() => JsonFields.fromText('{"a":1,"x":2}', ['a', 'b']))).toBe(
      'the body has fields besides a, b',
    );
    expect(reasonOf(() => JsonFields.from({ x: 1 }, 'an entry', []))).toBe('an entry has fields besides ');
    expect(reasonOf(() => JsonFields.fromText('{"__proto__":{"a":1}}', ['a']))).toMatch(/fields besides a/);
  });

  test('may have any fields where a later version can add some', () => {
    expect(reasonOf(() => JsonFields.fromText('{"a":1,"x":2}'))).toBeUndefined();
  });

  test('has no fields but its own', () => {
    for (const name of ['toString', 'constructor', '__proto__', 'a']) {
      const inherited = JsonFields.fromText('{"__proto__":{"a":1}}');
      expect(fieldsOf({}).isAbsent(name)).toBe(true);
      expect(inherited.isAbsent(name)).toBe(name !== '__proto__');
    }
  });

  test('tells a field that is absent from one that is null', () => {
    const fields = fieldsOf({ none: null, zero: 0, empty: '' });
    expect(['none', 'zero', 'empty', 'other'].map((name) => fields.isAbsent(name))).toEqual([
      false,
      false,
      false,
      true,
    ]);
    expect(['none', 'zero', 'empty', 'other'].map((name) => fields.isNull(name))).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });
});

describe('fields', () => {
  test.each([0, 1, 9, 10])('%d is a whole number from 0 to 10', (value) => {
    expect(fieldsOf({ n: value }).integer('n', 10)).toBe(value);
  });

  test.each([-1, 11, 0.5, '1', true, null, [1], NaN, undefined])('%s is none', (value) => {
    expect(reasonOf(() => fieldsOf({ n: value }).integer('n', 10))).toBe(
      'n is not a whole number from 0 to 10',
    );
  });

  test('an epoch is a number that JSON carries exactly', () => {
    const { MAX_SAFE_INTEGER } = Number;
    expect(fieldsOf({ at: MAX_SAFE_INTEGER }).epoch('at')).toBe(BigInt(MAX_SAFE_INTEGER));
    expect(reasonOf(() => fieldsOf({ at: MAX_SAFE_INTEGER + 1 }).epoch('at'))).toMatch(/^at is not a whole/);
  });

  test('a text is one that the pattern matches', () => {
    const text = (value: unknown): string => fieldsOf({ t: value }).text('t', /^[0-9]+$/, 'digits');
    expect(text('123')).toBe('123');
    // A number would match too, were it taken for a text.
    for (const value of ['12a', 123, null, undefined, ['1']]) {
      expect(reasonOf(() => text(value))).toBe('t is not digits');
    }
  });

  test('bytes are base64 of a number of bytes within the bounds', () => {
    const read = (value: unknown): Uint8Array => fieldsOf({ b: value }).bytes('b', 2, 4);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 9 }), (bytes) => {
        const text = Buffer.from(bytes).toString('base64');
        if (bytes.length < 2 || bytes.length > 4) {
          expect(reasonOf(() => read(text))).toBe('b is not base64 of 2 to 4 bytes');
        } else {
          expect(read(text)).toEqual(bytes);
        }
      }),
    );
    for (const value of [undefined, null, 4, ['AAAA'], 'AAA', 'A-_A']) {
      expect(reasonOf(() => read(value))).toBe('b is not base64 of 2 to 4 bytes');
    }
  });

  test('a list has at most as many values as it may', () => {
    expect(fieldsOf({ l: [1, 'two', null] }).list('l', 3)).toEqual([1, 'two', null]);
    expect(fieldsOf({ l: [] }).list('l', 3)).toEqual([]);
    for (const value of [[1, 2, 3, 4], { length: 1 }, 'abc', null, undefined]) {
      expect(reasonOf(() => fieldsOf({ l: value }).list('l', 3))).toBe('l is not a list of at most 3');
    }
  });
});
