// The number of an index set by its name, asked for once; null where there is none that one may see.
import { type Ref, ref } from "vue";
import * as ask from "./ask";

const known = new Map<string, Ref<number | null>>();

export function useSetId(name: string): Ref<number | null> {
  const before = known.get(name);
  if (before) return before;
  const id = ref<number | null>(null);
  known.set(name, id);
  ask
    .indexSetNamed(name)
    .then((found) => {
      if (found) id.value = found.id;
      else known.delete(name); // somebody else may see it
    })
    .catch((error: unknown) => {
      known.delete(name); // the next page that needs it asks again
      console.warn(`the index set ${name} could not be looked up`, error);
    });
  return id;
}
