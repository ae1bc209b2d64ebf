import { expect, test } from 'vitest';
import { encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import { namespaceText } from '../../../src/protocol/moqt/name-text.ts';

test('a namespace reads as in the example of the draft', () => {
  const namespace = ['example.net', 'team2', 'project_x'].map(encodeUtf8);
  expect(namespaceText(namespace)).toBe('example.2enet-team2-project_x');
});

test('separators inside a field cannot be taken for separators', () => {
  expect(namespaceText([encodeUtf8('a-b'), encodeUtf8('c')])).toBe('a.2db-c');
  expect(namespaceText([encodeUtf8('a'), encodeUtf8('b-c')])).toBe('a-b.2dc');
});
