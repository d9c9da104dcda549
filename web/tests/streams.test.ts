import { expect, it } from "vitest";
import { EventSplitter } from "../src/api/events";
import { LineSplitter } from "../src/api/ndjson";

const TEXT = '{"rows":[{"log":"支付 🙂"}]}\n{"progress":{}}\n{"result":{}}';

it("cuts lines alike, however the stream is cut", () => {
  for (let size = 1; size <= TEXT.length; size += 1) {
    const splitter = new LineSplitter();
    const found: string[] = [];
    for (let at = 0; at < TEXT.length; at += size) found.push(...splitter.push(TEXT.slice(at, at + size)));
    expect([...found, splitter.end()]).toEqual(TEXT.split("\n"));
  }
});

const EVENTS =
  'id: a\nevent: open\ndata: {"n":1}\n\n: beat\nid: b\n\nid: c\nevent: rows\ndata: {"a":1}\ndata: {"a":2}\n\ndata: half';

it("reads events as EventSource does, however they are cut", () => {
  for (const size of [1, 2, 3, 7, EVENTS.length]) {
    const splitter = new EventSplitter();
    const found = [];
    for (let at = 0; at < EVENTS.length; at += size) found.push(...splitter.push(EVENTS.slice(at, at + size)));
    expect(found).toEqual([
      { id: "a", event: "open", data: ['{"n":1}'] },
      { id: "b", event: "message", data: [] },
      { id: "c", event: "rows", data: ['{"a":1}', '{"a":2}'] },
    ]);
  }
});
