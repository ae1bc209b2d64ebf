import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeControlMessage,
  encodeControlMessage,
  isStatement,
  MAX_DISPLAY_NAME_BYTES,
} from '../../../src/protocol/group/control.ts';
import type { ControlMessage } from '../../../src/protocol/group/control.ts';

const fingerprint = Uint8Array.from({ length: 32 }, (_, at) => at);
const signature = Uint8Array.from({ length: 64 }, (_, at) => 255 - at);
const hello = (displayName: string, microphone = false, camera = false): ControlMessage => ({
  kind: 'hello',
  displayName,
  microphone,
  camera,
});
const text = (value: string): number[] => [...Buffer.from(value)];

describe('control messages', () => {
  test.each<[ControlMessage, number[]]>([
    [hello(''), [1, 0, 0]],
    [hello('Bo', true), [1, 1, 2, ...text('Bo')]],
    [hello('Bo', false, true), [1, 2, 2, ...text('Bo')]],
    [hello('Zoë', true, true), [1, 3, 4, ...text('Zoë')]],
    [{ kind: 'leave' }, [2]],
    [{ kind: 'keyframe-request', fingerprint }, [3, ...fingerprint]],
    [{ kind: 'move', move: new Uint8Array([8, 9]) }, [4, 2, 8, 9]],
    [{ kind: 'statement', statement: Uint8Array.of(8, 9), signature }, [5, 2, 8, 9, ...signature]],
  ])('%o has the bytes of docs/protocol.md', (message, bytes) => {
    expect([...encodeControlMessage(message)]).toEqual(bytes);
    expect(decodeControlMessage(new Uint8Array(bytes))).toEqual(message);
    expect(isStatement(new Uint8Array(bytes))).toBe(message.kind === 'statement');
    // What later versions add is left to them.
    expect(decodeControlMessage(new Uint8Array([...bytes, 7]))).toEqual(message);
    for (let end = 0; end < bytes.length; end += 1)
      expect(decodeControlMessage(new Uint8Array(bytes.slice(0, end)))).toBeUndefined();
  });

  test.each([
    ['of an unknown type', [0]],
    ['of a later type', [6, 0, 0]],
    ['with a move of more than 512 KiB', [4, 0xd0, 0x08, 0, 1]],
    ['of a type beyond 65535', [0xe0, 0x01, 0, 0]],
    ['with a name that is no text', [1, 0, 2, 0xc3, 0x28]],
    ['with a name of more than 256 bytes', [1, 0, 0x81, 1, ...Array.from({ length: 257 }, () => 65)]],
  ])('%s are none', (_, bytes) => {
    expect(decodeControlMessage(new Uint8Array(bytes))).toBeUndefined();
  });

  test('are statements by their type alone, however that is written', () => {
    expect([[], [5], [0x80, 5], [0xff], [5, 200]].map((bytes) => isStatement(new Uint8Array(bytes)))).toEqual(
      [false, true, true, false, true],
    );
  });

  test('may have flags of later versions', () => {
    expect(decodeControlMessage(new Uint8Array([1, 0xfc, 0]))).toEqual(hello(''));
    expect(decodeControlMessage(new Uint8Array([1, 0xff, 0]))).toEqual(hello('', true, true));
  });

  test('are fresh bytes, whatever becomes of those that came', () => {
    const bytes = encodeControlMessage({ kind: 'keyframe-request', fingerprint });
    const message = decodeControlMessage(bytes);
    bytes.fill(0);
    expect(message).toEqual({ kind: 'keyframe-request', fingerprint });
  });
});

describe('a display name', () => {
  const received = (name: string): string => {
    const message = decodeControlMessage(encodeControlMessage(hello(name)));
    return message?.kind === 'hello' ? message.displayName : 'none';
  };

  test('of 256 bytes comes whole; a longer one is cut between characters', () => {
    expect(MAX_DISPLAY_NAME_BYTES).toBe(256);
    expect(received('a'.repeat(256))).toBe('a'.repeat(256));
    expect(received('a'.repeat(257))).toBe('a'.repeat(256));
    expect(received(`a${'ä'.repeat(200)}`)).toBe(`a${'ä'.repeat(127)}`);
    expect(received(`ab${'🦜'.repeat(100)}`)).toBe(`ab${'🦜'.repeat(63)}`);
  });

  test('loses controls and marks that would disguise the text beside it, and spaces around it', () => {
    expect(received(' \tBo\u0000 \u202eChen\u2066\u200b\u2028\u2029 ')).toBe('Bo Chen');
    expect(received('Ana María')).toBe('Ana María');
    fc.assert(
      fc.property(fc.array(fc.nat(0x2fff), { maxLength: 40 }), (codePoints) => {
        const name = String.fromCodePoint(...codePoints);
        const shown = received(name);
        expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
        expect(shown).toBe(shown.trim());
      }),
    );
  });
});
