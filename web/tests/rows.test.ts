import { expect, it } from "vitest";
import { placeOf, quoted } from "../src/search/place";
import { Ring } from "../src/search/ring";
import { cell, findIn, flatten, identity, levelClass, ofIdentity, pairs, pieces, type Row } from "../src/search/rows";
import { series, stacked } from "../src/search/stack";

const row: Row = {
  time: "2026-11-26T10:00:00.123456789Z",
  batch: "00000000-0000-0000-0000-000000000001",
  row: 3,
  host: "web-1",
  level: "error",
  log: "<b>x</b>",
  fields: { user: { name: "Li Lei", tags: ["a"] }, "a.b": 1, path: "/p", none: null },
};

it("marks what was hit by characters, which are not halves of them", () => {
  expect(pieces("🙂 timeout", [[2, 9]])).toEqual([
    { text: "🙂 ", hit: false },
    { text: "timeout", hit: true },
  ]);
  expect(
    pieces("abc", [
      [0, 1],
      [1, 2],
    ]).map((one) => one.text),
  ).toEqual(["a", "b", "c"]);
  expect(pieces("", undefined)).toEqual([{ text: "", hit: false }]);
});

it("cuts a long line, and marks nothing beyond", () => {
  const cut = pieces(
    "x".repeat(100),
    [
      [5, 20],
      [90, 95],
    ],
    10,
  );
  expect(cut.map((one) => one.text).join("")).toBe("x".repeat(10));
});

it("has all leaves of a row by the names that the query language takes", () => {
  expect(flatten(row.fields)).toEqual([
    ["user.name", "Li Lei"],
    ["user.tags", ["a"]],
    ["a.b", 1],
    ["path", "/p"],
    ["none", null],
  ]);
  expect(pairs(row).map(([name]) => name)).toEqual([
    "time",
    "host",
    "level",
    "user.name",
    "user.tags",
    "a.b",
    "fields.path",
    "none",
  ]);
  expect(["user.name", "a.b", "fields.path", "host", "nope", "user.tags"].map((name) => cell(row, name))).toEqual([
    "Li Lei",
    "1",
    "/p",
    "web-1",
    "",
    '["a"]',
  ]);
});

it("names a row, and reads the name", () => {
  expect(ofIdentity(identity(row))).toEqual({ time: row.time, batch: row.batch, row: 3 });
  expect(ofIdentity("x")).toBeNull();
});

it("finds in any case", () => {
  expect(findIn("Timeout TIMEOUT", "timeout")).toEqual([
    [0, 7],
    [8, 15],
  ]);
  expect(findIn("aaaa", "a", 2)).toHaveLength(2);
  expect(findIn("abc", "")).toEqual([]);
});

it.each([
  ["ERROR", "error"],
  ["Warning", "warn"],
  ["CRITICAL", "fatal"],
  ["", "other"],
  ["custom", "other"],
])("level %s is %s", (level, wanted) => {
  expect(levelClass(level)).toBe(wanted);
});

it("keeps the last rows and counts the others", () => {
  const ring = new Ring<number>(3);
  ring.push([1, 2]);
  ring.push([3, 4, 5]);
  expect([ring.rows, ring.left]).toEqual([[3, 4, 5], 2]);
});

it("stacks levels in their order, the whole on top, and loses no row", () => {
  const found = series({
    interval: "1m",
    zone: "UTC",
    approximate: false,
    total: 10,
    field: "level",
    buckets: [{ start: "2026-11-26T10:00:00Z", end: "2026-11-26T10:01:00Z", count: 10 }],
    series: [
      { key: "info", count: 4, counts: [4] },
      { key: "error", count: 3, counts: [3] },
    ],
    other: { count: 1, counts: [1] },
    missing: { count: 2, counts: [2] },
    statistics: { rows_read: 0, bytes_read: 0, milliseconds: 0, complete: true },
  });
  expect(found.map((one) => one.key || one.kind)).toEqual(["error", "info", "other", "missing"]);
  expect(stacked(found).map((one) => one[0])).toEqual([3, 7, 8, 10]);
});

it.each([
  ["level:err", { kind: "value", from: 6, field: "level", typed: "err", quoted: false }],
  ['user.name:"Li', { kind: "value", from: 10, field: "user.name", typed: "Li", quoted: true }],
  ["timeout ho", { kind: "word", from: 8, typed: "ho" }],
  ["error | st", { kind: "verb", from: 8, typed: "st" }],
  ["error | stats co", { kind: "figure", from: 14, typed: "co" }],
  ["error | stats count() by ho", { kind: "word", from: 25, typed: "ho" }],
])("completes %s", (text, wanted) => {
  expect(placeOf(text)).toEqual(wanted);
});

it.each([
  ["web-1", '"web-1"'],
  ["ok", "ok"],
  ["OR", '"OR"'],
  ['a"b\\', '"a\\"b\\\\"'],
  ["支付", "支付"],
])("writes %s as %s", (value, wanted) => {
  expect(quoted(value)).toBe(wanted);
});
