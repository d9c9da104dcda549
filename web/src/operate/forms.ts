// What a form holds ─▶ what is sent: only what differs, so that nobody's change beside it is undone.

export function changed<T extends object>(wanted: T, before: object): Partial<T> {
  const was = before as Record<string, unknown>;
  const entries = Object.entries(wanted).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(was[key]));
  return Object.fromEntries(entries) as Partial<T>;
}

/** A masking rule as a form holds it: all fields are there. */
export interface RuleForm {
  field: string;
  pattern: string;
  operator: "shield" | "replace";
  head: number;
  tail: number;
  mark: string;
  text: string;
}

export const NEW_RULE: RuleForm = { field: "", pattern: "", operator: "shield", head: 0, tail: 0, mark: "***", text: "" };

export interface ShieldRule {
  field?: string;
  pattern?: string;
  operator: "shield";
  head?: number;
  tail?: number;
  mark?: string;
}
export interface ReplaceRule {
  field?: string;
  pattern?: string;
  operator: "replace";
  text?: string;
}
export type Rule = ShieldRule | ReplaceRule;

export function toForm(rule: Rule): RuleForm {
  return { ...NEW_RULE, ...rule };
}

export function fromForm(form: RuleForm): Rule {
  const where = { ...(form.field ? { field: form.field } : {}), ...(form.pattern ? { pattern: form.pattern } : {}) };
  if (form.operator === "replace") return { ...where, operator: "replace", text: form.text };
  return { ...where, operator: "shield", head: Number(form.head), tail: Number(form.tail), mark: form.mark };
}

/** Roles as a form holds them ⇄ as the platform has them. A space that is there twice keeps the last. */
export interface RoleForm {
  space: string;
  role: "viewer" | "editor" | "admin";
}

export function rolesOf(forms: readonly RoleForm[]): Record<string, RoleForm["role"]> {
  return Object.fromEntries(forms.filter((one) => one.space.trim()).map((one) => [one.space.trim(), one.role]));
}
