// Colours of the query language in the box. What a text means only the server's reader says; this looks at signs.
import { HighlightStyle, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { tags } from "@lezer/highlight";

interface Place {
  field: boolean;
}

const query = StreamLanguage.define<Place>({
  name: "query",
  startState: () => ({ field: false }),
  token(stream) {
    if (stream.eatSpace()) return null;
    if (stream.match(/^"(?:\\.|[^"\\])*"?/)) return "string";
    if (stream.match(/^\/(?:\\.|[^/\\])+\//)) return "regexp";
    if (stream.match(/^(?:AND|OR|NOT|TO|&&|\|\|)(?![\p{L}\p{N}_])/u)) return "keyword";
    if (stream.match(/^\|\s*[a-z]*/)) return "keyword";
    if (stream.match(/^[\p{L}\p{N}_.@-]+(?=:)/u)) return "propertyName";
    if (stream.match(/^[:<>=()[\]{}!+~^-]/)) return "operator";
    if (stream.match(/^\\./)) return "escape";
    if (stream.match(/^[*?]/)) return "operator";
    if (stream.match(/^\d+(?:\.\d+)?(?![\p{L}\p{N}_])/u)) return "number";
    if (!stream.match(/^[\p{L}\p{N}_.]+/u)) stream.next();
    return null;
  },
});

const colours = HighlightStyle.define([
  { tag: tags.string, color: "var(--code-string)" },
  { tag: tags.regexp, color: "var(--code-regex)" },
  { tag: tags.keyword, color: "var(--code-keyword)" },
  { tag: tags.propertyName, color: "var(--code-field)" },
  { tag: tags.number, color: "var(--code-number)" },
  { tag: tags.operator, color: "var(--muted)" },
  { tag: tags.escape, color: "var(--code-regex)" },
]);

export const queryLanguage = [query, syntaxHighlighting(colours)];
