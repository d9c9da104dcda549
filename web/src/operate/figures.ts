// Figures as an operator reads them, in the language of the page. Times are those of the person's zone.
import { bytes, language, n } from "../i18n";
import { zone } from "../preferences";
import { clock as clockOf } from "../search/times";
import { spanIn } from "./measures";

export function span(seconds: number): string {
  return spanIn(seconds, language.value);
}

export function clock(moment: string | null | undefined): string {
  const at = Date.parse(moment ?? "");
  return Number.isNaN(at) ? (moment ?? "") : clockOf(at, zone.value || "browser", 0);
}

export function signedBytes(value: number | null): string {
  if (value === null) return "";
  return value < 0 ? `−${bytes(-value)}` : bytes(value);
}

export function percent(share: number): string {
  return `${n(Math.round(share * 1000) / 10)} %`;
}
