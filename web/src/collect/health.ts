// A collector and what it received ─▶ how it is, in a word.
import type { Collector, CollectorLedger } from "./ask";

export const HEALTHS = ["deleting", "new", "silent", "refusing", "marking", "flowing", "quiet"] as const;
export type Health = (typeof HEALTHS)[number];
export const TONES: Record<Health, "good" | "bad" | "warn" | "still"> = {
  deleting: "still",
  new: "still",
  silent: "warn",
  refusing: "bad",
  marking: "warn",
  flowing: "good",
  quiet: "still",
};
const SHARE = 0.01; // of what came: a line in a thousand is a line to look at, not a state

/** null as long as what it received is not known. */
export function healthOf(collector: Collector, ledger: CollectorLedger | undefined): Health | null {
  if (collector.state === "deleting") return "deleting";
  if (!ledger || collector.scenario === "rejects") return null; // what is refused comes in by no sender of its own
  if (!ledger.received) return collector.state === "new" ? "new" : "silent";
  if (ledger.rejected / ledger.received >= SHARE) return "refusing";
  if (ledger.marked / ledger.received >= SHARE) return "marking";
  return ledger.lines_per_second > 0 ? "flowing" : "quiet";
}

/** Part of a whole as people read it: what is there is never shown as nothing. */
export function percent(part: number, whole: number): string {
  if (!part || !whole) return "0 %";
  const share = (part / whole) * 100;
  if (share < 0.1) return "< 0.1 %";
  return `${share >= 10 ? Math.round(share) : share.toFixed(1)} %`;
}

export function rate(perSecond: number): string {
  if (!perSecond) return "0";
  if (perSecond < 0.1) return "< 0.1";
  return perSecond < 10 ? perSecond.toFixed(1) : String(Math.round(perSecond));
}
