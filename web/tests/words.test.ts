import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { en } from "../src/words/en";
import { zh } from "../src/words/zh";

const SOURCES = join(import.meta.dirname, "../src");
const texts = readdirSync(SOURCES, { recursive: true, encoding: "utf8" })
  .filter((name) => /\.(vue|ts)$/.test(name) && !name.startsWith("words"))
  .map((name) => readFileSync(join(SOURCES, name), "utf8"));

it("has the same keys in both languages", () => {
  expect(Object.keys(zh).sort()).toEqual(Object.keys(en).sort());
});

it("takes the same values in both languages", () => {
  const values = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((found) => found[1] ?? "").sort();
  for (const [key, text] of Object.entries(en)) expect(values(zh[key as keyof typeof en]), key).toEqual(values(text));
});

it("has no sentence that nothing shows", () => {
  const all = texts.join("\n");
  const ofCollect = ["hours", "column", "scenario", "state", "health", "step", "source", "command", "check", "part", "index"];
  const inside = ["rule.kind", "rule.about", "rule.key", "run.state", "run.step"];
  const composed = [
    "app.theme.",
    "role.",
    "export.state.",
    "context.",
    ...[...ofCollect, ...inside].map((one) => `collect.${one}.`),
  ];
  const unused = Object.keys(en).filter(
    (key) => !all.includes(`"${key}"`) && !all.includes(`'${key}'`) && !composed.some((begin) => key.startsWith(begin)),
  );
  expect(unused).toEqual([]);
});

it("makes no markup of what it did not write", () => {
  for (const text of texts) expect(text).not.toMatch(/v-html|innerHTML|insertAdjacentHTML|document\.write/);
});
