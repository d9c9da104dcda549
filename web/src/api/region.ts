// One part of the page that asks the platform for something: it loads, fails and is stopped on its own.
import { type Ref, ref, type ShallowRef, shallowRef } from "vue";
import { asFailure, cancelAtServer, type Failure, isAbort, newRequestId, type Options } from "./client";

export type Phase = "idle" | "loading" | "done" | "failed" | "stopped";

export interface Region<T> {
  phase: Ref<Phase>;
  value: ShallowRef<T | null>;
  failure: ShallowRef<Failure | null>;
  milliseconds: Ref<number>;
  /** Ends what is under way and begins anew. Resolves when it ended, in whichever way. */
  run: (ask: (options: Required<Pick<Options, "signal" | "requestId">>) => Promise<T>) => Promise<void>;
  /** What came by then stays. */
  stop: () => void;
  clear: () => void;
}

/** One whose question keeps a store busy: stopped, or replaced by the next one, it is stopped at the server too. */
export function searching<T>(): Region<T> {
  return region<T>(cancelAtServer);
}

export function region<T>(stopThere: (requestId: string) => unknown = () => {}): Region<T> {
  const phase = ref<Phase>("idle");
  const value = shallowRef<T | null>(null);
  const failure = shallowRef<Failure | null>(null);
  const milliseconds = ref(0);
  let under: { abort: AbortController; requestId: string } | null = null;

  function leave(): void {
    if (!under) return;
    under.abort.abort();
    void stopThere(under.requestId);
    under = null;
  }

  return {
    phase,
    value,
    failure,
    milliseconds,
    async run(ask) {
      leave();
      const mine = { abort: new AbortController(), requestId: newRequestId() };
      under = mine;
      phase.value = "loading";
      failure.value = null;
      const began = performance.now();
      try {
        const found = await ask({ signal: mine.abort.signal, requestId: mine.requestId });
        if (under !== mine) return;
        value.value = found;
        phase.value = "done";
      } catch (error) {
        if (under !== mine || isAbort(error)) return;
        failure.value = asFailure(error);
        phase.value = "failed";
      }
      milliseconds.value = performance.now() - began;
      under = null;
    },
    stop() {
      if (!under) return;
      leave();
      phase.value = "stopped";
    },
    clear() {
      leave();
      value.value = null;
      failure.value = null;
      phase.value = "idle";
    },
  };
}
