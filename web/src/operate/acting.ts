// What a person does to one thing: one at a time, its failure kept where it happened.
import { type Ref, ref, type ShallowRef, shallowRef } from "vue";
import { asFailure, type Failure } from "../api/client";

export interface Acting {
  busy: Ref<boolean>;
  failure: ShallowRef<Failure | null>;
  /** Whether it was done. */
  attempt: (what: () => Promise<unknown>) => Promise<boolean>;
}

export function acting(): Acting {
  const busy = ref(false);
  const failure = shallowRef<Failure | null>(null);
  return {
    busy,
    failure,
    async attempt(what) {
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
    },
  };
}
