// The list of collectors: its state ⇄ its address, and which of them are shown in which order.
import type { Collector, CollectorLedger } from "./ask";
import { HEALTHS, healthOf } from "./health";

export const COLUMNS = [
  "name",
  "space",
  "scenario",
  "health",
  "rate",
  "last",
  "received",
  "rejected",
  "marked",
  "size",
  "retention",
] as const;
export type Column = (typeof COLUMNS)[number];
export const HOURS = [1, 24, 168, 720];

export interface ListState {
  find: string;
  sort: Column;
  down: boolean;
  hours: number;
}

export interface Line {
  collector: Collector;
  ledger: CollectorLedger | undefined;
}

export function fromAddress(given: Record<string, unknown>): ListState {
  const text = (name: string): string => (typeof given[name] === "string" ? (given[name] as string) : "");
  const sort = COLUMNS.find((one) => one === text("sort")) ?? "name";
  const hours = Number(text("hours"));
  return { find: text("find"), sort, down: text("down") === "1", hours: HOURS.includes(hours) ? hours : 24 };
}

export function toAddress(state: ListState): Record<string, string> {
  return {
    ...(state.find ? { find: state.find } : {}),
    ...(state.sort !== "name" ? { sort: state.sort } : {}),
    ...(state.down ? { down: "1" } : {}),
    ...(state.hours !== 24 ? { hours: String(state.hours) } : {}),
  };
}

/** Each word has to stand somewhere in what is known of a collector. */
function fits(collector: Collector, find: string): boolean {
  const labels = Object.entries(collector.labels).map(([name, value]) => `${name}=${value}`);
  const text = [collector.name, collector.space, collector.description, collector.scenario, ...labels].join(" ").toLowerCase();
  return find
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

const VALUES: Record<Column, (line: Line) => string | number> = {
  name: ({ collector }) => collector.name,
  space: ({ collector }) => collector.space,
  scenario: ({ collector }) => collector.scenario,
  health: ({ collector, ledger }) => HEALTHS.indexOf(healthOf(collector, ledger) ?? "quiet"),
  rate: ({ ledger }) => ledger?.lines_per_second ?? 0,
  last: ({ ledger }) => ledger?.last_request ?? "",
  received: ({ ledger }) => ledger?.received ?? 0,
  rejected: ({ ledger }) => ledger?.rejected ?? 0,
  marked: ({ ledger }) => ledger?.marked ?? 0,
  size: ({ ledger }) => ledger?.size_bytes ?? 0,
  retention: ({ collector }) => collector.retention_days,
};

/** Those that fit, sorted; of two that are alike the one whose name comes first. */
export function shown(collectors: Collector[], ledgers: CollectorLedger[], state: ListState): Line[] {
  const known = new Map(ledgers.map((one) => [one.collector_id, one]));
  const value = VALUES[state.sort];
  return collectors
    .filter((one) => fits(one, state.find))
    .map((collector) => ({ collector, ledger: known.get(collector.id) }))
    .sort((one, other) => {
      const [a, b] = [value(one), value(other)];
      const order = a < b ? -1 : a > b ? 1 : 0;
      return (state.down ? -order : order) || one.collector.name.localeCompare(other.collector.name);
    });
}

/** The same column again turns the order round; figures begin with the greatest. */
export function sortedBy(state: ListState, column: Column): ListState {
  if (state.sort === column) return { ...state, down: !state.down };
  return { ...state, sort: column, down: !["name", "space", "scenario", "health"].includes(column) };
}

/** Of `bklog-rejects`: the lines of one collector, under the name that stays whatever table it has. */
export function refusedQuery(collector: Collector): string {
  return `fields.collector:"${collector.account}"`;
}
