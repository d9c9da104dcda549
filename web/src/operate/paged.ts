// A list of which the server gives the newest, and the older ones when they are asked for.
import { computed, type Ref, ref, shallowRef } from "vue";
import { asFailure, type Failure, type Options } from "../api/client";
import { type Refreshed, refreshed } from "../parts/poll";
import { PAGE_ROWS } from "./ask";

export interface Paged<T> extends Omit<Refreshed<T[]>, "value"> {
  rows: Ref<readonly T[]>;
  /** Whether an answer is shown: an empty list is one, a failure is none. */
  hasValue: Ref<boolean>;
  hasMore: Ref<boolean>;
  more: () => Promise<void>;
  /** Something else is asked for: what was shown is no answer to it. */
  anew: () => Promise<void>;
}

/** `ask` with `before` goes on behind the row of that id. What was asked for further down stays as it came then. */
export function paged<T extends { id: number }>(
  ask: (before: number | undefined, options: Options) => Promise<T[]>,
  seconds = 0,
): Paged<T> {
  const first = refreshed<T[]>((options) => ask(undefined, options), seconds);
  const older = shallowRef<T[]>([]);
  const ended = ref(false);
  const moreFailure = shallowRef<Failure | null>(null);
  const rows = computed(() => {
    const newest = first.value.value ?? [];
    const least = newest.at(-1)?.id ?? 0;
    return [...newest, ...older.value.filter((row) => row.id < least)];
  });

  async function more(): Promise<void> {
    moreFailure.value = null;
    try {
      const found = await ask(rows.value.at(-1)?.id, {});
      older.value = [...older.value, ...found];
      ended.value = found.length < PAGE_ROWS;
    } catch (error) {
      moreFailure.value = asFailure(error);
    }
  }
  async function again(): Promise<void> {
    older.value = [];
    ended.value = false;
    moreFailure.value = null;
    await first.again();
  }
  return {
    rows,
    hasValue: computed(() => first.value.value !== null),
    phase: first.phase,
    age: first.age,
    failure: computed(() => moreFailure.value ?? first.failure.value) as Ref<Failure | null>,
    hasMore: computed(() => !ended.value && (first.value.value?.length ?? 0) >= PAGE_ROWS),
    more,
    again,
    async anew() {
      first.value.value = null;
      await again();
    },
  };
}
