"""The field rules of a masking -> SQL: the values that they hide in a row, and a document with those masked at their places.

 paths of the rules ─▶ a tree: node 1 … n is what rule 1 … n hides, the root and the paths on the way are n + 1 …
 fields, log ─ every name looked up at its node, as deep as the longest path ─▶ (rule, JSON) ─▶ (rule, value) ─▶ (value, mask)

Rules are data of the statement, arrays that its expressions look into: fifty rules are little more to analyse than one. Only
patterns, and several rules on one field, are expressions of their own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final

from bklog.query.fields import LOG
from bklog.query.masking import Masking, Replace, Rule, Shield

Bind = Callable[[str], str]
Step = Mapping[str, str]
HIDDEN: Final = "***"
JSON_STRING: Final = r'"(?:[^"\\]|\\.)*"'
JSON_NUMBER: Final = r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?"
# As the engine writes JSON: no blanks, a name with its colon.
JSON_TOKENS: Final = rf"{JSON_STRING}:?|{JSON_NUMBER}|true|false|null|[\[\]{{}},:]"
_LEAVES: Final = rf"{JSON_STRING}:?|{JSON_NUMBER}|true|false"
_DECODED: Final = "if(startsWith(t, '\"'), JSONExtractString(t), t)"


class _Tree:
    """Path -> node: a rule's own number where it hides all, from `root` on where it hides something below."""

    def __init__(self, paths: Mapping[str, int], root: int) -> None:
        self.root = root
        self.nodes: dict[str, int] = {}
        for path, place in paths.items():
            keys = path.split(".")
            for above in (".".join(keys[:end]) for end in range(1, len(keys))):
                self.nodes.setdefault(above, root + 1 + sum(node > root for node in self.nodes.values()))
            self.nodes[path] = place

    def hidden_below(self) -> list[list[int]]:
        """The rules below each node, from `root` on."""
        inner = ["", *(f"{path}." for path, node in self.nodes.items() if node > self.root)]
        hidden = {path: node for path, node in self.nodes.items() if node < self.root}
        return [[node for path, node in hidden.items() if path.startswith(above)] for above in inner]


