// Lines of an index set as they come: what stands there already, then the live tail; the newest first, each once.
import { computed, shallowRef } from "vue";
import { searching } from "../api/region";
import { createTail } from "../search/follow";
import type { Row } from "../search/rows";
import * as ask from "./ask";
import { MOST_LINES, newestFirst } from "./newest";

export function createLines() {
  const before = searching<Row[]>();
  const tail = createTail();
  const set = shallowRef(0);

  /** What was there and what came since, in the order of their arrival from the last. */
  const rows = computed(() => newestFirst(before.value.value ?? [], tail.rows.value));

  function begin(indexSet: number, days: number): void {
    set.value = indexSet;
    void tail.begin(indexSet, "*");
    look(indexSet, days);
  }
  function look(indexSet: number, days: number): void {
    void before.run((options) => ask.newest(indexSet, days, MOST_LINES, options));
  }
  return { rows, before, tail, begin, look };
}
