// The Search page's one value: its state, which is its address, and the regions that load for it.
//
// state ─ run ─▶ range, fixed once ─▶ rows │ chart │ fields │ meaning     each loads, fails and is stopped on its own
import { computed, type InjectionKey, inject, reactive, ref, shallowRef, watch } from "vue";
import type { RouteLocationNormalizedLoaded, Router } from "vue-router";
import { person } from "../api/account";
import { region, searching } from "../api/region";
import type { Key } from "../i18n";
import { zone as preferred } from "../preferences";
import { may } from "../rights";
import * as ask from "./ask";
import { asked as askedAs, type Condition, opposite, same, withCondition } from "./conditions";
import { identity, type Row } from "./rows";
import { fromAddress, type State, toAddress } from "./state";
import { type Range, type Resolved, resolve, zoneName } from "./times";
import { popped, pushed } from "./zoom";

export const PAGE_ROWS = 200; // so many are on the screen at once
const HEAD_START_MS = 250;
export const FURTHER_ROWS = 1_000;
export const MOST_ROWS = 100_000;
const RECENT = "bklog.recent";
const OWN = /^(bklog-.*|client)$/; // what the platform itself writes into

export function createSearch(route: RouteLocationNormalizedLoaded, router: Router) {
  const state = reactive<State>(fromAddress(route.query));
  if (!route.query.zone && preferred.value) state.zone = preferred.value;
  const sets = region<ask.IndexSet[]>();
  const result = searching<ask.Result>();
  const further = searching<ask.Result>();
  const chart = searching<ask.Histogram>();
  const fields = searching<ask.FieldList>();
  const table = searching<ask.Table>();
  const meaning = region<ask.Inspection>();
  const favourites = region<ask.Favourite[]>();
  const history = region<ask.Entry[]>();
  const rows = shallowRef<Row[]>([]);
  const progress = shallowRef<ask.Progress | null>(null);
  const resolved = shallowRef<Resolved | null>(null);
  const steps = ref("");
  const zoom = shallowRef<Range[]>([]);
  const recent = ref<number[]>(JSON.parse(localStorage.getItem(RECENT) ?? "[]") as number[]);
  const buckets = ref(100);
  const favourite = shallowRef<ask.Favourite | null>(null);
  let address = "";

  const source = computed(() => sets.value.value?.find((one) => one.id === state.set) ?? null);
  const zone = computed(() => zoneName(state.zone));
  const cursor = computed(() => (further.value.value ?? result.value.value)?.cursor ?? null);
  const total = computed(() => (chart.phase.value === "done" ? (chart.value.value?.total ?? null) : null));
  const loading = computed(() => [result, table, chart, fields].some((one) => one.phase.value === "loading"));
  const pills = computed<Condition[]>(() => (meaning.value.value?.addition as Condition[] | undefined) ?? []);
  const selected = computed(() => (state.row ? rows.value.findIndex((row) => identity(row) === state.row) : -1));

  function question(): ask.Question | null {
    const range = resolve(state, Date.now(), state.zone);
    return range && state.set ? { set: state.set, query: state.query, range } : null;
  }

  /** What is on the screen now was asked with it. */
  function shown(): ask.Question | null {
    return resolved.value && state.set ? { set: state.set, query: head.value, range: resolved.value } : null;
  }

  const head = ref("*");

  async function run(): Promise<void> {
    const asked = question();
    remember();
    if (!asked) return;
    resolved.value = asked.range;
    head.value = asked.query;
    steps.value = "";
    further.clear();
    if (asked.query.includes("|")) await readSteps(asked);
    const rowsAsked = { ...asked, query: head.value };
    const before = steps.value ? askTable(asked) : askRows(rowsAsked);
    askChart(before);
    void fields.run((options) => before.then(() => ask.fields(rowsAsked, options)));
    void understand(before);
  }

  /** Where a pipe begins only the server's reader knows: `a|b` is a word. What it cannot read, the table's answer says. */
  async function readSteps(asked: ask.Question): Promise<void> {
    const found = await ask.inspect(asked.set, asked.query, []).catch(() => null);
    if (!found || (found.valid && !found.steps.length)) return;
    steps.value = found.valid ? `| ${found.steps.join(" | ")}` : "|";
    const alone = found.valid
      ? await ask.inspect(asked.set, found.rest, found.addition as Condition[]).catch(() => null)
      : null;
    head.value = alone?.query || "*";
  }

  /** Resolves when the first rows are there or none will come, or after HEAD_START_MS: what else is asked for lets them go first. */
  function askRows(asked: ask.Question): Promise<unknown> {
    let fresh = true;
    let first = (): void => undefined;
    const begun = new Promise<void>((done) => {
      first = done;
    });
    table.clear();
    progress.value = null;
    const ended = result.run(async (options) => {
      const found = await ask.search(asked, { order: state.order, limit: PAGE_ROWS }, options, {
        rows(came) {
          rows.value = fresh ? came : rows.value.concat(came);
          fresh = false;
          requestAnimationFrame(first);
        },
        progress(now) {
          progress.value = now;
        },
      });
      if (fresh) rows.value = [];
      progress.value = null;
      return found;
    });
    return Promise.race([begun, ended, new Promise((done) => setTimeout(done, HEAD_START_MS))]);
  }

  function askTable(asked: ask.Question): Promise<unknown> {
    result.clear();
    rows.value = [];
    void table.run((options) => ask.table(asked, zone.value, options));
    return Promise.resolve();
  }

  function askChart(before: Promise<unknown> = Promise.resolve()): void {
    const asked = shown();
    if (!asked || !state.chart) return;
    const about = { group: state.group, buckets: buckets.value, zone: zone.value };
    void chart.run((options) => before.then(() => ask.histogram(asked, about, options)));
  }

  function more(): void {
    const asked = shown();
    if (!asked || !cursor.value || further.phase.value === "loading" || rows.value.length >= MOST_ROWS) return;
    const limit = Math.min(FURTHER_ROWS, MOST_ROWS - rows.value.length);
    const wanted = { order: state.order, limit, cursor: cursor.value };
    void further.run((options) =>
      ask.search(asked, wanted, options, {
        rows(came) {
          rows.value = rows.value.concat(came);
        },
        progress: () => undefined,
      }),
    );
  }

  /** Pills and notes of the text as it stands, while it is typed too. */
  function understand(before: Promise<unknown>): Promise<void> {
    const [set, query] = [state.set, head.value];
    return meaning.run((options) => before.then(() => ask.inspect(set, query, [], options)));
  }

  function stop(): void {
    for (const one of [result, further, table, chart, fields]) one.stop();
  }

  /** Another state, and its search. What was before is one step of the browser's Back away. */
  function go(change: Partial<State>, keepsZoom = false): void {
    Object.assign(state, change);
    if (!keepsZoom && ("start" in change || "set" in change)) zoom.value = [];
    void run();
  }

  /** What only changes how rows look asks for nothing. */
  function show(change: Partial<State>): void {
    Object.assign(state, change);
    remember(true);
    if ("group" in change || change.chart) askChart();
  }

  function remember(replace = false): void {
    const query = toAddress(state);
    const next = JSON.stringify(query);
    if (next === address) return;
    const first = address === "";
    address = next;
    void (replace || first ? router.replace({ path: "/search", query }) : router.push({ path: "/search", query }));
  }

  function zoomTo(range: Range): void {
    zoom.value = pushed(zoom.value, { start: state.start, end: state.end });
    go(range, true);
  }

  function zoomBack(): void {
    const back = popped(zoom.value);
    if (!back) return;
    zoom.value = back.rest;
    go(back.to, true);
  }

  /** The text that says these conditions beside the rest, from the server's own printer. */
  async function ofConditions(conditions: Condition[], rest: string): Promise<string | null> {
    const request = askedAs(conditions, rest);
    const found = await ask.inspect(state.set, request.query ?? "*", conditions);
    if (found.valid) return (found.query || "*") + (steps.value ? ` ${steps.value}` : "");
    meaning.value.value = found;
    return null;
  }

  async function filter(change: (pills: Condition[]) => Condition[]): Promise<void> {
    const current = await ask.inspect(state.set, head.value, []);
    if (!current.valid) return;
    const query = await ofConditions(change(current.addition as Condition[]), current.rest);
    if (query !== null) go({ query });
  }

  const include = (condition: Condition): Promise<void> => filter((now) => withCondition(now, condition));
  const exclude = (condition: Condition): Promise<void> => include(opposite(condition) ?? condition);
  const only = (condition: Condition): Promise<void> => filterOnly(condition);

  async function filterOnly(condition: Condition): Promise<void> {
    const query = await ofConditions([condition], "*");
    if (query !== null) go({ query });
  }

  const without = (condition: Condition): Promise<void> => filter((now) => now.filter((one) => !same(one, condition)));

  async function turnRound(condition: Condition): Promise<void> {
    const turned = opposite(condition);
    if (turned) await filter((now) => now.map((one) => (same(one, condition) ? turned : one)));
  }

  async function switchOff(condition: Condition): Promise<void> {
    state.off = [...state.off, condition];
    await without(condition);
  }

  async function switchOn(condition: Condition): Promise<void> {
    state.off = state.off.filter((one) => !same(one, condition));
    await include(condition);
  }

  function chooseSet(set: number): void {
    recent.value = [set, ...recent.value.filter((one) => one !== set)].slice(0, 5);
    localStorage.setItem(RECENT, JSON.stringify(recent.value));
    favourite.value = null;
    rows.value = [];
    go({ set, columns: [], row: "", off: [] });
  }

  async function begin(): Promise<void> {
    await sets.run(() => ask.indexSets());
    const all = sets.value.value ?? [];
    // One that the address names is asked for, whoever may see it: the answer says what is wrong with that.
    if (!state.set) {
      const last = recent.value.find((id) => all.some((one) => one.id === id));
      state.set = last ?? (all.find((one) => !OWN.test(one.name)) ?? all[0])?.id ?? 0;
    }
    void favourites.run(() => ask.favourites());
    void history.run(() => ask.history());
    if (state.set) await run();
  }

  watch(
    () => route.query,
    (query) => {
      if (route.path !== "/search" || JSON.stringify(toAddress(fromAddress(query))) === address) return;
      Object.assign(state, fromAddress(query));
      address = JSON.stringify(toAddress(state));
      void run();
    },
  );

  const nothing = computed<Key>(() => (may(person.value, "editor") ? "source.empty" : "source.noRole"));

  return {
    state,
    sets,
    source,
    nothing,
    recent,
    rows,
    result,
    further,
    progress,
    chart,
    fields,
    table,
    meaning,
    favourites,
    history,
    favourite,
    resolved,
    head,
    steps,
    zoom,
    zone,
    cursor,
    total,
    loading,
    pills,
    selected,
    buckets,
    begin,
    run,
    stop,
    more,
    go,
    show,
    zoomTo,
    zoomBack,
    chooseSet,
    shown,
    question,
    include,
    exclude,
    only,
    without,
    turnRound,
    switchOff,
    switchOn,
    askChart,
  };
}

export type SearchPage = ReturnType<typeof createSearch>;
export const SEARCH: InjectionKey<SearchPage> = Symbol("search");

export function useSearch(): SearchPage {
  const found = inject(SEARCH);
  if (!found) throw new Error("used outside of the Search page");
  return found;
}
