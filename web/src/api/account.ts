// Who uses the page: by an API token that was typed, and which is kept in the memory of this tab only.
import { computed, ref } from "vue";
import { call } from "./client";

const token = ref("");

/** Whether somebody has signed in. */
export const signedIn = computed(() => token.value !== "");

export function credentials(_method: string): Record<string, string> {
  return token.value ? { Authorization: `Bearer ${token.value}` } : {};
}

export async function signIn(typed: string): Promise<void> {
  await call("GET", "/api/v1/search/index_set/", undefined, { headers: { Authorization: `Bearer ${typed}` } });
  token.value = typed;
}

export async function signOut(): Promise<void> {
  token.value = "";
}

/** The platform says that it does not know who asks: the page shows its way in. */
export function refused(): void {
  token.value = "";
}
