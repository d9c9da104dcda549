// What was there and what came since ─▶ the newest lines, the last that came first, each once.
import { identity, type Row } from "../search/rows";

export const MOST_LINES = 50;

export function newestFirst(before: Row[], came: Row[]): Row[] {
  const known = new Set<string>();
  return [...came.slice(-MOST_LINES).reverse(), ...before]
    .filter((row) => {
      const id = identity(row);
      return !known.has(id) && known.add(id);
    })
    .slice(0, MOST_LINES);
}
