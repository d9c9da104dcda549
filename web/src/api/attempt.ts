// Something that is done once, at a click: while it is under way nothing else is, and how it failed stands where it was asked for.
import { type Ref, ref, type ShallowRef, shallowRef } from "vue";
import { asFailure, type Failure } from "./client";

export interface Attempt {
  busy: Ref<boolean>;
  failure: ShallowRef<Failure | null>;
  /** Resolves when it ended, in whichever way. */
  attempt: (what: () => Promise<unknown>) => Promise<void>;
}

export function attempting(): Attempt {
  const busy = ref(false);
  const failure = shallowRef<Failure | null>(null);
  async function attempt(what: () => Promise<unknown>): Promise<void> {
    busy.value = true;
    failure.value = null;
    try {
      await what();
    } catch (error) {
      failure.value = asFailure(error);
    } finally {
      busy.value = false;
    }
  }
  return { busy, failure, attempt };
}
