// What the Operate pages ask the platform, each a function of what is asked.
import { call, type Options, type Schemas } from "../api/client";

export type Fleet = Schemas["Fleet"];
export type Health = Schemas["Health"];
export type Storage = Schemas["Storage"];
export type Ledger = Schemas["Ledger"];
export type CollectorLedger = Schemas["CollectorLedger"];
export type Run = Schemas["PipelineRun"];
export type RunWithSteps = Schemas["PipelineRunWithSteps"];
export type Export = Schemas["Export"];
export type ClientTask = Schemas["ClientTask"];
export type ClientReport = Schemas["ClientTaskReport"];
export type IndexSet = Schemas["IndexSet"];
export type Rule = Schemas["MaskingRule"];
export type User = Schemas["User"];
export type Token = Schemas["ApiToken"];
export type Spaces = Schemas["Spaces"];
export type Audit = Schemas["Audit"];
export type Period = Schemas["HealthHistory"]["items"][number];

const ROOT = "/api/v1";
export const PAGE_ROWS = 100;
const one = (name: string | number): string => encodeURIComponent(name);
const get = <T>(path: string, options?: Options): Promise<T> => call<T>("GET", `${ROOT}/${path}`, undefined, options);

async function items<T>(path: string, options?: Options): Promise<T[]> {
  return (await get<{ items: T[] }>(path, options)).items;
}

/** The keys that say something, as the query of an address. */
export function query(given: Record<string, string | number | undefined>): string {
  const said = Object.entries(given).flatMap(([key, value]) =>
    value === undefined || value === "" ? [] : [[key, String(value)]],
  );
  return said.length ? `?${new URLSearchParams(said)}` : "";
}

export const fleet = (options: Options): Promise<Fleet> => get("fleet/", options);

export const health = (options: Options): Promise<Health> => get("health/", options);
export const healthHistory = (options: Options): Promise<Period[]> => items("health/history/?hours=24", options);
export const storage = (options: Options): Promise<Storage> => get("storage/", options);
export const ledger = (id: number, options: Options): Promise<Ledger> =>
  get(`databus/collectors/${id}/ledger/?hours=24`, options);
export const ledgers = (options: Options): Promise<CollectorLedger[]> => items("databus/collectors/ledger/?hours=24", options);

export interface Before {
  before?: number;
}

export const runs = (asked: { state?: string } & Before, options: Options): Promise<Run[]> =>
  items(`pipelines/${query({ ...asked, limit: PAGE_ROWS })}`, options);
export const run = (id: number, options: Options): Promise<RunWithSteps> => get(`pipelines/${id}/`, options);
export const changeRun = (
  id: number,
  what: "retry" | "skip" | "fail" | "cancel",
  body?: { reason: string },
): Promise<RunWithSteps> => call("POST", `${ROOT}/pipelines/${id}/${what}/`, body);

export const exports = (asked: { state?: string; owner?: string } & Before, options: Options): Promise<Export[]> =>
  items(`search/export/${query({ ...asked, limit: PAGE_ROWS })}`, options);
export const changeExport = (id: number, what: "cancel" | "retry"): Promise<Export> =>
  call("POST", `${ROOT}/search/export/${id}/${what}/`);
export const deleteExport = (id: number): Promise<void> => call("DELETE", `${ROOT}/search/export/${id}/`);
export const exportLink = async (id: number): Promise<string> => (await get<{ url: string }>(`search/export/${id}/link/`)).url;

export const clientTasks = (asked: { state?: string; user_id?: string } & Before, options: Options): Promise<ClientTask[]> =>
  items(`clientlog/tasks/${query({ ...asked, limit: PAGE_ROWS })}`, options);
export const clientTask = (id: string, options: Options): Promise<ClientReport> => get(`clientlog/tasks/${one(id)}/`, options);
export const retryClientTask = (id: string): Promise<ClientTask> => call("POST", `${ROOT}/clientlog/tasks/${one(id)}/retry/`);
export const submitClientTask = (task: Schemas["ClientTaskRequest"]): Promise<ClientTask> =>
  call("POST", `${ROOT}/clientlog/tasks/`, task);

export const collectors = (options: Options): Promise<Schemas["Collector"][]> => items("databus/collectors/", options);
export const indexSets = (options: Options): Promise<IndexSet[]> => items("search/index_set/", options);
export const indexSetNamed = async (name: string): Promise<IndexSet | undefined> =>
  (await items<IndexSet>(`search/index_set/${query({ name })}`))[0];
export const makeIndexSet = (body: Schemas["IndexSetRequest"]): Promise<IndexSet> =>
  call("POST", `${ROOT}/search/index_set/`, body);
export const changeIndexSet = (id: number, body: Schemas["IndexSetChange"]): Promise<IndexSet> =>
  call("PATCH", `${ROOT}/search/index_set/${id}/`, body);
export const deleteIndexSet = (id: number): Promise<void> => call("DELETE", `${ROOT}/search/index_set/${id}/`);

export const masking = async (id: number, options: Options): Promise<Rule[]> =>
  (await get<Schemas["MaskingRules"]>(`search/index_set/${id}/masking/`, options)).rules;
export const setMasking = (id: number, rules: Rule[]): Promise<Schemas["MaskingRulesChanged"]> =>
  call("PUT", `${ROOT}/search/index_set/${id}/masking/`, { rules });
export interface PreviewedLine {
  before: string;
  after: string;
}
export const previewMasking = async (
  id: number,
  rules: Rule[],
  lines: string[] | null,
  options: Options,
): Promise<PreviewedLine[]> =>
  (
    await call<{ lines: PreviewedLine[] }>(
      "POST",
      `${ROOT}/search/index_set/${id}/masking/preview/`,
      lines ? { rules, lines } : { rules },
      options,
    )
  ).lines;

export const users = (options: Options): Promise<User[]> => items("accounts/users/", options);
export const makeUser = (body: Schemas["UserRequest"]): Promise<User> => call("POST", `${ROOT}/accounts/users/`, body);
export const changeUser = (name: string, body: Schemas["UserChange"]): Promise<User> =>
  call("PATCH", `${ROOT}/accounts/users/${one(name)}/`, body);
export const deleteUser = (name: string): Promise<void> => call("DELETE", `${ROOT}/accounts/users/${one(name)}/`);
export const setPassword = (name: string, password: string): Promise<void> =>
  call("POST", `${ROOT}/accounts/users/${one(name)}/password/`, { password });
export const tokens = (options: Options): Promise<Token[]> => items("accounts/tokens/", options);
export const makeToken = (body: {
  name: string;
  permissions: Schemas["UserRequest"]["permissions"];
}): Promise<Schemas["NewApiToken"]> => call("POST", `${ROOT}/accounts/tokens/`, body);
export const revokeToken = (id: number): Promise<void> => call("DELETE", `${ROOT}/accounts/tokens/${id}/`);
export const spaces = (options: Options): Promise<Spaces> => get("accounts/spaces/", options);
export const audit = (asked: Record<string, string | number | undefined>, options: Options): Promise<Audit> =>
  get(`accounts/audit/${query({ ...asked, limit: PAGE_ROWS })}`, options);
export const settings = (options: Options): Promise<Schemas["Settings"]> => get("fleet/settings/", options);
