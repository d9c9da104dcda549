// A clean rule as it is edited, and what a preview says of the fields of its lines.
import { flatten, textOf } from "../search/rows";
import type { Previewed, Rule } from "./ask";

export const KINDS = ["text", "json", "regexp", "logfmt"] as const;
export const TYPES = ["string", "keyword", "int", "float", "bool"] as const;
export const TIME_FORMATS = ["auto", "unix_seconds", "unix_milliseconds", "unix_microseconds", "unix_nanoseconds"] as const;
export const TEXT_RULE: Rule = {
  kind: "text",
  types: {},
  time_field: "",
  time_format: "auto",
  level_field: "level",
  pattern: "",
};
/** Where a pattern begins: it reads every line, and shows how a field is named. */
const FIRST_PATTERN = "^(?P<message>.*)$";
const FIELD_NAME = /^[A-Za-z_@][A-Za-z0-9_@-]{0,127}(\.[A-Za-z_@][A-Za-z0-9_@-]{0,127}){0,9}$/;

/** The same rule as another kind: lines of text have neither types nor a time field, and fields of a pattern are its own. */
export function ofKind(rule: Rule, kind: Rule["kind"]): Rule {
  if (kind === "text") return { ...rule, kind, types: {}, time_field: "", pattern: "" };
  if (kind !== "regexp") return { ...rule, kind, pattern: "" };
  return rule.kind === kind ? rule : { ...rule, kind, time_field: "", pattern: FIRST_PATTERN };
}

const KEYS = ["kind", "pattern", "time_field", "time_format", "level_field"] as const;
/** Of a key of the rule, or of the type of the field `what`. */
export type Difference = { before: string; after: string } & (
  | { isType: false; what: (typeof KEYS)[number] }
  | { isType: true; what: string }
);

/** What is another way in `after`, a line for each; '' stands for nothing. */
export function differences(before: Rule, after: Rule): Difference[] {
  const keys = KEYS.map((what): Difference => ({ what, isType: false, before: before[what], after: after[what] }));
  const names = [...new Set([...Object.keys(before.types), ...Object.keys(after.types)])].sort();
  const typed = names.map(
    (what): Difference => ({ what, isType: true, before: before.types[what] ?? "", after: after.types[what] ?? "" }),
  );
  return [...keys, ...typed].filter((one) => one.before !== one.after);
}

export function withType(rule: Rule, field: string, type: string): Rule {
  const { [field]: _, ...others } = rule.types;
  const known = TYPES.find((one) => one === type);
  return { ...rule, types: known ? { ...others, [field]: known } : others };
}

export function sameRule(one: Rule, other: Rule): boolean {
  return written(one) === written(other);
}

/** One text for one rule, whatever the order of its types. */
export function written(rule: Rule): string {
  const types = Object.entries(rule.types).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([rule.kind, rule.time_field, rule.time_format, rule.level_field, rule.pattern, types]);
}

/** A rule of an address; null where it is none. */
export function read(text: string): Rule | null {
  try {
    const given = JSON.parse(text) as Partial<Rule> | null;
    const kind = KINDS.find((one) => one === given?.kind);
    if (!given || !kind) return null;
    const types = Object.entries(given.types ?? {}).filter(([, type]) => TYPES.includes(type));
    const time_format = TIME_FORMATS.find((one) => one === given.time_format) ?? "auto";
    const texts = { time_field: String(given.time_field ?? ""), level_field: String(given.level_field ?? "level") };
    return { kind, types: Object.fromEntries(types), time_format, ...texts, pattern: String(given.pattern ?? "") };
  } catch {
    return null;
  }
}

const MOST_LINES = 50;
const MOST_CHARACTERS = 50_000;

/** The first lines of as many as one preview takes; one that alone is too long is left out. */
export function fitting(lines: string[]): string[] {
  let characters = 0;
  return lines
    .filter((line) => {
      if (characters + line.length > MOST_CHARACTERS) return false;
      characters += line.length;
      return true;
    })
    .slice(0, MOST_LINES);
}

export interface Field {
  name: string;
  /** In how many of the lines it has a value. */
  lines: number;
  /** Whether the rule can name it. */
  isNameable: boolean;
}

/** The fields of all lines, those that most have first; a typed one also where no line has it. */
export function fieldsOf(lines: Previewed[], rule: Rule): Field[] {
  const counts = new Map<string, number>(Object.keys(rule.types).map((name) => [name, 0]));
  for (const line of lines) {
    for (const [name, value] of flatten(line.fields)) if (value !== null) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts]
    .map(([name, count]) => ({ name, lines: count, isNameable: FIELD_NAME.test(name) }))
    .sort((a, b) => b.lines - a.lines || (a.name < b.name ? -1 : 1));
}

export function valueIn(line: Previewed | undefined, field: string): string {
  return textOf(flatten(line?.fields ?? {}).find(([name]) => name === field)?.[1]);
}

/** Reasons for which lines are marked or refused, and of how many. */
export function reasons(lines: Previewed[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const line of lines) {
    const reason = line.rejected || line.parse_error;
    if (reason) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  return [...counts].sort(([, a], [, b]) => b - a);
}

/** `team=shop` a line ⇄ labels; null where a line is no label. */
export function labelsOf(text: string): Record<string, string> | null {
  const pairs = text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean)
    .map((line) => /^([^=]+)=(.+)$/.exec(line));
  if (pairs.some((one) => !one)) return null;
  return Object.fromEntries(pairs.map((one) => [one?.[1]?.trim() ?? "", one?.[2]?.trim() ?? ""]));
}

export function labelText(labels: Record<string, string>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join("\n");
}
