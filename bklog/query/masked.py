"""Masking -> SQL expressions: what a row shows. Every expression that leaves a statement is made here, or from `sql._column`.

 fields, log ─▶ mask_values   (value, what stands for it) of each field rule, longest first
                 ├─▶ mask_pieces   those that are replaced wherever they stand, also as JSON writes them
                 └─▶ mask_tokens   short ones, numbers, true and false: replaced as whole words, numbers by what they are worth
 a text    ─▶ pieces ─▶ tokens ─▶ the patterns in their order
 fields    ─▶ each field rule at its place ─▶ every string and number of the document as a text

The names exist only in what `over` makes of a table, so that a statement that forgets it is refused by the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from bklog.query.fields import LOG, Target
from bklog.query.masking import COVERED_COLUMNS, Masking, Replace, Rule, Shield

Bind = Callable[[str], str]
HIDDEN: Final = "***"
SHOWN_FIELDS: Final = "shown_fields"
MIN_PIECE_BYTES: Final = 4  # a shorter one stands in too many words by chance
_STRING: Final = r'"(?:[^"\\]|\\.)*"'
_ESCAPED_STRING: Final = r'"(?:[^"\\]|\\.)*\\(?:[^"\\]|\\.)*"'
_NUMBER: Final = r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?"
_WORD: Final = r"[A-Za-z0-9_]*[A-Za-z_][A-Za-z0-9_]*"
# As the engine writes JSON: no blanks, a name with its colon.
JSON_TOKENS: Final = rf"{_STRING}:?|{_NUMBER}|true|false|null|[\[\]{{}},:]"
JSON_LEAVES: Final = rf"{_STRING}:?|{_NUMBER}|true|false"
WORD_TOKENS: Final = rf"\\(?:u[0-9a-fA-F]{{4}}|.)|{_WORD}|{_NUMBER}|(?s:.)"
_DECODED: Final = "if(startsWith(t, '\"'), JSONExtractString(t), t)"
TEXT_TOKENS: Final = rf'{_ESCAPED_STRING}|[^"]+|"'


def quote_name(name: str) -> str:
    """A name between backquotes: the engine reads it as it is, whatever it holds."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def path_column(name: str) -> str:
    return f"fields.{quote_name(name)}"


def without_nul(pattern: str) -> str:
    """The engine's own look at an expression would end at a NUL byte."""
    return pattern.replace("\0", r"\x00")


def shown(column: str) -> str:
    """What a masked column is called: not as the column, so that no expression means the other."""
    return f"shown_{column}"


