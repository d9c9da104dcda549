// How a person wants the page: this browser keeps it, and with a session the platform does too, so that another browser looks alike.
import { ref } from "vue";
import { type Language, speak } from "./i18n";
import { choose } from "./theme";

/** What is null or missing is as the browser has it. */
export interface Preferences {
  language?: Language | null;
  theme?: "light" | "dark" | null;
  zone?: string | null;
}

const ZONE = "bklog.zone";

/** The time zone that was chosen; empty for the browser's. */
export const zone = ref(localStorage.getItem(ZONE) ?? "");

export function keepZone(name: string): void {
  zone.value = name;
  if (name) localStorage.setItem(ZONE, name);
  else localStorage.removeItem(ZONE);
}

/** What a person said before, in whichever browser. What they never said stays as this browser has it. */
export function apply(said: Preferences): void {
  if (said.language) speak(said.language);
  if (said.theme) choose(said.theme);
  if (said.zone) keepZone(said.zone);
}
