// A histogram ─▶ what is drawn: series in the order of levels, each added to those below it, the greatest first.
import type { Histogram } from "./ask";
import { LEVEL_ORDER, levelClass } from "./rows";

export interface Series {
  key: string;
  kind: "value" | "other" | "missing";
  count: number;
  counts: number[];
  colour: string;
}

const PALETTE = ["#4f8fe0", "#e0a93a", "#4cb782", "#c76bd1", "#e2685c", "#39b6c4", "#9a8cf0", "#b7c04a", "#e58bb0", "#8aa0b5"];

export function series(found: Histogram): Series[] {
  const counts = found.buckets.map((one) => one.count);
  if (!found.series) return [{ key: "", kind: "value", count: found.total, counts, colour: "var(--level-info)" }];
  const byLevel = found.field === "level";
  const values = found.series.map((one, at): Series => {
    const colour = byLevel ? `var(--level-${levelClass(one.key)})` : (PALETTE[at % PALETTE.length] ?? "var(--level-info)");
    return { key: one.key, kind: "value", count: one.count, counts: one.counts, colour };
  });
  if (byLevel) values.sort((one, other) => rank(one.key) - rank(other.key));
  const rest = (kind: "other" | "missing"): Series[] => {
    const one = found[kind];
    return one?.count
      ? [
          {
            key: "",
            kind,
            count: one.count,
            counts: one.counts,
            colour: `var(--level-${kind === "other" ? "trace" : "other"})`,
          },
        ]
      : [];
  };
  return [...values, ...rest("other"), ...rest("missing")];
}

function rank(key: string): number {
  return LEVEL_ORDER.indexOf(levelClass(key));
}

/** Sums from the bottom up: the last one is the whole. */
export function stacked(all: readonly Series[]): number[][] {
  const sums: number[][] = [];
  for (const one of all) {
    const below = sums.at(-1);
    sums.push(one.counts.map((count, at) => count + (below?.[at] ?? 0)));
  }
  return sums;
}
