import { describe, expect, test } from 'vitest';
import { groupId, objectId } from '../../../src/protocol/moqt/model.ts';
import { MAX_IDLE_WINDOWS, ReplayWindows } from '../../../src/protocol/secure-objects/replay-windows.ts';
import { trackNamed } from './track-crypto.ts';

const TRACK = trackNamed('group', 'media', 'alice', 'a', 'o');
const AT = [groupId(3n), objectId(0n)] as const;

/** Opens one object of a track and leaves it. */
function openOnce(windows: ReplayWindows, name: string): void {
  const track = trackNamed('group', name);
  windows.follow(track).remember(...AT);
  windows.leave(track);
}

const knows = (windows: ReplayWindows, name: string): boolean =>
  !windows.follow(trackNamed('group', name)).isNew(...AT);

describe('replay windows', () => {
  test('outlive a publication: the same track offered again is met by what was opened of it', () => {
    const windows = new ReplayWindows();
    windows.follow(TRACK).remember(...AT);
    windows.leave(TRACK);
    const again = windows.follow(trackNamed('group', 'media', 'alice', 'a', 'o'));
    expect([again.isNew(...AT), again.isNew(groupId(4n), objectId(0n))]).toEqual([false, true]);
  });

  test('are shared by two publications of one track at once, until both are over', () => {
    const windows = new ReplayWindows();
    const [first, second] = [windows.follow(TRACK), windows.follow(TRACK)];
    expect(second).toBe(first);
    windows.leave(TRACK);
    first.remember(...AT);
    expect(windows.follow(TRACK)).toBe(first);
  });

  test('of other tracks are others', () => {
    const windows = new ReplayWindows();
    openOnce(windows, 'one');
    expect([knows(windows, 'one'), knows(windows, 'other')]).toEqual([true, false]);
  });

  test('are bounded: tracks left first are forgotten first, and those of which nothing was opened at once', () => {
    const windows = new ReplayWindows();
    for (let count = 0; count < 2 * MAX_IDLE_WINDOWS; count += 1) {
      const track = trackNamed('group', `empty ${String(count)}`);
      windows.follow(track);
      windows.leave(track);
    }
    for (let count = 0; count < MAX_IDLE_WINDOWS; count += 1) openOnce(windows, String(count));
    windows.leave(trackNamed('group', 'never followed'));
    openOnce(windows, 'one more');
    expect(['0', '1', 'one more'].map((name) => knows(windows, name))).toEqual([false, true, true]);
  });
});
