/**
 * A duration as a clock shows it.
 * @param ms - 0 or more; less counts as 0.
 * @returns `00:12:41`, or without hours `02:41` when `short`.
 */
export function clock(ms: number, short = false): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (value: number): string => String(value).padStart(2, '0');
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  const hours = Math.floor(seconds / 3600);
  return short && hours === 0 ? rest : `${two(hours)}:${rest}`;
}

/** How long ago something was: `just now`, `2 min ago`, `3 h ago`, or the day. */
export function ago(time: number, now: number): string {
  const minutes = Math.floor((now - time) / 60_000);
  if (minutes < 1) return 'just now';
  if (minutes < 60) return `${String(minutes)} min ago`;
  if (minutes < 24 * 60) return `${String(Math.floor(minutes / 60))} h ago`;
  return new Date(time).toLocaleDateString(undefined, { day: 'numeric', month: 'short', year: 'numeric' });
}

/** About how long something is, in one unit: `3 minutes`, `2 hours`, `5 days`. @param ms - at least a minute. */
export function roughly(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 90) return counted(minutes, 'minute');
  const hours = Math.round(minutes / 60);
  return hours < 36 ? counted(hours, 'hour') : counted(Math.round(hours / 24), 'day');
}

const counted = (count: number, unit: string): string => `${String(count)} ${unit}${count === 1 ? '' : 's'}`;

/** `14:05`, as people here write it. @param at - ms since 1970. */
export function timeOfDay(at: number): string {
  return new Intl.DateTimeFormat(undefined, { timeStyle: 'short' }).format(at);
}
