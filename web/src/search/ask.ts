// What the Search page asks the platform, each a function of what is asked and where.
import { call, Failure, type Options, type Schemas, send } from "../api/client";
import { EventSplitter, type ServerEvent } from "../api/events";
import { texts, values } from "../api/ndjson";
import type { Condition } from "./conditions";
import type { Row } from "./rows";
import { iso, type Resolved } from "./times";

export type IndexSet = Schemas["IndexSet"];
export type Histogram = Schemas["Histogram"];
export type FieldList = Schemas["FieldList"];
export type FieldStatistics = Schemas["FieldStatistics"];
export type Inspection = Schemas["Inspection"];
export type Table = Schemas["Table"];
export type Context = Schemas["Context"];
export type Favourite = Schemas["Favourite"] & { index_set_exists?: boolean };
export type Export = Schemas["Export"];
export type Link = Schemas["Link"];
export type Statistics = Schemas["Statistics"];

/** Where and what: all parts of one search ask with the same. */
export interface Question {
  set: number;
  query: string;
  range: Resolved;
}

export interface Entry {
  id: number;
  index_set_id: number;
  index_set: string;
  search: Schemas["KeptSearch"];
  last_at: string;
}

const of = (set: number, what: string): string => `/api/v1/search/index_set/${set}/${what}/`;
const body = (asked: Question): { query: string; start: string; end: string } => ({
  query: asked.query.trim() || "*",
  start: iso(asked.range.start),
  end: iso(asked.range.end),
});

export async function indexSets(): Promise<IndexSet[]> {
  return (await call<{ items: IndexSet[] }>("GET", "/api/v1/search/index_set/")).items;
}

export interface Progress {
  start: string;
  end: string;
  rows_read: number;
  bytes_read: number;
}

export interface Result {
  cursor: string | null;
  note: string;
  statistics: Statistics;
}

export interface PageWanted {
  order: "newest" | "oldest";
  limit: number;
  cursor?: string | null;
}

/** Rows as they are found. A stream that was cut off is a failure, not an end. */
export async function search(
  asked: Question,
  wanted: PageWanted,
  options: Options,
  heard: { rows: (rows: Row[]) => void; progress: (progress: Progress) => void },
): Promise<Result> {
  const more = wanted.cursor ? { cursor: wanted.cursor } : {};
  const request = { ...body(asked), order: wanted.order, limit: wanted.limit, fields: ["*"], ...more };
  const response = await send("POST", of(asked.set, "search"), request, { ...options, accept: "application/x-ndjson" });
  for await (const value of values(response)) {
    const event = value as { rows?: Row[]; progress?: Progress; result?: Result; error?: Schemas["Error"]["error"] };
    if (event.rows) heard.rows(event.rows);
    else if (event.progress) heard.progress(event.progress);
    else if (event.result) return event.result;
    else if (event.error) throw new StreamFailure(event.error, options.requestId ?? "");
  }
  throw new StreamFailure({ code: "cut_off", message: "the answer was cut off", hint: "" }, options.requestId ?? "");
}

class StreamFailure extends Failure {
  constructor(said: { code: string; message: string; hint: string }, requestId: string) {
    super(said, 200, requestId);
  }
}

export function histogram(
  asked: Question,
  about: { group: string; buckets: number; zone: string },
  options: Options,
): Promise<Histogram> {
  const by = about.group ? { field: about.group, limit: 10 } : {};
  return call(
    "POST",
    of(asked.set, "aggs/date_histogram"),
    { ...body(asked), ...by, buckets: about.buckets, zone: about.zone },
    options,
  );
}

export function fields(asked: Question, options: Options): Promise<FieldList> {
  return call("POST", of(asked.set, "fields"), body(asked), options);
}

export function statistics(asked: Question, field: string, options: Options): Promise<FieldStatistics> {
  return call("POST", of(asked.set, "fields/statistics"), { ...body(asked), field, limit: 10, approximate: true }, options);
}

