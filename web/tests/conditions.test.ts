import { expect, it } from "vitest";
import { asked, isExcluding, label, opposite, withCondition } from "../src/search/conditions";

const host = { field: "host", operator: "=", value: ["web-1"] };

it.each(["=", "!=", "contains", "all not contains match phrase", ">", "<=", "exists", "is false", "&=~"])(
  "%s turned round twice is itself",
  (operator) => {
    const one = { ...host, operator };
    const there = opposite(one);
    expect(there).not.toEqual(one);
    expect(there && opposite(there)).toEqual(one);
  },
);

it("has no opposite of what no operator says", () => {
  expect(opposite({ ...host, operator: "≈" })).toBeNull();
});

it("includes what was excluded instead of both, and nothing twice", () => {
  const excluded = { ...host, operator: "!=" };
  expect(withCondition([excluded], host)).toEqual([host]);
  expect(withCondition([host], host)).toEqual([host]);
  expect(withCondition([{ ...host, value: ["web-2"] }], host)).toHaveLength(2);
});

it.each([
  [host, "host = web-1", false],
  [{ ...host, operator: "!=" }, "host ≠ web-1", true],
  [{ field: "*", operator: "=", value: ["timeout"] }, "timeout", false],
  [{ field: "user", operator: "does not exists", value: [] }, "no user", true],
  [{ field: "status", operator: ">=", value: ["500"] }, "status >= 500", false],
])("%j is shown as %s", (condition, text, excluding) => {
  expect(label(condition)).toBe(text);
  expect(isExcluding(condition)).toBe(excluding);
});

it("asks for everything beside conditions where no text is left", () => {
  expect(asked([host], "  ")).toEqual({ query: "*", addition: [host] });
});
