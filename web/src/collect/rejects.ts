// The way to a collector's refused lines: a search of theirs, for who may see the index set that keeps them.
import { onMounted, ref } from "vue";
import { asFailure } from "../api/client";
import * as ask from "./ask";
import { refusedQuery } from "./list";

export function useRejects() {
  const set = ref<number | null>(null);
  onMounted(async () => {
    try {
      set.value = await ask.rejectsSet();
    } catch (error) {
      console.warn("refused lines cannot be linked to:", asFailure(error).said.message);
    }
  });
  return {
    /** Empty where there is none. */
    link(collector: ask.Collector, hours: number): { path: string; query: Record<string, string> } | "" {
      if (!set.value) return "";
      return { path: "/search", query: { set: String(set.value), q: refusedQuery(collector), from: `now-${hours}h` } };
    },
  };
}
