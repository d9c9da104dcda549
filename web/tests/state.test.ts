import { expect, it } from "vitest";
import { fromAddress, type State, toAddress, USUAL } from "../src/search/state";

const OTHER: State = {
  set: 7,
  query: "level:error | stats count()",
  off: [{ field: "host", operator: "!=", value: ["a,b", "c"] }],
  start: "now-2d",
  end: "2026-11-26T10:00:00.000Z",
  zone: "Asia/Shanghai",
  order: "oldest",
  view: "table",
  columns: ["user,name", "日志", "a.b"],
  wrap: true,
  dense: false,
  chart: false,
  group: "",
  live: true,
  row: "2026-11-26T10:00:00Z~b~3",
};

it("leaves out of the address what is as ever", () => {
  expect(toAddress(USUAL)).toEqual({});
});

it.each([USUAL, OTHER, { ...USUAL, off: OTHER.off }])("comes back from its address", (state) => {
  expect(fromAddress(toAddress(state))).toEqual(state);
});

it("reads an address that anybody wrote as what is usual", () => {
  const broken = { set: "x", off: '[{"field":1}]', cols: "%E0%A4%A", order: "?", wrap: "yes", from: "", live: ["1"] };
  expect(fromAddress(broken)).toEqual({ ...USUAL, columns: ["%E0%A4%A"] });
});
