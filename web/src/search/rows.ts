// Rows as a search gives them ─▶ what is shown of them. All of it is text: nothing here, nor what shows it, makes markup of a line.
import type { Schemas } from "../api/client";

export type Row = Schemas["Row"];

export const LONGEST_SHOWN = 4_000; // characters of a line in the list; the whole line is one click away
export const COLUMNS = ["time", "ingest_time", "host", "path", "stream", "level", "log", "parse_error"] as const;

export interface Piece {
  text: string;
  hit: boolean;
}

export function identity(row: Row): string {
  return `${row.time}~${row.batch}~${row.row}`;
}

export function ofIdentity(text: string): { time: string; batch: string; row: number } | null {
  const [time, batch, row] = text.split("~");
  const number = Number(row);
  return time && batch && row && Number.isSafeInteger(number) ? { time, batch, row: number } : null;
}

export function textOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Leaves by their dotted names. An array is one value, as the query language has it. */
export function flatten(fields: Record<string, unknown>, prefix = ""): [string, unknown][] {
  return Object.entries(fields).flatMap(([name, value]): [string, unknown][] => {
    const path = prefix + name;
    const nested = typeof value === "object" && value !== null && !Array.isArray(value);
    return nested ? flatten(value as Record<string, unknown>, `${path}.`) : [[path, value]];
  });
}

/** Columns of the row that have something, then its fields. */
export function pairs(row: Row): [string, unknown][] {
  const columns = COLUMNS.filter((name) => name !== "log" && textOf(row[name]) !== "").map((name): [string, unknown] => [
    name,
    row[name],
  ]);
  return [...columns, ...flatten(row.fields ?? {}).map(([name, value]): [string, unknown] => [fieldName(name), value])];
}

/** A field that is called like a column is asked for as `fields.NAME`. */
function fieldName(name: string): string {
  return (COLUMNS as readonly string[]).includes(name) ? `fields.${name}` : name;
}

export function cell(row: Row, name: string): string {
  if ((COLUMNS as readonly string[]).includes(name)) return textOf(row[name as keyof Row]);
  const path = name.startsWith("fields.") ? name.slice(7) : name;
  let found: unknown = row.fields;
  const whole = (row.fields as Record<string, unknown> | undefined)?.[path];
  if (whole !== undefined) return textOf(whole);
  for (const piece of path.split(".")) {
    if (typeof found !== "object" || found === null) return "";
    found = (found as Record<string, unknown>)[piece];
  }
  return textOf(found);
}

/** The server counts characters, JavaScript halves of some: places of one as places of the other. */
function places(text: string, offsets: readonly (readonly number[])[]): [number, number][] {
  if (!/[\ud800-\udbff]/.test(text)) return offsets.map(([start = 0, end = 0]) => [start, end]);
  const starts: number[] = [];
  let at = 0;
  for (const character of text) {
    starts.push(at);
    at += character.length;
  }
  starts.push(at);
  return offsets.map(([start = 0, end = 0]) => [starts[start] ?? at, starts[end] ?? at]);
}

/** A line in pieces, those that the query hit marked, cut after `most` characters. */
export function pieces(text: string, offsets: readonly (readonly number[])[] | undefined, most = LONGEST_SHOWN): Piece[] {
  const shown = text.slice(0, most);
  const found: Piece[] = [];
  let at = 0;
  for (const [start, end] of places(text, offsets ?? [])) {
    if (start < at || start >= shown.length) continue;
    if (start > at) found.push({ text: shown.slice(at, start), hit: false });
    found.push({ text: shown.slice(start, end), hit: true });
    at = Math.min(end, shown.length);
  }
  if (at < shown.length || !found.length) found.push({ text: shown.slice(at), hit: false });
  return found;
}

/** Where `needle` stands in a text, in any case of letters; at most `most` places. */
export function findIn(text: string, needle: string, most = 100): [number, number][] {
  if (!needle) return [];
  const [low, wanted] = [text.slice(0, LONGEST_SHOWN).toLowerCase(), needle.toLowerCase()];
  const found: [number, number][] = [];
  for (let at = low.indexOf(wanted); at >= 0 && found.length < most; at = low.indexOf(wanted, at + wanted.length)) {
    found.push([at, at + wanted.length]);
  }
  return found;
}

/** The row as one JSON object, as the API has it, without what only the page needs. */
export function asJson(row: Row): string {
  const { highlight: _, ...rest } = row;
  return JSON.stringify(rest, null, 2);
}

export function levelClass(level: string | undefined): string {
  const low = (level ?? "").toLowerCase();
  return LEVELS.find(([, names]) => names.includes(low))?.[0] ?? "other";
}

const LEVELS: [string, string[]][] = [
  ["fatal", ["fatal", "critical", "crit", "alert", "emerg", "emergency", "panic"]],
  ["error", ["error", "err", "severe"]],
  ["warn", ["warn", "warning"]],
  ["info", ["info", "information", "notice"]],
  ["debug", ["debug", "fine"]],
  ["trace", ["trace", "verbose", "finest"]],
];
/** From the one that is drawn at the bottom. */
export const LEVEL_ORDER = [...LEVELS.map(([name]) => name), "other"];
