// Moments of the platform as the clock of this browser shows them. The ledger's have no zone: they are UTC.
import { language } from "../i18n";

export function moment(text: string): string {
  const at = new Date(/(?:Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text.replace(" ", "T")}Z`);
  const isToday = at.toDateString() === new Date().toDateString();
  const day = isToday ? {} : ({ year: "numeric", month: "short", day: "numeric" } as const);
  return at.toLocaleString(language.value === "zh" ? "zh-CN" : "en-GB", { ...day, timeStyle: undefined, ...CLOCK });
}

const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" } as const;
