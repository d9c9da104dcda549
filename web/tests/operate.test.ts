import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { changed, fromForm, NEW_RULE, type Rule, rolesOf, toForm } from "../src/operate/forms";
import { cpuShare, spanIn, words } from "../src/operate/measures";
import { MENU, menuOf } from "../src/operate/menu";
import { runChanges } from "../src/operate/states";
import { type Column, found, readSort, sorted, writeSort } from "../src/operate/table";
import type { Person } from "../src/rights";
import { en } from "../src/words/operate.en";
import { zh } from "../src/words/operate.zh";

interface Program {
  name: string;
  bytes: number | null;
}
const ROWS: Program[] = [
  { name: "web 2", bytes: 30 },
  { name: "web 10", bytes: null },
  { name: "日志 agent", bytes: 7 },
];
const NAME: Column<Program> = { key: "name", name: "name", value: (one) => one.name };
const BYTES: Column<Program> = {
  key: "bytes",
  name: "fleet.memory",
  value: (one) => one.bytes,
  shown: (one) => `${one.bytes ?? "?"} B`,
};
const names = (rows: readonly Program[]): string[] => rows.map((one) => one.name);

it("sorts numbers as numbers, and what is unknown last in both ways", () => {
  expect(names(sorted(ROWS, BYTES, false))).toEqual(["日志 agent", "web 2", "web 10"]);
  expect(names(sorted(ROWS, BYTES, true))).toEqual(["web 2", "日志 agent", "web 10"]);
  expect(names(sorted(ROWS, NAME, false)).slice(0, 2)).toEqual(["web 2", "web 10"]);
  expect(sorted(ROWS, undefined, true)).toBe(ROWS);
});

it("finds rows by each word, as it is written or as it is", () => {
  expect(names(found(ROWS, [NAME, BYTES], "WEB 30"))).toEqual(["web 2"]);
  expect(names(found(ROWS, [NAME, BYTES], "日志"))).toEqual(["日志 agent"]);
  expect(found(ROWS, [NAME, BYTES], "  ")).toBe(ROWS);
  expect(found(ROWS, [NAME], "30 B")).toEqual([]);
});

it("keeps a sort in the address, and takes none of a column that is not there", () => {
  const usual = { key: "name", descending: false };
  for (const sort of [usual, { key: "bytes", descending: true }])
    expect(readSort(writeSort(sort), ["name", "bytes"], usual)).toEqual(sort);
  for (const text of ["-secret", "", undefined, ["name"], 7]) expect(readSort(text, ["name", "bytes"], usual)).toEqual(usual);
});

const parts = (person: Person): string[] => menuOf(person).flatMap(([, entries]) => entries.map((one) => one.part));

it("offers in the menu what the platform would answer", () => {
  const nobody = { name: "li", roles: {}, permissions: [] };
  expect(parts(nobody)).toEqual([]);
  expect(parts({ ...nobody, roles: { shop: "admin" } })).toEqual(["health", "exports", "index-sets", "masking"]);
  expect(parts({ ...nobody, roles: { "*": "viewer" } })).toContain("fleet");
  expect(parts({ ...nobody, roles: { "*": "editor" } })).not.toContain("settings");
  expect(parts({ ...nobody, permissions: ["accounts"] })).toEqual(["users", "spaces", "tokens", "audit"]);
  expect(parts({ ...nobody, roles: null, permissions: ["accounts"] })).toEqual(MENU.map((one) => one.part));
});

it.each<[string, boolean, string[]]>([
  ["running", false, ["fail", "cancel"]],
  ["waiting", true, ["skip", "fail", "cancel"]],
  ["failed", true, ["retry", "skip", "cancel"]],
  ["done", true, []],
  ["cancelled", false, []],
])("offers of a run that is %s what the platform would take", (state, maySkip, offered) => {
  expect(runChanges(state, maySkip)).toEqual(offered);
});

it("sends of a form only what differs", () => {
  const before = { name: "trade", tags: ["a"], roles: { "*": "viewer" } };
  expect(changed({ name: "trade", tags: ["a", "b"] }, before)).toEqual({ tags: ["a", "b"] });
  expect(changed(before, before)).toEqual({});
});

it.each<Rule>([
  { field: "user.phone", operator: "shield", head: 3, tail: 2, mark: "***" },
  { pattern: "token=\\w+", operator: "replace", text: "" },
])("gives a masking rule back as it was", (rule) => {
  expect(fromForm(toForm(rule))).toEqual(rule);
});

it("sends no text with a rule that shields, and none of the empty places", () => {
  expect(fromForm({ ...NEW_RULE, pattern: "x", text: "left over" })).toEqual({
    pattern: "x",
    operator: "shield",
    head: 0,
    tail: 0,
    mark: "***",
  });
});

it("takes of roles the last of a space, and none without one", () => {
  const forms = [
    { space: "shop ", role: "viewer" },
    { space: "", role: "admin" },
    { space: "shop", role: "editor" },
  ] as const;
  expect(rolesOf(forms)).toEqual({ shop: "editor" });
});

it.each([
  [0, "0 s"],
  [61, "1 min 1 s"],
  [3_600, "1 h"],
  [90_061, "1 d 1 h"],
  [-5, "0 s"],
])("writes %d seconds in the two largest units", (seconds, text) => {
  expect(spanIn(seconds, "en")).toBe(text);
});

it("takes the CPU since the former look, of another process since its start", () => {
  const spent = (pid: number | null, cpu_seconds: number) => ({ pid, cpu_seconds, uptime_seconds: 100 });
  expect(cpuShare(spent(7, 12), spent(7, 10), 4)).toBe(0.5);
  expect(cpuShare(spent(8, 12), spent(7, 10), 4)).toBe(0.12);
  expect(cpuShare(spent(7, 12), undefined, 0)).toBe(0.12);
  expect(cpuShare(spent(null, 0), undefined, 0)).toBeNull();
});

it("reads words between commas of either kind", () => {
  expect(words(" a, b，订单,, ")).toEqual(["a", "b", "订单"]);
});

const FOLDER = join(import.meta.dirname, "../src/operate");
const source = readdirSync(FOLDER)
  .map((name) => readFileSync(join(FOLDER, name), "utf8"))
  .join("\n");

it("has the same keys and values in both languages", () => {
  const values = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((one) => one[1] ?? "").sort();
  expect(Object.keys(zh).sort()).toEqual(Object.keys(en).sort());
  for (const [key, text] of Object.entries(en)) expect(values(zh[key as keyof typeof en]), key).toEqual(values(text));
});

it("has no word that nothing shows", () => {
  const composed = [
    "run.",
    "export.",
    "client.",
    "role.",
    "way.",
    "sets.newest",
    "sets.oldest",
    "clientlogs.stored",
    "clientlogs.skipped",
  ];
  const unused = Object.keys(en).filter(
    (key) =>
      !source.includes(`"${key}"`) &&
      !source.includes(`'${key}'`) &&
      !composed.some((begin) => key.startsWith(begin)) &&
      !key.endsWith(".what"),
  );
  expect(unused).toEqual([]);
});
