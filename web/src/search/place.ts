// The text before the cursor ─▶ what is being typed there: a value, a verb behind a pipe, a figure, or a word.

const VALUE = /([\p{L}\p{N}_.@-]+):(?:[<>]=?)?("?)([^\s"()|]*)$/u;
const WORD = /[\p{L}\p{N}_.@-]*$/u;

export interface Place {
  kind: "value" | "verb" | "figure" | "word";
  from: number;
  field?: string;
  typed: string;
  quoted?: boolean;
}

/** What is being typed at the end of a text. */
export function placeOf(text: string): Place {
  const step = /\|\s*([a-z]*)$/.exec(text);
  if (step) return { kind: "verb", from: text.length - (step[1] ?? "").length, typed: step[1] ?? "" };
  const typed = WORD.exec(text)?.[0] ?? "";
  if (/\|\s*stats\b[^|]*$/.test(text) && !/\bby\b[^|]*$/.test(text))
    return { kind: "figure", from: text.length - typed.length, typed };
  const value = /\|/.test(text) ? null : VALUE.exec(text);
  if (value) {
    const [, field = "", quote = "", begun = ""] = value;
    return { kind: "value", from: text.length - begun.length - quote.length, field, typed: begun, quoted: quote !== "" };
  }
  return { kind: "word", from: text.length - typed.length, typed };
}

/** A value as the query language takes it. */
export function quoted(value: string): string {
  return /^[\p{L}\p{N}_.]+$/u.test(value) && !/^(AND|OR|NOT|TO)$/.test(value) ? value : `"${value.replace(/[\\"]/g, "\\$&")}"`;
}
