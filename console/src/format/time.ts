/** Times and sizes as people read them: in the reader's zone and language; lengths as h:mm:ss. */

/** A moment of the API (RFC 3339 or Unix milliseconds) in the reader's zone, to the second. */
export function moment(at: string | number | null | undefined, locale: string, zone?: string): string {
  if (at === null || at === undefined || at === '') return '–';
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return String(at);
  return new Intl.DateTimeFormat(locale, {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hour12: false,
    ...(zone ? { timeZone: zone } : {}),
  }).format(date);
}

/** 75_000 → "1:15"; from an hour on "1:01:15". Negative lengths (odd clocks) keep their sign. */
export function clock(length_ms: number): string {
  const total = Math.floor(Math.abs(length_ms) / 1000);
  const two = (value: number): string => String(value).padStart(2, '0');
  const hours = Math.floor(total / 3600);
  const minutes = Math.floor((total % 3600) / 60);
  const text = hours
    ? `${String(hours)}:${two(minutes)}:${two(total % 60)}`
    : `${String(minutes)}:${two(total % 60)}`;
  return length_ms <= -1000 ? `−${text}` : text;
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

export function bytes(count: number | null | undefined): string {
  if (count === null || count === undefined) return '–';
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${UNITS[unit] ?? ''}`;
}

/** The reader's zone, named so that nobody takes a time for another's. */
export function zoneName(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}
