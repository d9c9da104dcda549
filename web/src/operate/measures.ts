// Figures without a browser: how long, how busy, which words.
type Language = "en" | "zh";

const UNITS: [number, string, string][] = [
  [86_400, "d", "天"],
  [3_600, "h", "小时"],
  [60, "min", "分"],
  [1, "s", "秒"],
];

/** The two largest units: 3 d 4 h. */
export function spanIn(seconds: number, language: Language): string {
  let rest = Math.max(0, Math.floor(seconds));
  const parts: string[] = [];
  for (const [size, english, chinese] of UNITS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count) parts.push(language === "zh" ? `${count} ${chinese}` : `${count} ${english}`);
    else if (parts.length) break;
    if (parts.length === 2) break;
  }
  return parts.join(" ") || (language === "zh" ? "0 秒" : "0 s");
}

interface Spent {
  pid: number | null;
  cpu_seconds: number;
  uptime_seconds: number;
}

/** Of one core: since the former look, or since its start where it was not looked at or is another process now. */
export function cpuShare(now: Spent, before: Spent | undefined, seconds: number): number | null {
  if (now.pid === null) return null;
  if (before && before.pid === now.pid && seconds > 0 && now.cpu_seconds >= before.cpu_seconds)
    return (now.cpu_seconds - before.cpu_seconds) / seconds;
  return now.uptime_seconds > 0 ? now.cpu_seconds / now.uptime_seconds : null;
}

/** Words between commas, without those that are empty. */
export function words(text: string): string[] {
  return text
    .split(/[,，]/)
    .map((one) => one.trim())
    .filter(Boolean);
}
