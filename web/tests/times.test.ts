import { describe, expect, it } from "vitest";
import { exact, iso, moment, pasted, resolve, rowClock, shifted, spanText, widened } from "../src/search/times";

const NOW = Date.parse("2026-11-26T10:00:00Z");

describe("moment", () => {
  it.each([
    ["now", "UTC", "2026-11-26T10:00:00.000Z"],
    ["now-15m", "UTC", "2026-11-26T09:45:00.000Z"],
    ["2h", "UTC", "2026-11-26T08:00:00.000Z"],
    ["2026-11-26 10:00", "Asia/Shanghai", "2026-11-26T02:00:00.000Z"],
    ["2026-11-26 10:00:01.25", "UTC", "2026-11-26T10:00:01.250Z"],
    ["2026-11-26", "America/New_York", "2026-11-26T05:00:00.000Z"],
    ["2026-07-01 12:00", "Europe/Berlin", "2026-07-01T10:00:00.000Z"],
    ["today", "Asia/Shanghai", "2026-11-25T16:00:00.000Z"],
    ["yesterday", "UTC", "2026-11-25T00:00:00.000Z"],
    ["1795687200", "UTC", "2026-11-26T10:00:00.000Z"],
    ["1795687200123", "UTC", "2026-11-26T10:00:00.123Z"],
    ["2026-11-26T10:00:00+08:00", "UTC", "2026-11-26T02:00:00.000Z"],
  ])("%s in %s", (text, zone, wanted) => {
    const found = moment(text, NOW, zone);
    expect(found === null ? null : iso(found)).toBe(wanted);
  });

  it.each(["", "soon", "now-", "2026-13-01", "2026-02-30", "2026-11-26 25:00", "now+1h"])("%j is none", (text) => {
    expect(moment(text, NOW, "UTC")).toBeNull();
  });
});

describe("pasted", () => {
  it.each([
    ["15m", { start: "now-15m", end: "now" }],
    ["now-2h", { start: "now-2h", end: "now" }],
    ["now-2h to now-1h", { start: "now-2h", end: "now-1h" }],
    ["2026-11-26 08:00 - 2026-11-26 09:00", { start: "2026-11-26T08:00:00.000Z", end: "2026-11-26T09:00:00.000Z" }],
    ["2026-11-26 08:00 ~ 2026-11-26 09:00", { start: "2026-11-26T08:00:00.000Z", end: "2026-11-26T09:00:00.000Z" }],
    ["yesterday", { start: "2026-11-25T00:00:00.000Z", end: "2026-11-26T00:00:00.000Z" }],
  ])("%s", (text, wanted) => {
    expect(pasted(text, NOW, "UTC")).toEqual(wanted);
  });

  it("refuses an end before its start", () => {
    expect(pasted("2026-11-26 09:00 - 2026-11-26 08:00", NOW, "UTC")).toBeNull();
    expect(resolve({ start: "now", end: "now-1h" }, NOW, "UTC")).toBeNull();
  });
});

it("keeps relative times and makes others absolute", () => {
  expect(exact({ start: "now-1h", end: "2026-11-26 11:00" }, NOW, "UTC")).toEqual({
    start: "now-1h",
    end: "2026-11-26T11:00:00.000Z",
  });
});

it("moves and widens by half", () => {
  const range = { start: NOW - 3_600_000, end: NOW };
  expect(shifted(range, -1)).toEqual({ start: "2026-11-26T08:30:00.000Z", end: "2026-11-26T09:30:00.000Z" });
  expect(widened(range)).toEqual({ start: "2026-11-26T08:30:00.000Z", end: "2026-11-26T10:30:00.000Z" });
});

it("shows a row's time with more digits than a number holds, by the clocks of the zone", () => {
  expect(rowClock("2026-11-26T01:14:06.838151009Z", "Asia/Shanghai", 9)).toBe("2026-11-26 09:14:06.838151009");
  expect(rowClock("2026-11-26T01:14:06Z", "UTC")).toBe("2026-11-26 01:14:06.000");
  expect(rowClock("never", "UTC")).toBe("never");
});

it("leaves out of a span what its ends share", () => {
  expect(spanText(NOW, NOW + 3_600_000, "UTC")).toBe("2026-11-26 10:00 – 11:00");
  expect(spanText(NOW, NOW + 90_000_000, "UTC")).toBe("2026-11-26 10:00 – 2026-11-27 11:00");
});
