// t(key, values): a sentence in the language of the page. Both dictionaries have the same keys, which a test compares.
import { ref } from "vue";
import { en } from "./words/en";
import { zh } from "./words/zh";

export type Key = keyof typeof en;
export type Language = "en" | "zh";

const words: Record<Language, Record<Key, string>> = { en, zh };
const KEPT = "bklog.language";

function first(): Language {
  const kept = localStorage.getItem(KEPT);
  if (kept === "en" || kept === "zh") return kept;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export const language = ref<Language>(first());
document.documentElement.lang = language.value;

export function speak(chosen: Language): void {
  language.value = chosen;
  localStorage.setItem(KEPT, chosen);
  document.documentElement.lang = chosen;
}

export function t(key: Key, values: Record<string, string | number> = {}): string {
  return words[language.value][key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** A number as people of the language write it. */
export function n(value: number): string {
  return value.toLocaleString(language.value === "zh" ? "zh-CN" : "en-US");
}

export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = value > 0 ? Math.min(Math.floor(Math.log2(value) / 10), units.length - 1) : 0;
  const shown = value / 1024 ** power;
  return `${shown >= 100 || power === 0 ? Math.round(shown) : shown.toFixed(1)} ${units[power]}`;
}
