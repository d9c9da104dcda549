import { expect, it } from "vitest";
import { holds, may, mayEverywhere, type Person } from "../src/rights";

const person = (roles: Person["roles"], permissions: string[] = []): Person => ({ name: "li", roles, permissions });

it.each([
  [{}, "viewer", undefined, false],
  [{ shop: "viewer" }, "viewer", undefined, true],
  [{ shop: "viewer" }, "viewer", "shop", true],
  [{ shop: "viewer" }, "viewer", "billing", false],
  [{ shop: "viewer" }, "editor", "shop", false],
  [{ shop: "viewer", "*": "editor" }, "editor", "shop", true],
  [{ "*": "admin" }, "editor", "billing", true],
  [{ shop: "owner" }, "viewer", "shop", false],
  [null, "admin", "shop", true],
] as const)("of %j, %s in %s is %s", (roles, role, space, allowed) => {
  expect(may(person(roles), role, space)).toBe(allowed);
});

it("takes a role everywhere for what belongs to no space", () => {
  expect(mayEverywhere(person({ shop: "admin" }), "viewer")).toBe(false);
  expect(mayEverywhere(person({ "*": "viewer" }), "viewer")).toBe(true);
  expect(mayEverywhere(null, "viewer")).toBe(false);
});

it("goes by the name of a permission", () => {
  expect(holds(person(null, ["accounts"]), "accounts")).toBe(true);
  expect(holds(person({ "*": "admin" }), "raw_values")).toBe(false);
  expect(holds(null, "accounts")).toBe(false);
});
