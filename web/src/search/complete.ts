// The text before the cursor ─▶ what may follow: fields, values within the range, operators, verbs behind a pipe, what was asked before.
import type { Completion, CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import * as ask from "./ask";
import { type Place, placeOf, quoted } from "./place";

export interface Known {
  question: () => ask.Question | null;
  fields: () => readonly { name: string; type: string; coverage: number }[];
  before: () => readonly { text: string; kind: "recent" | "favourite" }[];
  words: { more: string; recent: string; favourite: string };
}

const VERBS: [string, string][] = [
  ["stats count() by ", "stats"],
  ["histogram 5m by ", "histogram"],
  ["top 10 ", "top"],
  ["sort -", "sort"],
  ["limit 100", "limit"],
  ["fields ", "fields"],
  ["dedup ", "dedup"],
  ["where ", "where"],
  ["extract //", "extract"],
];
const FIGURES = ["count()", "distinct()", "sum()", "avg()", "min()", "max()", "median()", "p95()", "percentile()"];
export function completion(known: Known) {
  return async (context: CompletionContext): Promise<CompletionResult | null> => {
    const text = context.state.sliceDoc(0, context.pos);
    const place = placeOf(text);
    if (place.kind === "value") return values(known, place, context);
    if (place.kind === "verb")
      return { from: place.from, options: VERBS.map(([apply, label]) => ({ label, apply, type: "keyword" })) };
    if (place.kind === "word" && !place.typed && !context.explicit) return null;
    const options = place.kind === "figure" ? FIGURES.map((label): Completion => ({ label, type: "function" })) : [];
    return {
      from: place.from,
      options: [...options, ...names(known, place, text), ...earlier(known, place)],
      validFor: /^[\p{L}\p{N}_.@-]*$/u,
    };
  };
}

function names(known: Known, place: Place, text: string): Completion[] {
  const inSteps = text.includes("|");
  const fields = known.fields().map(
    (one): Completion => ({
      label: one.name,
      apply: inSteps ? one.name : `${one.name}:`,
      detail: one.type,
      type: "property",
      boost: one.coverage * 50,
    }),
  );
  const operators =
    place.typed && !inSteps ? ["AND", "OR", "NOT"].map((label): Completion => ({ label, type: "keyword", boost: -20 })) : [];
  return [...fields, ...operators];
}

function earlier(known: Known, place: Place): Completion[] {
  if (place.from !== 0) return [];
  return known
    .before()
    .map(({ text, kind }): Completion => ({ label: text, detail: known.words[kind], type: "text", boost: -60 }));
}

async function values(known: Known, place: Place, context: CompletionContext): Promise<CompletionResult | null> {
  const asked = known.question();
  if (!asked || !place.field) return null;
  const abort = new AbortController();
  context.addEventListener("abort", () => abort.abort());
  // Within what is asked beside the word that is being typed.
  const others = context.state
    .sliceDoc(0, place.from)
    .replace(/[\p{L}\p{N}_.@-]+:(?:[<>]=?)?$/u, "")
    .replace(/\b(AND|OR|NOT)\s*$/, "");
  const within = { ...asked, query: /^[\s]*$/.test(others) || /[("]\s*$/.test(others) ? "*" : others };
  try {
    const found = await ask.fieldValues(within, place.field, place.typed, { signal: abort.signal });
    const options = found.values.map(
      (one, at): Completion => ({
        label: one.key,
        apply: quoted(one.key),
        detail: String(one.count),
        type: "enum",
        boost: 90 - at,
      }),
    );
    if (found.more)
      options.push({ label: place.typed, displayLabel: known.words.more, apply: place.typed, type: "text", boost: -99 });
    return { from: place.from, options, filter: false };
  } catch {
    return null; // no such field yet, or typed on: the box works without
  }
}
