// The state of a search ⇄ the query of its address. What is as ever is left out; what cannot be read is as ever.
import type { Condition } from "./conditions";

export interface State {
  set: number;
  query: string;
  off: Condition[];
  start: string;
  end: string;
  zone: string;
  order: "newest" | "oldest";
  view: "lines" | "table";
  columns: string[];
  wrap: boolean;
  dense: boolean;
  chart: boolean;
  group: string;
  live: boolean;
  row: string;
}

export const USUAL: State = {
  set: 0,
  query: "*",
  off: [],
  start: "now-1h",
  end: "now",
  zone: "browser",
  order: "newest",
  view: "lines",
  columns: [],
  wrap: false,
  dense: true,
  chart: true,
  group: "level",
  live: false,
  row: "",
};

type Address = Record<string, string>;
const NAMES: Record<keyof State, string> = {
  set: "set",
  query: "q",
  off: "off",
  start: "from",
  end: "to",
  zone: "zone",
  order: "order",
  view: "view",
  columns: "cols",
  wrap: "wrap",
  dense: "dense",
  chart: "chart",
  group: "by",
  live: "live",
  row: "row",
};

export function toAddress(state: State): Address {
  const address: Address = {};
  for (const key of Object.keys(NAMES) as (keyof State)[]) {
    const text = written(state[key]);
    if (text !== written(USUAL[key])) address[NAMES[key]] = text;
  }
  return address;
}

function written(value: State[keyof State]): string {
  if (typeof value === "boolean") return value ? "1" : "0";
  if (!Array.isArray(value)) return String(value);
  return value.length && typeof value[0] === "object"
    ? JSON.stringify(value)
    : (value as string[]).map(encodeURIComponent).join(",");
}

export function fromAddress(given: Record<string, unknown>): State {
  const text = (key: keyof State): string | undefined => {
    const found = given[NAMES[key]];
    return typeof found === "string" ? found : undefined;
  };
  const flag = (key: keyof State, usual: boolean): boolean => ({ "1": true, "0": false })[text(key) ?? ""] ?? usual;
  const set = Number(text("set"));
  return {
    set: Number.isSafeInteger(set) && set > 0 ? set : USUAL.set,
    query: text("query") ?? USUAL.query,
    off: conditions(text("off")),
    start: text("start") || USUAL.start,
    end: text("end") || USUAL.end,
    zone: text("zone") || USUAL.zone,
    order: text("order") === "oldest" ? "oldest" : "newest",
    view: text("view") === "table" ? "table" : "lines",
    columns: (text("columns") ?? "").split(",").filter(Boolean).map(decoded),
    wrap: flag("wrap", USUAL.wrap),
    dense: flag("dense", USUAL.dense),
    chart: flag("chart", USUAL.chart),
    group: text("group") ?? USUAL.group,
    live: flag("live", USUAL.live),
    row: text("row") ?? USUAL.row,
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function conditions(text: string | undefined): Condition[] {
  if (!text) return [];
  try {
    const found: unknown = JSON.parse(text);
    return Array.isArray(found) ? found.filter(isCondition) : [];
  } catch {
    return [];
  }
}

function isCondition(found: unknown): found is Condition {
  if (typeof found !== "object" || found === null) return false;
  const { field, operator, value } = found as Record<string, unknown>;
  return (
    typeof field === "string" &&
    typeof operator === "string" &&
    Array.isArray(value) &&
    value.every((one) => typeof one === "string")
  );
}
