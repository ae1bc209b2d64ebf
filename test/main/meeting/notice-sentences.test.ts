import { describe, expect, test } from 'vitest';
import { lineSentence, noticeSentence } from '../../../src/main/meeting/notice-sentences.ts';
import type { Fingerprint } from '../../../src/protocol/group/names.ts';
import { leafIndex, type Member } from '../../../src/protocol/group/roster.ts';
import { participantIdOf } from '../../../src/protocol/meeting/members.ts';

const bo = { leaf: leafIndex(1), fingerprint: new Uint8Array(32).fill(2) as Fingerprint } as Member;
const names = new Map([[participantIdOf(bo), 'Bo']]);

describe('a line of changes that is broken', () => {
  test('is named while the meeting moves: by whom where that is proven, and else what organisers can do', () => {
    expect(lineSentence({ kind: 'whole' }, names)).toBeUndefined();
    expect(lineSentence({ kind: 'line-broken', author: bo }, names)).toBe(
      'Bo sent a change that breaks this meeting’s rules. The meeting moves to a new room without Bo.',
    );
    const nobody = lineSentence({ kind: 'line-broken', author: undefined }, names);
    expect(nobody).toContain('nothing shows who it was. The meeting moves to a new room with everybody.');
    expect(nobody).toContain('an organiser can move it without those they do not trust');
  });

  test('is news once it has moved, and where there was nobody to move with', () => {
    const news = (author: Member | undefined, then: 'moved' | 'joined-again'): string =>
      noticeSentence({ kind: 'line-broken', author, then }, names);
    expect(news(bo, 'moved')).toBe(
      'Bo sent a change that breaks this meeting’s rules. The meeting has moved to a new room without Bo; the old link does not lead here any more.',
    );
    expect(news(undefined, 'moved')).toContain('has moved to a new room with everybody');
    expect(news(bo, 'joined-again')).toContain('ask them for the new link');
    expect(news(undefined, 'joined-again')).toContain('this app cannot follow');
  });
});