export function fieldValues(asked: Question, field: string, prefix: string, options: Options): Promise<Schemas["FieldValues"]> {
  const request = { ...body(asked), field, prefix, limit: 20, approximate: true };
  return call("POST", of(asked.set, "fields/values"), request, options);
}

export function table(asked: Question, zone: string, options: Options): Promise<Table> {
  return call("POST", of(asked.set, "table"), { ...body(asked), zone, limit: 1_000 }, options);
}

/** What a text means, whatever it is; with conditions beside it, as one text. */
export function inspect(set: number, query: string, addition: Condition[], options: Options = {}): Promise<Inspection> {
  return call("POST", of(set, "inspect"), { query: query.trim() || "*", addition }, options);
}

export interface Place {
  time: string;
  batch: string;
  row: number;
}

export function context(
  set: number,
  about: { place?: Place; cursor?: string; scope: string; before: number; after: number },
  options: Options,
) {
  const { place, cursor, ...sizes } = about;
  return call<Context>("POST", of(set, "context"), { ...sizes, ...(cursor ? { cursor } : place) }, options);
}

/** The events of a live tail, until it ends or is aborted. */
export async function* tail(set: number, query: string, lastId: string, signal: AbortSignal): AsyncGenerator<ServerEvent> {
  const headers = lastId ? { "Last-Event-ID": lastId } : undefined;
  const options: Options = { signal, accept: "text/event-stream", ...(headers ? { headers } : {}) };
  const response = await send("POST", `/ingest/v1/tail/${set}`, { query: query.trim() || "*" }, options);
  const splitter = new EventSplitter();
  for await (const piece of texts(response)) yield* splitter.push(piece);
}

export async function favourites(): Promise<Favourite[]> {
  return (await call<{ items: Favourite[] }>("GET", "/api/v1/search/favourite/")).items;
}

export function keep(request: Schemas["FavouriteRequest"]): Promise<Favourite> {
  return call("POST", "/api/v1/search/favourite/", request);
}

export function keepAgain(id: number, change: Schemas["FavouriteChange"]): Promise<Favourite> {
  return call("PATCH", `/api/v1/search/favourite/${id}/`, change);
}

export function forget(id: number): Promise<void> {
  return call("DELETE", `/api/v1/search/favourite/${id}/`);
}

export async function history(): Promise<Entry[]> {
  return (await call<{ items: Entry[] }>("GET", "/api/v1/search/history/?limit=50")).items;
}

export function forgetHistory(): Promise<unknown> {
  return call("DELETE", "/api/v1/search/history/");
}

export function makeLink(request: Schemas["LinkRequest"]): Promise<Link> {
  return call("POST", "/api/v1/search/link/", request);
}

export function openLink(token: string): Promise<Link> {
  return call("GET", `/api/v1/search/link/${encodeURIComponent(token)}/`);
}

export async function exports(): Promise<Export[]> {
  return (await call<{ items: Export[] }>("GET", "/api/v1/search/export/?owner=me&limit=20")).items;
}

export function beginExport(asked: Question, about: Schemas["ExportRequest"]): Promise<Export> {
  return call("POST", of(asked.set, "export"), { ...body(asked), ...about });
}

export function changeExport(id: number, what: "cancel" | "retry"): Promise<Export> {
  return call("POST", `/api/v1/search/export/${id}/${what}/`);
}

export function deleteExport(id: number): Promise<void> {
  return call("DELETE", `/api/v1/search/export/${id}/`);
}

export async function exportLink(id: number): Promise<string> {
  return (await call<{ url: string }>("GET", `/api/v1/search/export/${id}/link/`)).url;
}

/** A file of few rows, at once: its name and what is in it. */
export async function download(asked: Question, about: Schemas["ExportRequest"]): Promise<{ name: string; file: Blob }> {
  const response = await send("POST", of(asked.set, "download"), { ...body(asked), ...about }, { accept: "*/*" });
  const name = /filename="?([^";]+)/.exec(response.headers.get("Content-Disposition") ?? "")?.[1] ?? "rows";
  return { name, file: await response.blob() };
}
