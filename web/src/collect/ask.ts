// What the Collect pages ask the platform.
import { call, type Options, type Schemas } from "../api/client";
import type { Row } from "../search/rows";

export type Collector = Schemas["Collector"];
export type IngestToken = Schemas["IngestToken"];
export type Rule = Schemas["CleanRule"];
export type Ledger = Schemas["Ledger"];
export type CollectorLedger = Schemas["CollectorLedger"];
export type Previewed = Schemas["PreviewedLine"];
export type Version = Schemas["CleanRuleVersion"];
export type Template = Schemas["CleanTemplate"];
export type Stores = Schemas["CollectorStores"];
export type Run = Schemas["PipelineRun"];
export type RunWithSteps = Schemas["PipelineRunWithSteps"];

const COLLECTORS = "/api/v1/databus/collectors/";
const TEMPLATES = "/api/v1/databus/clean_template/";
const RUNS = "/api/v1/pipelines/";
const DAY_MS = 86_400_000;

export async function collectors(options: Options = {}): Promise<Collector[]> {
  return (await call<{ items: Collector[] }>("GET", COLLECTORS, undefined, options)).items;
}

export async function byName(name: string): Promise<Collector | null> {
  const found = await call<{ items: Collector[] }>("GET", `${COLLECTORS}?name=${encodeURIComponent(name)}`);
  return found.items[0] ?? null;
}

export function collector(id: number, options: Options = {}): Promise<Collector> {
  return call("GET", `${COLLECTORS}${id}/`, undefined, options);
}

export async function ledgers(hours: number, options: Options = {}): Promise<CollectorLedger[]> {
  return (await call<{ items: CollectorLedger[] }>("GET", `${COLLECTORS}ledger/?hours=${hours}`, undefined, options)).items;
}

export function ledger(id: number, hours: number, options: Options = {}): Promise<Ledger> {
  return call("GET", `${COLLECTORS}${id}/ledger/?hours=${hours}`, undefined, options);
}

export function create(wanted: Schemas["CollectorRequest"]): Promise<Schemas["NewCollector"]> {
  return call("POST", COLLECTORS, wanted);
}

export function onboard(wanted: Schemas["OnboardRequest"]): Promise<Run> {
  return call("POST", `${COLLECTORS}onboard/`, wanted);
}

/** The run where another table is needed, else null: then it is changed by now. */
export async function change(id: number, wanted: Schemas["CollectorChange"]): Promise<Run | null> {
  const answer = await call<Collector | Run>("PATCH", `${COLLECTORS}${id}/`, wanted);
  return "pipeline" in answer ? answer : null;
}

export function stores(id: number, options: Options): Promise<Stores> {
  return call("GET", `${COLLECTORS}${id}/move/`, undefined, options);
}

export function move(id: number, store: string): Promise<Run> {
  return call("POST", `${COLLECTORS}${id}/move/`, { store });
}

export function remove(id: number): Promise<Run> {
  return call("DELETE", `${COLLECTORS}${id}/?drain=true`);
}

export function reactivate(id: number): Promise<Collector> {
  return call("POST", `${COLLECTORS}${id}/reactivate/`);
}

/** The secret, which the platform shows this once. */
export async function newToken(id: number, name = ""): Promise<string> {
  return (await call<Schemas["NewIngestToken"]>("POST", `${COLLECTORS}${id}/tokens/`, { name })).ingest_token;
}

export async function tokens(id: number, options: Options = {}): Promise<IngestToken[]> {
  return (await call<{ items: IngestToken[] }>("GET", `${COLLECTORS}${id}/tokens/`, undefined, options)).items;
}

export function revokeToken(id: number, token: number): Promise<void> {
  return call("DELETE", `${COLLECTORS}${id}/tokens/${token}/`);
}

export async function preview(rule: Rule, lines: string[], days: number, options: Options): Promise<Previewed[]> {
  const asked = { clean_rule: rule, lines, retention_days: days };
  return (await call<{ lines: Previewed[] }>("POST", "/api/v1/databus/etl_preview/", asked, options)).lines;
}

/** The rules that a collector has had, the one in force first. */
export async function versions(id: number, options: Options = {}): Promise<Version[]> {
  return (await call<{ items: Version[] }>("GET", `${COLLECTORS}${id}/rules/`, undefined, options)).items;
}

/** Of the space, then of the product, which have no number. */
export async function templates(space: string, options: Options = {}): Promise<Template[]> {
  const path = `${TEMPLATES}?space=${encodeURIComponent(space)}`;
  return (await call<{ items: Template[] }>("GET", path, undefined, options)).items;
}

export function makeTemplate(wanted: Schemas["CleanTemplateRequest"]): Promise<Template> {
  return call("POST", TEMPLATES, wanted);
}

export function changeTemplate(id: number, wanted: Schemas["CleanTemplateChange"]): Promise<Template> {
  return call("PATCH", `${TEMPLATES}${id}/`, wanted);
}

export function removeTemplate(id: number): Promise<void> {
  return call("DELETE", `${TEMPLATES}${id}/`);
}

/** The newest rows of an index set, however old: of all the days for which they are kept. */
export async function newest(set: number, days: number, limit: number, options: Options = {}): Promise<Row[]> {
  const now = Date.now();
  const asked = {
    query: "*",
    start: new Date(now - days * DAY_MS).toISOString(),
    end: new Date(now + DAY_MS).toISOString(),
    limit,
    fields: ["*"],
  };
  return (await call<{ rows: Row[] }>("POST", `/api/v1/search/index_set/${set}/search/`, asked, options)).rows;
}

/** The index set of refused lines, for who may see it. */
export async function rejectsSet(): Promise<number | null> {
  const found = await call<{ items: Schemas["IndexSet"][] }>("GET", "/api/v1/search/index_set/?name=bklog-rejects");
  return found.items[0]?.id ?? null;
}

export async function runsOf(name: string, options: Options = {}): Promise<Run[]> {
  const subject = encodeURIComponent(`collector:${name}`);
  return (await call<{ items: Run[] }>("GET", `${RUNS}?subject=${subject}&limit=20`, undefined, options)).items;
}

export function run(id: number, options: Options = {}): Promise<RunWithSteps> {
  return call("GET", `${RUNS}${id}/`, undefined, options);
}

export function act(id: number, what: "retry" | "skip" | "cancel"): Promise<RunWithSteps> {
  return call("POST", `${RUNS}${id}/${what}/`);
}
