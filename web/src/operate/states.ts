// The states of work ─▶ how they are coloured, and what can be done in them.
type Kind = "good" | "bad" | "busy" | "quiet";

const KINDS: Record<string, Kind> = {
  done: "good",
  success: "good",
  stored: "good",
  failed: "bad",
  retrying: "bad",
  running: "busy",
  waiting: "busy",
  pending: "busy",
  storing: "busy",
  fetching: "busy",
  unpacking: "busy",
  ingesting: "busy",
};

export function runKind(state: string): Kind {
  return KINDS[state] ?? "quiet";
}

export type RunChange = "retry" | "skip" | "fail" | "cancel";

/** What the platform would take: a step is skipped where its pipeline allows it, what ended for good is left alone. */
export function runChanges(state: string, maySkip: boolean): RunChange[] {
  const goes = state === "running" || state === "waiting";
  if (!goes && state !== "failed") return [];
  return [
    ...(state === "failed" ? (["retry"] as const) : []),
    ...(maySkip ? (["skip"] as const) : []),
    ...(goes ? (["fail"] as const) : []),
    "cancel",
  ];
}

export const GOING: readonly string[] = ["waiting", "pending", "running", "storing"];
