import { describe, expect, it } from "vitest";
import type { Collector, CollectorLedger, IngestToken, Previewed, Rule } from "../src/collect/ask";
import { healthOf, percent, rate } from "../src/collect/health";
import * as list from "../src/collect/list";
import { newestFirst } from "../src/collect/newest";
import { consequences, isOf, isValid, unusedWord } from "../src/collect/revoking";
import * as rules from "../src/collect/rule";
import { commands, listed, quoted, type Sending } from "../src/collect/sources";
import * as wizard from "../src/collect/wizard";
import type { Row } from "../src/search/rows";

const RULE: Rule = {
  kind: "json",
  types: { status: "int" },
  time_field: "ts",
  time_format: "auto",
  level_field: "level",
  pattern: "",
};

function collector(id: number, name: string, more: Partial<Collector> = {}): Collector {
  return {
    id,
    name,
    space: "default",
    scenario: "custom",
    description: "",
    table: `c${id}_${name}`,
    account: `c${id}_${name}`,
    store: "main",
    index: "full",
    clean_rule: RULE,
    retention_days: 30,
    labels: {},
    state: "active",
    created_at: "2026-11-26T09:00:00+00:00",
    index_set_id: id,
    ...more,
  };
}

function ledger(id: number, more: Partial<CollectorLedger> = {}): CollectorLedger {
  const none = { requests: 0, received: 0, stored: 0, duplicate: 0, rejected: 0, marked: 0, size_bytes: 0 };
  return { collector_id: id, name: "", ...none, last_request: null, lines_per_second: 0, ...more };
}

describe("health", () => {
  const shop = collector(1, "shop");
  it.each([
    ["flowing", { received: 1000, rejected: 1, lines_per_second: 3 }],
    ["quiet", { received: 1000 }],
    ["refusing", { received: 1000, rejected: 10, lines_per_second: 3 }],
    ["marking", { received: 1000, rejected: 9, marked: 10 }],
    ["silent", {}],
  ])("is %s", (health, figures) => expect(healthOf(shop, ledger(1, figures))).toBe(health));

  it("is not guessed where the figures are not known", () => {
    expect(healthOf(shop, undefined)).toBeNull();
    expect(healthOf({ ...shop, scenario: "rejects" }, ledger(1))).toBeNull();
    expect(healthOf({ ...shop, state: "deleting" }, undefined)).toBe("deleting");
    expect(healthOf({ ...shop, state: "new" }, ledger(1))).toBe("new");
  });

  it("shows nothing as nothing only where nothing is", () => {
    expect([percent(0, 10), percent(1, 1_000_000), percent(1, 30), percent(1, 4), percent(0, 0)]).toEqual([
      "0 %",
      "< 0.1 %",
      "3.3 %",
      "25 %",
      "0 %",
    ]);
    expect([rate(0), rate(0.003), rate(2.34), rate(1234.5)]).toEqual(["0", "< 0.1", "2.3", "1235"]);
  });
});

describe("list", () => {
  const all = [
    collector(1, "shop", { labels: { team: "买卖" }, description: "Orders" }),
    collector(2, "billing", { space: "bank" }),
    collector(3, "audit"),
  ];
  const known = [ledger(1, { received: 5 }), ledger(2, { received: 50 })];
  const usual = list.fromAddress({});
  const names = (state: Partial<list.ListState>) =>
    list.shown(all, known, { ...usual, ...state }).map((one) => one.collector.name);

  it("is by name, and by figures from the greatest", () => {
    expect(names({})).toEqual(["audit", "billing", "shop"]);
    const byReceived = list.sortedBy(usual, "received");
    expect(names(byReceived)).toEqual(["billing", "shop", "audit"]);
    expect(names(list.sortedBy(byReceived, "received"))).toEqual(["audit", "shop", "billing"]);
  });

  it("finds by each word in whatever is known", () => {
    expect(names({ find: "ORDERS team=买卖" })).toEqual(["shop"]);
    expect(names({ find: "bank" })).toEqual(["billing"]);
    expect(names({ find: "orders bank" })).toEqual([]);
  });

  it("stands in its address", () => {
    const state = { find: "a b", sort: "rejected" as const, down: true, hours: 168 };
    expect(list.fromAddress(list.toAddress(state))).toEqual(state);
    expect(list.toAddress(usual)).toEqual({});
    expect(list.fromAddress({ sort: "DROP", hours: "5", down: ["1"], find: null })).toEqual(usual);
  });
});