class FieldRules:
    """The rules on fields whose values are hidden wherever a row repeats them: all but those on the line itself.

    `apply` writes a rule's expression around a text.
    """

    def __init__(self, masking: Masking, bind: Bind, apply: Callable[[Rule, str], str]) -> None:
        rules = {target: own for target, own in masking.by_field.items() if target != LOG}
        self._bind = bind
        self._apply = apply
        self._rules = tuple(rules.values())
        self._columns = {place: target.name for place, target in enumerate(rules, start=1) if not target.inside}
        paths = {target.name: place for place, target in enumerate(rules, start=1) if target.inside}
        self._tree = _Tree(paths, len(rules) + 1)
        self._depth = max((path.count(".") + 1 for path in paths), default=0)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def steps(self, name: str) -> tuple[Step, ...]:
        """SELECTs, each over the one before; the last has as `name` each (value, what stands for it), the longest first."""
        levels = [f"mask_level_{number}" for number in range(self._depth + 1)]
        start = ", ".join(f"(toUInt16({self._tree.root}), {document})" for document in ("toJSONString(fields)", "log"))
        steps = [{levels[0]: f"[{start}]"}] if self._depth else []
        steps += [{level: self._below(above)} for above, level in pairwise(levels)]
        found = f"arraySort(arrayDistinct(arrayFilter(p -> p.2 != '', arrayConcat({', '.join(self._found(levels[1:]))}))))"
        masked = f"arrayMap(p -> (p.2, {self._masked('p.1', 'p.2')}), mask_found)"
        return (*steps, {"mask_found": found}, {name: f"arraySort(p -> -length(p.1), arrayFilter(p -> p.1 != p.2, {masked}))"})

    def document(self, document: str) -> str:
        """A JSON object with every value at and below the paths masked, through arrays; an array in another is hidden."""
        return self._object(document, str(self._tree.root), self._depth) if self._depth else document

    def _below(self, level: str) -> str:
        """(node, JSON) of a level -> those below: of an object by its names, of an array in an array all hidden below."""
        each = "arrayMap(e -> (p.1, e), JSONExtractArrayRaw(p.2))"
        inner = f"arrayFilter(p -> p.1 >= {self._tree.root}, {level})"
        items = f"arrayFlatten(arrayMap(p -> if(startsWith(p.2, '['), {each}, [p]), {inner}))"
        named = f"arrayMap(kv -> ({self._child('p.1', 'kv.1')}, kv.2), JSONExtractKeysAndValuesRaw(p.2))"
        nested = f"arrayMap(c -> (toUInt16(c), p.2), {self._tree.hidden_below()}[p.1 - {self._tree.root - 1}])"
        return f"arrayFilter(p -> p.1 > 0, arrayFlatten(arrayMap(p -> if(startsWith(p.2, '['), {nested}, {named}), {items})))"

    def _child(self, node: str, name: str) -> str:
        """The node of a name below a node, 0 where no rule speaks of it; a name with dots in it is as many names."""
        paths = _array(self._bind(json.dumps([f".{path}" for path in self._tree.nodes])), "String")
        nodes = _array(self._bind(json.dumps(list(self._tree.nodes.values()))), "UInt16")
        above = "''" if node == str(self._tree.root) else f"transform({node}, {nodes}, {paths}, '')"
        return f"toUInt16(transform(concat({above}, '.', {name}), {paths}, {nodes}, 0))"

    def _found(self, levels: Iterable[str]) -> Iterable[str]:
        """(rule, value) of paths and of columns."""
        if self._depth:
            hidden = (f"arrayFilter(p -> p.1 < {self._tree.root}, {level})" for level in levels)
            values = f"arrayFilter(t -> NOT endsWith(t, ':'), extractAll(p.2, {self._bind(_LEAVES)}))"
            pairs = f"arrayMap(t -> (p.1, {_DECODED}), {values})"
            yield f"arrayFlatten(arrayMap(p -> {pairs}, arrayConcat({', '.join(hidden)})))"
        if self._columns:
            pairs = ", ".join(f"(toUInt16({place}), CAST(`{name}`, 'String'))" for place, name in self._columns.items())
            yield f"[{pairs}]"

    def _masked(self, place: str, value: str) -> str:
        """What stands for a value of a field: without a pattern by the numbers and marks of its only rule."""
        heads, tails, marks = zip(*(_kept(own[0].operator) for own in self._rules), strict=True)
        head, tail = f"{list(heads)}[{place}]", f"{list(tails)}[{place}]"
        mark = f"{_array(self._bind(json.dumps(marks)), 'String')}[{place}]"
        kept = f"concat(leftUTF8({value}, {head}), {mark}, rightUTF8({value}, {tail}))"
        plain = f"if({value} = '', '', if(lengthUTF8({value}) > {head} + {tail}, {kept}, {mark}))"
        others: dict[tuple[Rule, ...], list[int]] = {}
        for number, own in enumerate(self._rules, start=1):
            if len(own) > 1 or own[0].pattern:
                others.setdefault(own, []).append(number)
        branches = ", ".join(f"has({numbers}, {place}), {self._all(own, value)}" for own, numbers in others.items())
        return f"multiIf({branches}, {plain})" if branches else plain

    def _all(self, rules: Sequence[Rule], text: str) -> str:
        for rule in rules:
            text = self._apply(rule, text)
        return text

    def _object(self, document: str, node: str, depth: int) -> str:
        """`depth` is how many names there still can be; the names of the lambdas' arguments must differ from those around."""
        one = f"o{depth}"
        pairs = f"arrayMap(kv -> ({self._child(node, 'kv.1')}, kv.1, kv.2), JSONExtractKeysAndValuesRaw({document}))"
        value = self._value(f"{one}.3", f"{one}.1", depth)
        members = f"arrayMap({one} -> concat(toJSONString({one}.2), ':', {value}), {pairs})"
        return f"concat('{{', arrayStringConcat({members}, ','), '}}')"

    def _value(self, raw: str, node: str, depth: int) -> str:
        leaves = self._mask_leaves(raw, node)
        if depth == 1:
            return f"if({node} = 0, {raw}, {leaves})"
        item, items = f"e{depth}", f"m{depth}"
        inner = self._object(item, node, depth - 1)
        hidden = f"toJSONString({self._bind(HIDDEN)})"
        each = f"arrayMap({item} -> multiIf(startsWith({item}, '{{'), {inner}, startsWith({item}, '['), {hidden}, {item}), "
        each += f"if(startsWith({raw}, '['), JSONExtractArrayRaw({raw}), [{raw}]))"
        whole = f"if(startsWith({raw}, '['), concat('[', arrayStringConcat({items}, ','), ']'), {items}[1])"
        return f"multiIf({node} = 0, {raw}, {node} < {self._tree.root}, {leaves}, arrayMap({items} -> {whole}, [{each}])[1])"

    def _mask_leaves(self, document: str, place: str) -> str:
        """Every value in a JSON text, however deep; what a pattern leaves as it is keeps its type."""
        patterned = [number for number, own in enumerate(self._rules, start=1) if any(rule.pattern for rule in own)]
        value = f"toJSONString({self._masked(place, _DECODED)})"
        if patterned:
            same = f"has({patterned}, {place}) AND n = {_DECODED}"
            value = f"arrayMap(n -> if({same}, t, toJSONString(n)), [{self._masked(place, _DECODED)}])[1]"
        token = f"if(endsWith(t, ':') OR t IN ('null', '[', ']', '{{', '}}', ','), t, {value})"
        return f"arrayStringConcat(arrayMap(t -> {token}, extractAll({document}, {self._bind(JSON_TOKENS)})))"


def _kept(operator: Shield | Replace) -> tuple[int, int, str]:
    """A text instead of a value is a mark that keeps nothing of it."""
    return (operator.head, operator.tail, operator.mark) if isinstance(operator, Shield) else (0, 0, operator.text)


def _array(bound: str, kind: str) -> str:
    return f"JSONExtract({bound}, 'Array({kind})')"
