import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { QUESTION_WITHIN_MS, WindowClosing } from '../../../src/main/shell/window-closing.ts';

describe('closing the window', () => {
  let others: boolean;
  let closed: number;
  let changes: number;
  let closing: WindowClosing;

  beforeEach(() => {
    vi.useFakeTimers();
    others = true;
    closed = 0;
    changes = 0;
    closing = new WindowClosing({
      othersPresent: () => others,
      close: () => (closed += 1),
      changed: () => (changes += 1),
    });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('needs no question when nobody else is there', () => {
    others = false;
    expect(closing.requested()).toBe(true);
    expect(closing.request).toBeUndefined();
  });

  test('is asked about when others are, and waits for the answer as long as it takes', () => {
    expect(closing.requested()).toBe(false);
    expect(closing.request).toBe(1);
    expect(changes).toBe(1);
    closing.shown(1);
    vi.advanceTimersByTime(3_600_000);
    expect(closed).toBe(0);
    expect(closing.request).toBe(1);
    closing.close();
    expect(closed).toBe(1);
    expect(closing.requested()).toBe(true);
  });

  test('is taken back by who stays, and asked about again the next time', () => {
    closing.requested();
    closing.shown(1);
    closing.stay();
    expect(closing.request).toBeUndefined();
    expect(closing.requested()).toBe(false);
    expect(closing.request).toBe(2);
  });

  test('does not wait for a page that hangs, however often one tries', () => {
    expect(closing.requested()).toBe(false);
    vi.advanceTimersByTime(QUESTION_WITHIN_MS - 1);
    expect(closing.requested()).toBe(false);
    expect(closed).toBe(0);
    vi.advanceTimersByTime(1);
    expect(closed).toBe(1);
  });

  test('does not wait for a page that hangs after it has asked', () => {
    closing.requested();
    closing.shown(1);
    expect(closing.requested()).toBe(false);
    expect(closing.request).toBe(2);
    // An answer to the first question says nothing of the page as it is now.
    closing.shown(1);
    vi.advanceTimersByTime(QUESTION_WITHIN_MS);
    expect(closed).toBe(1);
  });

  test('closes once, and nobody is asked any more', () => {
    closing.requested();
    closing.close();
    closing.close();
    closing.stay();
    vi.advanceTimersByTime(QUESTION_WITHIN_MS);
    expect(closed).toBe(1);
    expect(closing.request).toBeUndefined();
    expect(closing.requested()).toBe(true);
  });
});