describe("wizard", () => {
  it("stands in its address, without a token", () => {
    const state = { ...wizard.fromAddress({}), step: "rule" as const, id: 7, name: "shop", rule: RULE, days: 9 };
    const address = wizard.toAddress(state);
    expect(wizard.fromAddress(address)).toEqual(state);
    expect(Object.keys(address)).not.toContain("token");
  });

  it("begins with the source where no collector is there yet", () => {
    expect(wizard.fromAddress({ step: "keep" }).step).toBe("source");
    expect(wizard.fromAddress({ step: "send", run: "4", source: "fleet" }).step).toBe("send");
    expect(wizard.fromAddress({ step: "rule", id: "-1", rule: "{" })).toMatchObject({ step: "source", id: 0, rule: null });
  });

  it("reads JSON as JSON from the beginning", () => {
    expect(wizard.firstRule("jsonl", "lines").kind).toBe("json");
    expect(wizard.firstRule("agent", "jsonl").kind).toBe("json");
    expect(wizard.firstRule("lines", "jsonl").kind).toBe("text");
  });
});

describe("what to run", () => {
  const about: Sending = { url: "http://h:8000", name: "shop", token: "bki_1", format: "lines", paths: [] };

  it("names the collector's token and address", () => {
    for (const source of ["lines", "jsonl"] as const) {
      for (const one of commands(source, about)) {
        expect(one.text).toContain(`"http://h:8000/ingest/v1/${source}?host=$(hostname)"`);
        expect(one.text).toContain("Authorization: Bearer bki_1");
      }
    }
  });

  it("is a configuration that the agent reads", () => {
    const text = commands("agent", { ...about, format: "jsonl", paths: ["/srv/it's/*.log"] }).find(
      (one) => one.what === "config",
    );
    const written = /<<'END'\n([\s\S]*)\nEND$/.exec(text?.text ?? "")?.[1] ?? "";
    expect(JSON.parse(written)).toEqual({
      endpoint: "http://h:8000",
      inputs: [{ name: "shop", paths: ["/srv/it's/*.log"], token_file: "shop.token", format: "jsonl" }],
    });
  });

  it("leaves nothing to the shell but the wildcards of a path", () => {
    expect(commands("file", { ...about, paths: ["/var/log/a b/$(x)*.log"] })[0]?.text).toBe(
      "bklog ingest --collector shop '/var/log/a b/$(x)'*.log",
    );
    expect(quoted("it's")).toBe("'it'\\''s'");
    expect(listed(" /a/*.log \n\n/b\n")).toEqual(["/a/*.log", "/b"]);
  });
});

describe("a clean rule", () => {
  const line = (fields: Previewed["fields"], more: Partial<Previewed> = {}): Previewed => ({
    time: "2026-11-26T09:00:00.000000000Z",
    level: "",
    fields,
    parse_error: "",
    rejected: "",
    ...more,
  });

  it("is the same whatever the order of its types", () => {
    const other = { ...RULE, types: { b: "int", a: "bool" } as const };
    expect(rules.sameRule({ ...RULE, types: { a: "bool", b: "int" } }, other)).toBe(true);
    expect(rules.sameRule(RULE, other)).toBe(false);
    expect(rules.read(JSON.stringify(RULE))).toEqual(RULE);
    for (const text of ["null", "{", "[]", '{"kind": "xml"}']) expect(rules.read(text)).toBeNull();
  });

  it("types a field, and frees it again", () => {
    const typed = rules.withType(RULE, "deep.a", "float");
    expect(typed.types).toEqual({ status: "int", "deep.a": "float" });
    expect(rules.withType(typed, "deep.a", "").types).toEqual(RULE.types);
    expect(rules.ofKind(typed, "text")).toMatchObject({ kind: "text", types: {}, time_field: "" });
    const pattern = rules.ofKind(typed, "regexp");
    expect(pattern).toMatchObject({ kind: "regexp", types: typed.types, time_field: "", pattern: "^(?P<message>.*)$" });
    const own = { ...pattern, pattern: "(?P<a>.)" };
    expect(rules.ofKind(own, "regexp")).toBe(own);
    expect(rules.ofKind(own, "logfmt")).toMatchObject({ kind: "logfmt", pattern: "" });
    expect(rules.read(JSON.stringify(own))).toEqual(own);
    expect(rules.sameRule(own, pattern)).toBe(false);
  });

  it("shows the fields of all lines, those it cannot name too", () => {
    const found = [line({ a: { b: 1 }, 支付: "x" }), line({ a: { b: 2 }, status: null })];
    expect(rules.fieldsOf(found, RULE)).toEqual([
      { name: "a.b", lines: 2, isNameable: true },
      { name: "支付", lines: 1, isNameable: false },
      { name: "status", lines: 0, isNameable: true },
    ]);
    expect(rules.valueIn(found[1], "a.b")).toBe("2");
    expect(rules.valueIn(undefined, "a.b")).toBe("");
  });

  it("is tried on as much as a preview takes", () => {
    expect(rules.fitting(["a".repeat(60_000), "b", "c".repeat(49_999), "d"])).toEqual(["b", "c".repeat(49_999)]);
    expect(rules.fitting(Array.from({ length: 80 }, () => "x"))).toHaveLength(50);
  });

  it("counts why lines are marked or refused", () => {
    const found = [
      line({}, { parse_error: "field_type" }),
      line({}, { parse_error: "field_type", rejected: "too_old" }),
      line({}),
    ];
    expect(rules.reasons(found)).toEqual([
      ["field_type", 1],
      ["too_old", 1],
    ]);
  });

  it("has labels of one line each", () => {
    const labels = { team: "shop", url: "a=b" };
    expect(rules.labelsOf(`${rules.labelText(labels)}\n\n`)).toEqual(labels);
    expect(rules.labelsOf("team")).toBeNull();
  });
});

