// The wizard: its state ⇄ its address, so that a reload goes on where it was. A token is never in it.
import type { Rule } from "./ask";
import { read } from "./rule";
import { type Format, SOURCES, type Source } from "./sources";

export const STEPS = ["source", "send", "lines", "rule", "keep", "done"] as const;
export type StepName = (typeof STEPS)[number];

export interface WizardState {
  step: StepName;
  source: Source;
  name: string;
  space: string;
  format: Format;
  paths: string;
  /** 0 until the collector is there. */
  id: number;
  /** The run that is waited for: of an onboarding, or of a change of the rule. */
  run: number;
  /** null: as the collector has it. */
  rule: Rule | null;
  days: number;
}

export function fromAddress(given: Record<string, unknown>): WizardState {
  const text = (name: string): string => (typeof given[name] === "string" ? (given[name] as string) : "");
  const id = number(text("id"));
  const run = number(text("run"));
  const step = STEPS.find((one) => one === text("step")) ?? "source";
  return {
    step: id || (run && step === "send") ? step : "source",
    source: SOURCES.find((one) => one === text("source")) ?? "lines",
    name: text("name"),
    space: text("space") || "default",
    format: text("format") === "jsonl" ? "jsonl" : "lines",
    paths: text("paths"),
    id,
    run,
    rule: text("rule") ? read(text("rule")) : null,
    days: number(text("days")),
  };
}

function number(text: string): number {
  const found = Number(text);
  return Number.isSafeInteger(found) && found > 0 ? found : 0;
}

export function toAddress(state: WizardState): Record<string, string> {
  const address: Record<string, string> = { step: state.step, source: state.source };
  if (state.name) address.name = state.name;
  if (state.space !== "default") address.space = state.space;
  if (state.format !== "lines") address.format = state.format;
  if (state.paths) address.paths = state.paths;
  for (const name of ["id", "run", "days"] as const) if (state[name]) address[name] = String(state[name]);
  if (state.rule) address.rule = JSON.stringify(state.rule);
  return address;
}

/** What a new collector of this source reads its lines by until the rule is chosen. */
export function firstRule(source: Source, format: Format): { kind: Rule["kind"] } {
  const isJson = source === "jsonl" || (source !== "lines" && format === "jsonl");
  return { kind: isJson ? "json" : "text" };
}
