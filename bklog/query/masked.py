"""Masking -> SQL expressions: what a row shows. Every expression that leaves a statement is made here, or from `sql._column`.

 fields, log ─▶ mask_values   (value, what stands for it) of each field rule, longest first: `masked_fields`
                 ├─▶ mask_pieces   long ones and no words: replaced wherever they stand, also as JSON writes them
                 └─▶ mask_tokens   short ones, numbers, true and false: replaced as whole words, numbers by what they are worth
 a text    ─▶ pieces ─▶ tokens ─▶ the patterns in their order
 fields    ─▶ each field rule at its place ─▶ every string and number of the document as a text

Each of them is a column of a SELECT of its own, and conditions and outputs name the column: the engine's time for a statement
goes with the length of its expressions. What costs time in a row is done only where a cheap look says that it alters something.

The names exist only in what `over` makes of a table, so that a statement that forgets it is refused by the engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from bklog.query.masked_fields import JSON_NUMBER, JSON_TOKENS, Bind, FieldRules, Step
from bklog.query.masking import COVERED_COLUMNS, Masking, Replace, Rule, Shield

SHOWN_FIELDS: Final = "shown_fields"
MIN_PIECE_BYTES: Final = 4  # a shorter one stands in too many words by chance
_ESCAPED_STRING: Final = r'"(?:[^"\\]|\\.)*\\(?:[^"\\]|\\.)*"'
_WORD: Final = rf"[A-Za-z0-9_]*[A-Za-z_][A-Za-z0-9_]*|{JSON_NUMBER}"
_WORDS: Final = rf'\\(?:u[0-9a-fA-F]{{4}}|["\\/bfnrt])|{_WORD}'  # of an escape no letter belongs to a word
_IS_WORD: Final = rf"^(?:{_WORD}|(?s:.))$"
_WORD_TOKENS: Final = rf"{_WORDS}|(?s:.)"
_TEXT_TOKENS: Final = rf'{_ESCAPED_STRING}|[^"]+|"'


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


def opaque(condition: str, names: Iterable[str]) -> str:
    """A condition that the engine takes as one: it looks through the parts of another for what an index answers.

    Of masked columns it follows each part down to the table, which takes it up to half a second for each, and finds nothing.
    """
    names = list(names)
    return f"arrayExists(({', '.join(names)}) -> {condition}, {', '.join(f'[{name}]' for name in names)})"


class MaskedRow:
    """A row of one statement as its reader may see it. Without rules every expression is the bare column.

    `texts` are expressions that the rows of `compared` have masked already, under names.
    """

    def __init__(self, masking: Masking, bind: Bind, texts: Sequence[str] = ()) -> None:
        self._masking = masking
        self._bind = bind
        self._known = {text: f"mask_text_{place}" for place, text in enumerate(texts)}
        self._fields = FieldRules(masking, bind, self._apply)

    def compared(self, rows: str, columns: Sequence[str] = ()) -> str:
        """A FROM: these rows of a table, with what their conditions are about: these columns as they are shown, and `texts`."""
        return self._with(rows, (*self._value_steps(), *self._compared_steps(columns)))

    def compare(self, condition: str, columns: Sequence[str]) -> str:
        """A condition on rows of `compared`."""
        names = [*map(shown, columns), *self._known.values()]
        return opaque(condition, names) if names else condition

    def over(self, compared: str, columns: Sequence[str] = ()) -> str:
        """A FROM: rows of `compared` with these columns, and beside them all else that is shown of them."""
        others = [name for name in COVERED_COLUMNS if name not in columns]
        return self._with(compared, self._over_steps(others))

    def shown_of(self, rows: str) -> str:
        """A FROM: rows of a table as they are shown."""
        return self.over(self.compared(rows))

    def _with(self, rows: str, steps: Iterable[Step]) -> str:
        for step in steps if self._masking else ():
            rows = f"(SELECT *, {', '.join(f'{expression} AS {name}' for name, expression in step.items())} FROM {rows})"
        return rows

    def _value_steps(self) -> tuple[Step, ...]:
        if not self._fields:
            return ()
        size = f"length(p.1) >= {MIN_PIECE_BYTES} OR length(p.1) != lengthUTF8(p.1)"
        long = f"({size} OR NOT match(p.1, {self._bind(_IS_WORD)})) AND p.1 NOT IN ('true', 'false')"
        escaped = "arrayMap(p -> (substring(toJSONString(p.1), 2, -1), substring(toJSONString(p.2), 2, -1)), mask_whole)"
        return (
            *self._fields.steps("mask_values"),
            {
                "mask_whole": f"arrayFilter(p -> {long}, mask_values)",
                "mask_tokens": f"arrayFilter(p -> NOT ({long}) OR isNotNull(toFloat64OrNull(p.1)), mask_values)",
            },
            {
                "mask_pieces": f"arraySort(p -> -length(p.1), arrayDistinct(arrayConcat(mask_whole, {escaped})))",
                "mask_words": "arrayMap(p -> p.1, mask_tokens)",
                "mask_numbers": "arrayFilter(n -> isNotNull(n), arrayMap(p -> toFloat64OrNull(p.1), mask_tokens))",
            },
        )

    def _compared_steps(self, columns: Sequence[str]) -> tuple[Step, ...]:
        if not columns and not self._known:
            return ()
        texts = [*map(self._before, columns), *self._known]
        masked = {name: f"mask_compared[{place}]" for place, name in enumerate([*columns, *self._known.values()], start=1)}
        shown_columns = {shown(name): self._after(name, masked[name]) for name in columns}
        known = {name: masked[name] for name in self._known.values()}
        return {"mask_compared": self._all_of(f"[{', '.join(texts)}]")}, shown_columns | known

    def _over_steps(self, columns: Sequence[str]) -> tuple[Step, ...]:
        """The columns and what stands in `fields` are masked by one expression, as each costs the engine time to read."""
        number = len(columns)
        texts = f"arrayConcat([{', '.join(map(self._before, columns))}], mask_strings)" if columns else "mask_strings"
        string = "if(startsWith(t, '\"'), JSONExtractString(trim(TRAILING ':' FROM t)), if(match(t, '^[-0-9]'), t, ''))"
        written = "if(n = s, t, concat(toJSONString(n), if(endsWith(t, ':'), ':', '')))"
        parts = f"mask_parts, mask_strings, arraySlice(mask_others, {number + 1})"
        shown_columns = {shown(name): self._after(name, f"mask_others[{place}]") for place, name in enumerate(columns, start=1)}
        return (
            {"mask_document": self._fields.document("toJSONString(fields)")},
            {"mask_parts": f"extractAll(mask_document, {self._bind(JSON_TOKENS)})"},
            {"mask_strings": f"arrayMap(t -> {string}, mask_parts)"},
            {"mask_others": self._all_of(texts)},
            {SHOWN_FIELDS: f"arrayStringConcat(arrayMap((t, s, n) -> {written}, {parts}))", **shown_columns},
        )

    def _all_of(self, texts: str) -> str:
        return f"arrayMap(c -> {self._text('c')}, {texts})"

    def _before(self, name: str) -> str:
        """A column's own rules come first; a line is cut only when nothing in it has to be found any more."""
        return name if name == "log" else self._mask(_string(name), self._own(name))

    def _after(self, name: str, text: str) -> str:
        return self._mask(text, self._own(name)) if name == "log" else text

    def _own(self, name: str) -> Sequence[Rule]:
        return next(
            (rules for target, rules in self._masking.by_field.items() if target.name == name and not target.inside), ()
        )

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

    def text(self, expression: str) -> str:
        """Any text that was made of the row."""
        return self._known.get(expression) or self._text(expression)

    def is_shown_raw(self, expression: str) -> str:
        """No rule alters this text."""
        return f"{self.text(expression)} = {expression}"

    def _text(self, expression: str) -> str:
        if self._fields:
            expression = _let(self._pieces(expression), "x", self._escaped("x"))
            expression = _let(expression, "x", f"if({self._has_words('x')}, {self._words('x')}, x)")
        return self._patterns(expression)

    def _pieces(self, expression: str) -> str:
        if not self._fields:
            return expression
        masked = "arrayFold((a, p) -> replaceAll(a, p.1, p.2), mask_pieces, y)"
        return _let(expression, "y", f"if(arrayExists(p -> position(y, p.1) > 0, mask_pieces), {masked}, y)")

    def _escaped(self, name: str) -> str:
        """JSON may write a value in many ways: what holds an escape is read, masked, and written anew."""
        masked = _let(self._pieces("JSONExtractString(t)"), "n", "if(n = JSONExtractString(t), t, toJSONString(n))")
        strings = self._each(name, "t", f"if(length(t) > 1 AND startsWith(t, '\"'), {masked}, t)", _TEXT_TOKENS)
        return f"if(position({name}, '\\\\') = 0 OR empty(mask_values), {name}, {strings})"

    def _has_words(self, name: str) -> str:
        """Whether `_words` alters it: what is neither a word nor a number is a token of one character."""
        words = f"extractAll({name}, {self._bind(_WORDS)})"
        same = f"arrayExists(t -> has(mask_words, t) OR has(mask_numbers, toFloat64OrNull(t)), {words})"
        sign = f"arrayExists(p -> length(p.1) = 1 AND position({name}, p.1) > 0, mask_tokens)"
        return f"notEmpty(mask_tokens) AND ({same} OR {sign})"

    def _words(self, name: str) -> str:
        return self._each(name, "t", _word("t"), _WORD_TOKENS)

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


def _string(column: str) -> str:
    return f"CAST({quote_name(column)}, 'String')"


def _word(name: str) -> str:
    """A whole token that is a masked value, or worth the same number."""
    same = f"p.1 = {name} OR ifNull(toFloat64OrNull(p.1) = toFloat64OrNull({name}), false)"
    return _let(f"arrayFirstIndex(p -> {same}, mask_tokens)", "i", f"if(i = 0, {name}, mask_tokens[i].2)")


def _let(expression: str, name: str, body: str) -> str:
    """`body`, in which `name` stands for the expression. Each costs the engine time, whatever it does: see `over`."""
    return body if expression == name else f"arrayMap({name} -> {body}, [{expression}])[1]"
