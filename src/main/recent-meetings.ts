/** The meetings that were joined lately: their links hold secrets, so they rest sealed. */
import * as v from 'valibot';
import { decodeUtf8, encodeUtf8 } from '../protocol/bytes/utf8.ts';
import type { StateStore } from './storage/state-store.ts';

const STORE_NAME = 'recent-meetings';
const MAX_RECENT = 8;

const recentSchema = v.array(
  v.strictObject({ title: v.string(), link: v.string(), time: v.pipe(v.number(), v.integer()) }),
);

/** One meeting; `time` in ms since 1970. */
export type RecentMeeting = Readonly<v.InferOutput<typeof recentSchema>[number]>;

/** Newest first; unreadable or missing: none. */
export async function loadRecentMeetings(store: StateStore): Promise<readonly RecentMeeting[]> {
  const loaded = await store.load(STORE_NAME);
  if (loaded.kind !== 'loaded') return [];
  try {
    const parsed = v.safeParse(recentSchema, JSON.parse(decodeUtf8(loaded.bytes) ?? ''));
    return parsed.success ? parsed.output : [];
  } catch {
    return [];
  }
}

/** The list with `meeting` at its head, kept. */
export async function rememberMeeting(
  store: StateStore,
  before: readonly RecentMeeting[],
  meeting: RecentMeeting,
): Promise<readonly RecentMeeting[]> {
  const recent = withNewest(before, meeting);
  await store.save(STORE_NAME, encodeUtf8(JSON.stringify(recent)));
  return recent;
}

/** The list with a meeting that has moved in the place of what it was, kept unless the disk fails. */
export async function rememberMove(
  store: StateStore,
  before: readonly RecentMeeting[],
  link: string,
  meeting: RecentMeeting,
): Promise<readonly RecentMeeting[]> {
  const others = before.filter((each) => each.link !== link);
  try {
    return await rememberMeeting(store, others, meeting);
  } catch {
    return withNewest(others, meeting);
  }
}

function withNewest(before: readonly RecentMeeting[], meeting: RecentMeeting): readonly RecentMeeting[] {
  return [meeting, ...before.filter(({ link }) => link !== meeting.link)].slice(0, MAX_RECENT);
}