class MaskedRow:
    """A row of one statement as its reader may see it. Without rules every expression is the bare column."""

    def __init__(self, masking: Masking, bind: Bind) -> None:
        self._masking = masking
        self._bind = bind

    def compared(self, rows: str) -> str:
        """A FROM: these rows of a table, with what their conditions are about."""
        return self._with(rows, self._value_steps())

    def over(self, compared: str) -> str:
        """A FROM: rows of `compared`, and beside their columns what is shown of them.

        Each step is a SELECT of its own: the engine names an expression by its whole text, and took half a second over one.
        """
        texts, columns = self._columns()
        return self._with(compared, (texts, {**columns, SHOWN_FIELDS: self._document()}))

    def shown_of(self, rows: str) -> str:
        """A FROM: rows of a table as they are shown."""
        return self.over(self.compared(rows))

    def _with(self, rows: str, steps: Iterable[Mapping[str, str]]) -> str:
        for step in steps if self._masking else ():
            rows = f"(SELECT *, {', '.join(f'{expression} AS {name}' for name, expression in step.items())} FROM {rows})"
        return rows

    def _value_steps(self) -> tuple[Mapping[str, str], ...]:
        if not self._masking.by_field:
            return ()
        long = f"(length(p.1) >= {MIN_PIECE_BYTES} OR length(p.1) != lengthUTF8(p.1)) AND p.1 NOT IN ('true', 'false')"
        escaped = "arrayMap(p -> (substring(toJSONString(p.1), 2, -1), substring(toJSONString(p.2), 2, -1)), mask_whole)"
        return (
            {"mask_values": self._values()},
            {
                "mask_whole": f"arrayFilter(p -> {long}, mask_values)",
                "mask_tokens": f"arrayFilter(p -> NOT ({long}) OR isNotNull(toFloat64OrNull(p.1)), mask_values)",
            },
            {"mask_pieces": f"arraySort(p -> -length(p.1), arrayDistinct(arrayConcat(mask_whole, {escaped})))"},
        )

    def _columns(self) -> tuple[dict[str, str], dict[str, str]]:
        """The short ones are masked by one expression, as the engine's time for it goes with the length of the SQL."""
        short = [name for name in COVERED_COLUMNS if name != "log"]
        texts = ", ".join(self._mask(_string(name), self._own(name)) for name in short)
        columns = {shown(name): f"mask_texts[{place}]" for place, name in enumerate(short, start=1)}
        return {"mask_texts": f"arrayMap(c -> {self.text('c')}, [{texts}])"}, columns | {shown("log"): self.condition("log")}

    def _own(self, name: str) -> Sequence[Rule]:
        return next(
            (rules for target, rules in self._masking.by_field.items() if target.name == name and not target.inside), ()
        )

    def condition(self, name: str) -> str:
        """A column as a condition compares it. A line is cut only when nothing in it has to be found any more."""
        if not self._masking or name not in COVERED_COLUMNS:
            return quote_name(name)
        if name == "log":
            return self._mask(self.text("log"), self._own(name))
        return self.text(self._mask(_string(name), self._own(name)))

    def column(self, name: str) -> str:
        """A column of the table."""
        return shown(name) if self._masking and name in COVERED_COLUMNS else quote_name(name)

    def document(self) -> str:
        """`fields`, whole, as the text of a JSON object."""
        return SHOWN_FIELDS if self._masking else "toJSONString(fields)"

    def path(self, name: str) -> str:
        """A path of `fields` as the text of its JSON; NULL or 'null' where a row has none."""
        if not self._masking:
            return f"toJSONString({path_column(name)})"
        return f"nullIf(JSONExtractRaw({SHOWN_FIELDS}, {', '.join(self._bind(key) for key in name.split('.'))}), '')"

    def _document(self) -> str:
        document = "toJSONString(fields)"
        for target, rules in self._masking.by_field.items():
            if target.inside:
                document = self._mask_at(document, target.name.split("."), rules)
        number = _let(self._patterns(self._pieces("t")), "n", "if(n = t, t, toJSONString(n))")
        string = _let("JSONExtractString(t)", "d", _let(self.text("d"), "n", "if(n = d, t, toJSONString(n))"))
        colon = f"arrayMap((t, c) -> concat({string}, c), [trim(TRAILING ':' FROM t)], [if(endsWith(t, ':'), ':', '')])[1]"
        return self._each(
            document, "t", f"multiIf(startsWith(t, '\"'), {colon}, match(t, '^[-0-9]'), {number}, t)", JSON_TOKENS
        )

    def text(self, expression: str) -> str:
        """Any text that was made of the row."""
        if self._masking.by_field:
            expression = _let(self._pieces(expression), "x", self._escaped("x"))
            expression = _let(expression, "x", f"if(empty(mask_tokens), x, {self._words('x')})")
        return self._patterns(expression)

    def is_shown_raw(self, expression: str) -> str:
        """No rule alters this text."""
        return f"{self.text(expression)} = {expression}"

    def _pieces(self, expression: str) -> str:
        if not self._masking.by_field:
            return expression
        return f"arrayFold((a, p) -> replaceAll(a, p.1, p.2), mask_pieces, {expression})"

    def _escaped(self, name: str) -> str:
        """JSON may write a value in many ways: what holds an escape is read, masked, and written anew."""
        masked = _let(self._pieces("JSONExtractString(t)"), "n", "if(n = JSONExtractString(t), t, toJSONString(n))")
        strings = self._each(name, "t", f"if(length(t) > 1 AND startsWith(t, '\"'), {masked}, t)", TEXT_TOKENS)
        return f"if(position({name}, '\\\\') = 0 OR empty(mask_values), {name}, {strings})"

    def _words(self, name: str) -> str:
        return self._each(name, "t", _word("t"), WORD_TOKENS)

    def _each(self, text: str, name: str, expression: str, tokens: str) -> str:
        return f"arrayStringConcat(arrayMap({name} -> {expression}, extractAll({text}, {self._bind(tokens)})))"

    def _patterns(self, expression: str) -> str:
        return self._mask(expression, self._masking.everywhere)

    def _mask(self, expression: str, rules: Iterable[Rule]) -> str:
        for rule in rules:
            expression = self._apply(rule, expression)
        return expression

    def _apply(self, rule: Rule, expression: str) -> str:
        match rule.operator:
            case Replace(text) if rule.pattern:
                return f"replaceRegexpAll({expression}, {self._bind(without_nul(rule.pattern))}, {self._bind(text)})"
            case Replace(text):
                return f"if(empty({expression}), '', {self._bind(text)})"
            case Shield() as shield if rule.pattern:
                return self._shield_hits(shield, self._bind(f"({without_nul(rule.pattern)})"), expression)
            case Shield() as shield:
                name = expression if expression.isidentifier() else "v"
                return _let(expression, name, f"if({name} = '', '', {self._shielded(shield, name)})")

    def _shield_hits(self, shield: Shield, pattern: str, expression: str) -> str:
        """Where gaps and hits do not alternate the whole text is hidden."""
        whole = f"concat(g, if(h = '', '', {self._shielded(shield, 'h')}))"
        joined = f"arrayStringConcat(arrayMap((g, h) -> {whole}, gs, arrayPushBack(hs, '')))"
        counted = f"if(length(gs) = length(hs) + 1, {joined}, {self._bind(shield.mark)})"
        found = _let(f"splitByRegexp({pattern}, v)", "gs", _let(f"extractAll(v, {pattern})", "hs", counted))
        return _let(expression, "v", f"if(match(v, {pattern}), {found}, v)")

    def _shielded(self, shield: Shield, name: str) -> str:
        mark = self._bind(shield.mark)
        shown = f"concat(leftUTF8({name}, {shield.head}), {mark}, rightUTF8({name}, {shield.tail}))"
        return f"if(lengthUTF8({name}) > {shield.head + shield.tail}, {shown}, {mark})"

    def _values(self) -> str:
        hidden = [(target, rules) for target, rules in self._masking.by_field.items() if target != LOG]
        found = [self._values_of(target, rules) for target, rules in hidden]
        joined = f"arrayConcat({', '.join(found)})" if found else "CAST([], 'Array(Tuple(String, String))')"
        return f"arraySort(p -> -length(p.1), arrayFilter(p -> p.1 != p.2, {joined}))"

    def _values_of(self, target: Target, rules: Sequence[Rule]) -> str:
        values = self._leaves(target.name) if target.inside else f"[{_string(target.name)}]"
        return f"arrayMap(v -> (v, {self._mask('v', rules)}), arrayFilter(v -> v != '', arrayDistinct({values})))"

    def _leaves(self, path: str) -> str:
        """The values at and below a path, of `fields` and of a line that is JSON: a typed field may hold another, or none."""
        keys = path.split(".")
        parts = [self._at("toJSONString(fields)", keys), self._at("log", keys)]
        if len(keys) > 1:  # a name with dots in it
            parts.append(f"[JSONExtractRaw(log, {self._bind(path)})]")
        found = f"arrayMap(s -> extractAll(s, {self._bind(JSON_LEAVES)}), arrayConcat({', '.join(parts)}))"
        return f"arrayMap(t -> {_DECODED}, arrayFilter(t -> NOT endsWith(t, ':'), arrayFlatten({found})))"

    def _at(self, document: str, keys: Sequence[str]) -> str:
        """The JSON texts that stand at a path, through any arrays on the way."""
        found = f"[{document}]"
        for key in keys:
            below = f"if(startsWith(t, '['), t, JSONExtractRaw(t, {self._bind(key)}))"
            found = f"arrayFilter(t -> t != '', arrayMap(t -> {below}, {_elements(found)}))"
        return found

    def _mask_at(self, document: str, keys: Sequence[str], rules: Sequence[Rule], depth: int = 0) -> str:
        """The document with every value at and below a path masked, through arrays on the way; one in another is hidden."""
        if not keys:
            return self._mask_leaves(document, rules)
        item, key = f"e{depth}", self._bind(keys[0])
        below = self._mask_at(f"JSONExtractRaw({item}, {key})", keys[1:], rules, depth + 1)
        merged = f"JSONMergePatch({item}, concat('{{', toJSONString({key}), ':', {below}, '}}'))"
        whole, nested = f"d{depth}", f"toJSONString({self._bind(HIDDEN)})"
        items = f"if(startsWith({whole}, '['), JSONExtractArrayRaw({whole}), [{whole}])"
        inner = (
            f"arrayMap({item} -> multiIf(JSONHas({item}, {key}), {merged}, startsWith({item}, '['), {nested}, {item}), {items})"
        )
        array = f"if(startsWith({whole}, '['), concat('[', arrayStringConcat(m{depth}, ','), ']'), m{depth}[1])"
        return _let(document, whole, _let(inner, f"m{depth}", array))

    def _mask_leaves(self, document: str, rules: Sequence[Rule]) -> str:
        """Every value in a JSON text, however deep; what a pattern leaves as it is keeps its type."""
        if any(rule.pattern for rule in rules):
            value = _let(_DECODED, "r", _let(self._mask("r", rules), "n", "if(n = r, t, toJSONString(n))"))
        else:
            value = f"toJSONString({self._mask(_DECODED, rules)})"
        return self._each(
            document, "t", f"if(endsWith(t, ':') OR t IN ('null', '[', ']', '{{', '}}', ','), t, {value})", JSON_TOKENS
        )


def _elements(texts: str) -> str:
    return f"arrayFlatten(arrayMap(t -> if(startsWith(t, '['), JSONExtractArrayRaw(t), [t]), {texts}))"


def _string(column: str) -> str:
    return f"CAST({quote_name(column)}, 'String')"


def _word(name: str) -> str:
    """A whole token that is a masked value, or worth the same number."""
    same = f"p.1 = {name} OR ifNull(toFloat64OrNull(p.1) = toFloat64OrNull({name}), false)"
    return _let(f"arrayFirstIndex(p -> {same}, mask_tokens)", "i", f"if(i = 0, {name}, mask_tokens[i].2)")


def _let(expression: str, name: str, body: str) -> str:
    """`body`, in which `name` stands for the expression. Each costs the engine time, whatever it does: see `over`."""
    return body if expression == name else f"arrayMap({name} -> {body}, [{expression}])[1]"
