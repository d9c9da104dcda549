// Text of a time ─▶ moments, and back: relative ones, ISO ones, and those that a person types in the zone of the page.

export const UNITS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
export const PRESETS = ["5m", "15m", "30m", "1h", "3h", "6h", "12h", "24h", "2d", "7d", "30d"];
const RELATIVE = /^now(?:-(\d{1,6})([smhdw]))?$/;
const TYPED = /^(\d{4})-(\d\d?)-(\d\d?)(?:[ T](\d\d?):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?$/;

export interface Range {
  start: string;
  end: string;
}

export function isRelative(text: string): boolean {
  return RELATIVE.test(text);
}

/** "browser" is the zone of this machine. */
export function zoneName(zone: string): string {
  return zone === "browser" ? Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC" : zone;
}

export function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

const formats = new Map<string, Intl.DateTimeFormat>();
const offsets = new Map<string, number>();
const OFFSETS_KEPT = 20_000;
const QUARTER = 900_000; // no zone changes its clocks within a quarter of an hour

/** Milliseconds by which clocks of the zone are ahead of UTC at a moment. */
export function offsetAt(moment: number, zone: string): number {
  const name = zoneName(zone);
  if (name === "UTC") return 0;
  const quarter = Math.floor(moment / QUARTER);
  const key = `${name} ${quarter}`;
  const known = offsets.get(key);
  if (known !== undefined) return known;
  let format = formats.get(name);
  if (!format) {
    format = new Intl.DateTimeFormat("en-CA", {
      timeZone: name,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    formats.set(name, format);
  }
  const at = quarter * QUARTER;
  const parts = Object.fromEntries(format.formatToParts(at).map((part) => [part.type, Number(part.value)]));
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  const found = Date.UTC(year, month - 1, day, hour, minute, second) - at;
  if (offsets.size > OFFSETS_KEPT) offsets.clear();
  offsets.set(key, found);
  return found;
}

/** A clock's reading in a zone as a moment. In the hour that clocks show twice it is one of both. */
function fromClock(clock: number, zone: string): number {
  const first = clock - offsetAt(clock, zone);
  return clock - offsetAt(first, zone);
}

/** A moment in milliseconds; null where the text is no time. */
export function moment(text: string, now: number, zone: string): number | null {
  const trimmed = text.trim();
  const relative = RELATIVE.exec(trimmed);
  if (relative) return now - Number(relative[1] ?? 0) * (UNITS[relative[2] ?? "s"] ?? 0);
  const short = /^(\d{1,6})([smhdw])$/.exec(trimmed);
  if (short) return now - Number(short[1]) * (UNITS[short[2] ?? "s"] ?? 0);
  if (/^\d{10}$/.test(trimmed)) return Number(trimmed) * 1000;
  if (/^\d{13}$/.test(trimmed)) return Number(trimmed);
  const day = { today: 0, yesterday: 1 }[trimmed];
  if (day !== undefined) return startOfDay(now, zone, day);
  const typed = TYPED.exec(trimmed);
  if (typed) return typedMoment(typed, zone);
  if (!/^\d{4}-\d\d-\d\dT/.test(trimmed)) return null;
  const parsed = Date.parse(trimmed);
  return Number.isNaN(parsed) ? null : parsed;
}

function typedMoment(typed: RegExpExecArray, zone: string): number | null {
  const [year, month, day, hour, minute, second] = [1, 2, 3, 4, 5, 6].map((place) => Number(typed[place] ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const milliseconds = Math.floor(Number(`0.${typed[7] ?? 0}`) * 1000);
  const clock = Date.UTC(year, month - 1, day, hour, minute, second, milliseconds);
  const shown = new Date(clock);
  const isDay = shown.getUTCMonth() === month - 1 && shown.getUTCDate() === day && hour < 24 && minute < 60 && second < 60;
  return isDay ? fromClock(clock, zone) : null;
}

function startOfDay(now: number, zone: string, daysAgo: number): number {
  const clock = now + offsetAt(now, zone);
  return fromClock(Math.floor(clock / 86_400_000) * 86_400_000 - daysAgo * 86_400_000, zone);
}

export interface Resolved {
  start: number;
  end: number;
}

/** null where an end is no time, or nothing lies between them. */
export function resolve(range: Range, now: number, zone: string): Resolved | null {
  const start = moment(range.start, now, zone);
  const end = moment(range.end, now, zone);
  return start !== null && end !== null && start < end ? { start, end } : null;
}

/** A pasted range such as `2026-11-26 10:00 - 2026-11-26 11:00`, `15m`, `now-2h to now-1h`; null where it is none. */
export function pasted(text: string, now: number, zone: string): Range | null {
  const trimmed = text.trim();
  for (const separator of [/\s+to\s+/i, /\s+[-–—~]\s+/, /\s*[~,]\s*/, /\s*\/\s*/, /\s+至\s+|至/]) {
    const [start, end, ...more] = trimmed.split(separator);
    if (start && end && !more.length && resolve({ start, end }, now, zone)) return exact({ start, end }, now, zone);
  }
  if (/^\d{1,6}[smhdw]$/.test(trimmed)) return { start: `now-${trimmed}`, end: "now" };
  if (isRelative(trimmed) && trimmed !== "now") return { start: trimmed, end: "now" };
  if (trimmed === "today") return exact({ start: "today", end: "now" }, now, zone);
  if (trimmed === "yesterday") return exact({ start: "yesterday", end: "today" }, now, zone);
  return null;
}

/** Relative times stay; others become ISO ones, which mean the same in every zone. */
export function exact(range: Range, now: number, zone: string): Range {
  const one = (text: string): string => {
    if (isRelative(text.trim())) return text.trim();
    const found = moment(text, now, zone);
    return found === null ? text : iso(found);
  };
  return { start: one(range.start), end: one(range.end) };
}

export function iso(at: number): string {
  return new Date(at).toISOString();
}

/** By half of its length, as the arrows beside the picker do: it becomes absolute. */
export function shifted(resolved: Resolved, direction: -1 | 1): Range {
  const by = ((resolved.end - resolved.start) / 2) * direction;
  return { start: iso(resolved.start + by), end: iso(resolved.end + by) };
}

export function widened(resolved: Resolved): Range {
  const by = (resolved.end - resolved.start) / 2;
  return { start: iso(resolved.start - by), end: iso(resolved.end + by) };
}

/** `2026-11-26 10:00:00.123` by the clocks of the zone. `digits` of the fraction of a second. */
export function clock(at: number, zone: string, digits = 3): string {
  const text = new Date(at + offsetAt(at, zone)).toISOString();
  const date = `${text.slice(0, 10)} ${text.slice(11, 19)}`;
  return digits ? `${date}.${text.slice(20, 20 + digits)}` : date;
}

/** A row's time, which has nanoseconds that no number holds: its clock with them. */
export function rowClock(time: string, zone: string, digits = 3): string {
  const at = Date.parse(`${time.slice(0, 19)}Z`);
  if (Number.isNaN(at)) return time;
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? "";
  return `${clock(at, zone, 0)}.${fraction.padEnd(digits, "0").slice(0, digits)}`;
}

/** `10:00 – 11:00` where both are of one day, else with dates. Seconds only where they say something. */
export function spanText(start: number, end: number, zone: string): string {
  const digits = end - start < 1000 ? 3 : 0;
  const [from, to] = [clock(start, zone, digits), clock(end, zone, digits)];
  const seconds = end - start < 600_000 || start % 60_000 || end % 60_000;
  const cut = (text: string): string => (seconds ? text : text.slice(0, 16));
  return from.slice(0, 10) === to.slice(0, 10) ? `${cut(from)} – ${cut(to).slice(11)}` : `${cut(from)} – ${cut(to)}`;
}
