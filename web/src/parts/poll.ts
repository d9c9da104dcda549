// Asks again while a component is there and its tab is seen, each time a pause after the former answer came: never two at a time.
import { onBeforeUnmount, onMounted, type Ref, ref, type ShallowRef } from "vue";
import type { Failure, Options } from "../api/client";
import { type Phase, region } from "../api/region";

const SECOND_MS = 1_000;

/** `ask` says whether to go on. Returns what begins it (anew), and resolves with its first answer. */
export function polling(milliseconds: number, ask: () => Promise<boolean>): () => Promise<void> {
  let timer = 0;
  let turn = 0;
  let isDue = false;

  async function go(mine: number): Promise<void> {
    const goesOn = await ask();
    if (mine === turn && goesOn) timer = window.setTimeout(tick, milliseconds);
  }
  function tick(): void {
    isDue = document.hidden;
    if (!isDue) void go(turn);
  }
  function onSeen(): void {
    if (isDue) tick();
  }
  function begin(): Promise<void> {
    end();
    return go(turn);
  }
  function end(): void {
    window.clearTimeout(timer);
    turn += 1;
    isDue = false;
  }
  onMounted(() => document.addEventListener("visibilitychange", onSeen));
  onBeforeUnmount(() => {
    end();
    document.removeEventListener("visibilitychange", onSeen);
  });
  return begin;
}

export interface Refreshed<T> {
  value: ShallowRef<T | null>;
  failure: ShallowRef<Failure | null>;
  phase: Ref<Phase>;
  /** Seconds since the answer that is shown came. */
  age: Ref<number>;
  again: () => Promise<void>;
}

/** An answer with its age; a failure leaves what was there. `seconds` 0 asks once, and then when it is told to. */
export function refreshed<T>(ask: (options: Options) => Promise<T>, seconds = 0): Refreshed<T> {
  const { value, failure, phase, run, clear } = region<T>();
  const age = ref(0);
  let came = 0;
  let timer = 0;

  function tell(): void {
    age.value = came ? Math.floor((performance.now() - came) / SECOND_MS) : 0;
  }
  const again = polling(seconds * SECOND_MS, async () => {
    const before = value.value;
    await run(ask);
    if (value.value !== before) came = performance.now();
    tell();
    return seconds > 0;
  });
  onMounted(() => {
    void again();
    timer = window.setInterval(tell, SECOND_MS);
  });
  onBeforeUnmount(() => {
    window.clearInterval(timer);
    clear();
  });
  return { value, failure, phase, age, again };
}
