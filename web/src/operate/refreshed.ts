// An answer that is asked for again while one looks at it, with its age. Never two at a time; a failure leaves what was there.
import { onBeforeUnmount, onMounted, type Ref, ref, type ShallowRef } from "vue";
import type { Failure, Options } from "../api/client";
import { type Phase, region } from "../api/region";

export interface Refreshed<T> {
  value: ShallowRef<T | null>;
  failure: ShallowRef<Failure | null>;
  phase: Ref<Phase>;
  /** Seconds since the answer that is shown came. */
  age: Ref<number>;
  again: () => Promise<void>;
}

/** `seconds` 0 asks once, and then when it is told to. */
export function refreshed<T>(ask: (options: Options) => Promise<T>, seconds = 0): Refreshed<T> {
  const { value, failure, phase, run, clear } = region<T>();
  const age = ref(0);
  let came = 0;
  let tried = 0;
  let timer = 0;

  async function again(): Promise<void> {
    const before = value.value;
    await run(ask);
    tried = performance.now();
    if (value.value !== before) came = tried;
    tick();
  }
  function tick(): void {
    const now = performance.now();
    age.value = came ? Math.floor((now - came) / 1000) : 0;
    const isDue = seconds > 0 && now - tried >= seconds * 1000;
    if (isDue && !document.hidden && phase.value !== "loading") void again();
  }
  onMounted(() => {
    void again();
    timer = window.setInterval(tick, 1000);
    document.addEventListener("visibilitychange", tick);
  });
  onBeforeUnmount(() => {
    window.clearInterval(timer);
    document.removeEventListener("visibilitychange", tick);
    clear();
  });
  return { value, failure, phase, age, again };
}
