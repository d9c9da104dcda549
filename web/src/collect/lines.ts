// Lines of an index set as they come: what stands there already, then the live tail; the newest first, each once.
import { computed, shallowRef, watch } from "vue";
import { region } from "../api/region";
import { createTail } from "../search/follow";
import type { Row } from "../search/rows";
import * as ask from "./ask";
import { MOST_LINES, newestFirst } from "./newest";

export function createLines() {
  const before = region<Row[]>();
  const tail = createTail();
  const asked = shallowRef<{ set: number; days: number } | null>(null);

  /** What was there and what came since, in the order of their arrival from the last. */
  const rows = computed(() => newestFirst(before.value.value ?? [], tail.rows.value));

  function begin(set: number, days: number): void {
    asked.value = { set, days };
    void tail.begin(set, "*");
    look();
  }
  function look(): void {
    const now = asked.value;
    if (now) void before.run((options) => ask.newest(now.set, now.days, MOST_LINES, options));
  }
  /** What came after the first look and before the tail listened is in neither. */
  watch(tail.phase, (phase) => {
    if (phase === "open") look();
  });
  return { rows, before, tail, begin };
}
