// say(key, values): as t() of i18n.ts, of the words that are loaded with the Operate pages.
import { language } from "../i18n";
import { en } from "../words/operate.en";
import { zh } from "../words/operate.zh";

export type Word = keyof typeof en;

export function say(key: Word, values: Record<string, string | number> = {}): string {
  const words: Record<Word, string> = language.value === "zh" ? zh : en;
  return words[key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
