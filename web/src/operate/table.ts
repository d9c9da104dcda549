// Rows, a sort, a text to find ─▶ the rows that are shown; sort and text ⇄ the query of the address.
import type { Word } from "./say";

export type Cell = string | number | boolean | null;

export interface Column<T> {
  key: string;
  name: Word;
  /** By it rows are sorted and found. */
  value: (row: T) => Cell;
  /** How it is written, where that is not the value itself. */
  shown?: (row: T) => string;
  number?: boolean;
  /** Of the place that is left it takes what it can. */
  wide?: boolean;
  mono?: boolean;
}

export interface Sort {
  key: string;
  descending: boolean;
}

export function readSort(text: unknown, keys: readonly string[], usual: Sort): Sort {
  if (typeof text !== "string") return usual;
  const descending = text.startsWith("-");
  const key = descending ? text.slice(1) : text;
  return keys.includes(key) ? { key, descending } : usual;
}

export function writeSort(sort: Sort): string {
  return `${sort.descending ? "-" : ""}${sort.key}`;
}

export function written<T>(column: Column<T>, row: T): string {
  return column.shown ? column.shown(row) : String(column.value(row) ?? "");
}

/** Each word of the text stands in some column, as it is written or as it is. */
export function found<T>(rows: readonly T[], columns: readonly Column<T>[], text: string): readonly T[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return rows;
  return rows.filter((row) => {
    const all = columns.map((column) => `${written(column, row)} ${column.value(row) ?? ""}`.toLowerCase());
    return words.every((word) => all.some((one) => one.includes(word)));
  });
}

/** What is unknown stands last, whichever way it is sorted; equal ones keep their order. */
export function sorted<T>(rows: readonly T[], column: Column<T> | undefined, descending: boolean): readonly T[] {
  if (!column) return rows;
  const sign = descending ? -1 : 1;
  return rows
    .map((row) => ({ row, value: column.value(row) }))
    .sort((one, other) => {
      if (one.value === null || other.value === null) return Number(one.value === null) - Number(other.value === null);
      return sign * compared(one.value, other.value);
    })
    .map(({ row }) => row);
}

function compared(one: Exclude<Cell, null>, other: Exclude<Cell, null>): number {
  if (typeof one === "string" && typeof other === "string") return one.localeCompare(other, undefined, { numeric: true });
  return Number(one) - Number(other);
}
