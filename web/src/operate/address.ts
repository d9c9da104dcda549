// What is chosen stands in the query of the address: read from there, and written there in place.
import { useRoute, useRouter } from "vue-router";

export interface Address {
  /** Empty where the address does not say. */
  text: (name: string) => string;
  /** What is undefined or empty is left out. Resolves when it stands there, or was refused. */
  put: (changed: Record<string, string | undefined>) => Promise<unknown>;
}

export function useAddress(): Address {
  const route = useRoute();
  const router = useRouter();
  return {
    text: (name) => (typeof route.query[name] === "string" ? route.query[name] : ""),
    put(changed) {
      const said = Object.entries({ ...route.query, ...changed }).filter(([, value]) => value);
      return router.replace({ query: Object.fromEntries(said) });
    },
  };
}
