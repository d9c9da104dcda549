// A live tail: events ─▶ ring of rows, flushed a few times a second; what was left out is counted, a lost connection is made again.
import { onBeforeUnmount, ref, shallowRef } from "vue";
import { asFailure, type Failure, isAbort } from "../api/client";
import type { ServerEvent } from "../api/events";
import * as ask from "./ask";
import { Ring } from "./ring";
import type { Row } from "./rows";

export const KEPT_ROWS = 5_000;
const FLUSH_MS = 150;
const AGAIN_MS = 2_000;

export type TailPhase = "connecting" | "open" | "lost" | "waiting" | "failed";

export function createTail() {
  const rows = shallowRef<Row[]>([]);
  const phase = ref<TailPhase>("connecting");
  const paused = ref(false);
  const unseen = ref(0);
  const dropped = ref(0);
  const left = ref(0);
  const gap = ref(false);
  const failure = shallowRef<Failure | null>(null);
  const ring = new Ring<Row>(KEPT_ROWS);
  let came: Row[] = [];
  let abort: AbortController | null = null;
  let lastId = "";
  let timer = 0;

  function flush(): void {
    if (!came.length || paused.value) return;
    ring.push(came);
    came = [];
    rows.value = ring.rows;
    left.value = ring.left;
    unseen.value = 0;
  }

  /** While it is paused no more wait than the list holds: those before them are counted. */
  function take(found: Row[]): void {
    came = came.concat(found);
    if (came.length > KEPT_ROWS) {
      ring.left += came.length - KEPT_ROWS;
      came = came.slice(-KEPT_ROWS);
    }
    if (paused.value) unseen.value = came.length;
  }

  function hear(event: ServerEvent): "on" | "again" | "over" {
    if (event.id) lastId = event.id;
    if (event.event === "rows") take(event.data.map((line) => JSON.parse(line) as Row));
    const data =
      event.event !== "rows" && event.data.length ? (JSON.parse(event.data.join("\n")) as Record<string, unknown>) : {};
    if (event.event === "open" || event.event === "recovered") phase.value = "open";
    else if (event.event === "waiting") phase.value = "waiting";
    else if (event.event === "dropped") dropped.value += Number(data.rows ?? 0);
    else if (event.event === "gap") gap.value = true;
    else if (event.event === "end") return "again";
    else if (event.event === "error") return refused(data);
    return "on";
  }

  function refused(data: Record<string, unknown>): "again" | "over" {
    const status = Number(data.status ?? 500);
    if (status === 429 || status === 503) return "again";
    failure.value = asFailure(new Error(String(data.message ?? "")));
    phase.value = "failed";
    return "over";
  }

  async function once(set: number, query: string, mine: AbortController): Promise<"again" | "over"> {
    try {
      for await (const event of ask.tail(set, query, lastId, mine.signal)) {
        const next = hear(event);
        if (next !== "on") return next;
      }
    } catch (error) {
      if (isAbort(error) || mine.signal.aborted) return "over";
      const failed = asFailure(error);
      if (failed.status && failed.status !== 429 && failed.status !== 503) {
        failure.value = failed;
        phase.value = "failed";
        return "over";
      }
    }
    return "again";
  }

  async function begin(set: number, query: string): Promise<void> {
    end();
    ring.clear();
    rows.value = [];
    came = [];
    lastId = "";
    [dropped.value, left.value, unseen.value, gap.value, paused.value] = [0, 0, 0, false, false];
    failure.value = null;
    await connect(set, query);
  }

  async function connect(set: number, query: string): Promise<void> {
    const mine = new AbortController();
    abort = mine;
    timer = window.setInterval(flush, FLUSH_MS);
    phase.value = "connecting";
    while ((await once(set, query, mine)) === "again" && !mine.signal.aborted) {
      phase.value = "lost";
      await new Promise((done) => setTimeout(done, AGAIN_MS));
      if (mine.signal.aborted) return;
    }
  }

  function end(): void {
    abort?.abort();
    abort = null;
    window.clearInterval(timer);
  }

  function clear(): void {
    ring.clear();
    rows.value = [];
    left.value = 0;
  }

  function pause(now: boolean): void {
    paused.value = now;
    if (!now) flush();
  }

  onBeforeUnmount(end);
  return { rows, phase, paused, unseen, dropped, left, gap, failure, begin, connect, end, clear, pause };
}
