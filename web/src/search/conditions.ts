// Filter pills: the conditions that the server finds in the query's text, which stays the one truth. A change of a pill is a new text.
import type { Schemas } from "../api/client";

export interface Condition {
  field: string;
  operator: string;
  value: string[];
}

const OPPOSITE: Record<string, string> = Object.fromEntries(
  [
    ["=", "!="],
    ["contains match phrase", "not contains match phrase"],
    ["all contains match phrase", "all not contains match phrase"],
    ["contains", "not contains"],
    ["=~", "!=~"],
    ["&=~", "&!=~"],
    [">", "<="],
    [">=", "<"],
    ["exists", "does not exists"],
    ["is true", "is false"],
  ].flatMap(([one, other]) => [
    [one, other],
    [other, one],
  ]),
);

/** The condition that holds where this one does not; null where no operator says so. */
export function opposite(condition: Condition): Condition | null {
  const operator = OPPOSITE[condition.operator];
  return operator ? { ...condition, operator } : null;
}

export function isExcluding(condition: Condition): boolean {
  return /^(!|not |all not |does not |&!)/.test(condition.operator) || condition.operator === "is false";
}

export function label(condition: Condition): string {
  const field = condition.field === "*" ? "" : condition.field;
  const value = condition.value.join(" | ");
  if (condition.operator.includes("exists")) return `${isExcluding(condition) ? "no " : ""}${field}`;
  const sign = SIGNS[condition.operator] ?? condition.operator;
  return field ? `${field} ${sign} ${value}`.trim() : `${isExcluding(condition) ? "− " : ""}${value}`;
}

const SIGNS: Record<string, string> = {
  "=": "=",
  "!=": "≠",
  "contains match phrase": "=",
  "not contains match phrase": "≠",
  "all contains match phrase": "= all",
  "all not contains match phrase": "≠ all",
  contains: "∋",
  "not contains": "∌",
  "=~": "≈",
  "!=~": "≉",
};

export function same(one: Condition, other: Condition): boolean {
  return one.field === other.field && one.operator === other.operator && one.value.join("\0") === other.value.join("\0");
}

/** Without what says the same as `added`, or its opposite: who includes a value that was excluded means the later. */
export function withCondition(conditions: readonly Condition[], added: Condition): Condition[] {
  const against = opposite(added);
  return [...conditions.filter((one) => !same(one, added) && !(against && same(one, against))), added];
}

/** As `inspect` is asked for the text of conditions beside a rest. */
export function asked(conditions: readonly Condition[], rest: string): Schemas["SearchRequest"] {
  return { query: rest.trim() || "*", addition: conditions.map((one) => ({ ...one, value: [...one.value] })) };
}
