// Something that is done once, at a click: while it is under way nothing else is, and how it failed stands where it was asked for.
import { type Ref, ref, type ShallowRef, shallowRef } from "vue";
import { asFailure, type Failure } from "./client";

export interface Attempt {
  busy: Ref<boolean>;
  failure: ShallowRef<Failure | null>;
  /** Whether it was done. */
  attempt: (what: () => Promise<unknown>) => Promise<boolean>;
}

export function attempting(): Attempt {
  const busy = ref(false);
  const failure = shallowRef<Failure | null>(null);
  async function attempt(what: () => Promise<unknown>): Promise<boolean> {
    if (busy.value) return false;
    busy.value = true;
    failure.value = null;
    try {
      await what();
      return true;
    } catch (error) {
      failure.value = asFailure(error);
      return false;
    } finally {
      busy.value = false;
    }
  }
  return { busy, failure, attempt };
}