describe("versions of a rule", () => {
  it("says what is another way, key by key and type by type", () => {
    expect(rules.differences(RULE, RULE)).toEqual([]);
    const after: Rule = { ...RULE, kind: "logfmt", time_field: "", types: { ok: "bool", status: "float" } };
    expect(rules.differences(RULE, after)).toEqual([
      { what: "kind", isType: false, before: "json", after: "logfmt" },
      { what: "time_field", isType: false, before: "ts", after: "" },
      { what: "ok", isType: true, before: "", after: "bool" },
      { what: "status", isType: true, before: "int", after: "float" },
    ]);
  });
});

describe("first lines", () => {
  const row = (number: number): Row => ({ time: `t${number}`, batch: "b", row: number, log: String(number) }) as Row;

  it("are the newest, each once", () => {
    expect(newestFirst([row(2), row(1)], [row(2), row(3), row(4)]).map((one) => one.log)).toEqual(["4", "3", "2", "1"]);
    expect(
      newestFirst(
        [],
        Array.from({ length: 80 }, (_, number) => row(number)),
      )[0]?.log,
    ).toBe("79");
  });

  it("that were refused are found by the name that stays", () => {
    expect(list.refusedQuery(collector(1, "shop", { table: "c1_shop_2" }))).toBe('fields.collector:"c1_shop"');
  });
});

describe("an ingest token", () => {
  function token(id: number, more: Partial<IngestToken> = {}): IngestToken {
    const made = { name: "", kept_on: "", beginning: `bki_000${id}`, made_by: "li", created_at: "2026-11-26T09:00:00+00:00" };
    return { id, ...made, last_used_at: null, revoked_at: null, revoked_by: "", ...more };
  }
  const revoked = token(9, { revoked_at: "2026-11-26T10:00:00+00:00", revoked_by: "li" });

  it("is the last one where all others are revoked", () => {
    expect(consequences(token(1), [token(2), token(1)])).toEqual([]);
    expect(consequences(token(1), [token(1), revoked])).toEqual(["collect.tokens.revoke.last"]);
    expect([isValid(token(1)), isValid(revoked)]).toEqual([true, false]);
  });

  it("that lies on a machine is missed there", () => {
    const kept = token(1, { kept_on: "web-1" });
    expect(consequences(kept, [kept])).toEqual(["collect.tokens.revoke.kept", "collect.tokens.revoke.last"]);
    expect(consequences(kept, [token(2), kept])).toEqual(["collect.tokens.revoke.kept"]);
  });

  it("is known by its beginning, where it has one", () => {
    expect(isOf("bki_0001rest", token(1))).toBe(true);
    expect(isOf("bki_0002rest", token(1))).toBe(false);
    expect(isOf("bki_0001rest", token(1, { beginning: "" }))).toBe(false);
  });

  it("is not called unused where nobody noted its use", () => {
    expect([unusedWord(token(1)), unusedWord(token(1, { beginning: "" }))]).toEqual([
      "collect.tokens.never",
      "collect.tokens.unknown",
    ]);
  });
});
