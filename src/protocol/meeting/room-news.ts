/** What happened in all rooms of a meeting, as one: each room begins to count anew. */
import { unixMillis, type Millis, type UnixMillis } from '../units.ts';
import { MAX_NOTICES } from './organising.ts';
import type { Room } from './room.ts';
import { MAX_HISTORY } from './showing.ts';
import type { EpochRecord, MeetingView, News, Notice } from './view.ts';

/** Notices and changes of keys. */
export class RoomNews {
  readonly #timeOrigin: UnixMillis;
  #notices: readonly Notice[] = [];
  #next = 1;
  /** Of the rooms that the meeting was in. */
  #history: readonly EpochRecord[] = [];

  /** @param timeOrigin - when time 0 of `now` was. */
  constructor(timeOrigin: UnixMillis) {
    this.#timeOrigin = timeOrigin;
  }

  /** Takes what is new in a room. */
  take(room: Room): void {
    for (const { id, time, news } of room.view?.notices ?? []) {
      if (id <= room.lastNotice) continue;
      room.lastNotice = id;
      this.#append(news, time);
    }
  }

  /** Something has happened to the meeting itself. */
  add(news: News, now: Millis): void {
    this.#append(news, unixMillis(Math.round(this.#timeOrigin + now)));
  }

  /** The meeting goes on in another room. @param view - of the one that it was in. */
  leave(view: MeetingView | undefined): void {
    this.#history = [...this.#history, ...(view?.history ?? [])].slice(-MAX_HISTORY);
  }

  /** The view of the room that the meeting is in, with what is of all rooms. */
  merged(view: MeetingView): MeetingView {
    const history = [...this.#history, ...view.history].slice(-MAX_HISTORY);
    return { ...view, history, notices: this.#notices };
  }

  #append(news: News, time: UnixMillis): void {
    this.#notices = [...this.#notices, { id: this.#next, time, news }].slice(-MAX_NOTICES);
    this.#next += 1;
  }
}
