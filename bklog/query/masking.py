"""JSON -> Masking: what of an index set's rows is hidden from whoever may not see raw values; `masked` makes SQL of it.

{"field": "user.phone", "operator": "shield", "head": 3, "tail": 4}      a field, and its value wherever the row repeats it
{"pattern": "1[3-9][0-9]{9}", "operator": "replace", "text": "<phone>"}  what an expression finds, in every text of the row
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, TypeAlias

from bklog.errors import BadRequest
from bklog.query.fields import COLUMN_KINDS, PREFIX, Kind, Target

MAX_RULES: Final = 50  # each is read for every row that leaves
MAX_PATTERN_CHARACTERS: Final = 500
MAX_TEXT_CHARACTERS: Final = 200
MAX_MARK_CHARACTERS: Final = 20
MAX_FIELD_CHARACTERS: Final = 200
MAX_DEPTH: Final = 10
MAX_KEPT: Final = 100
COVERED_COLUMNS: Final = tuple(name for name, kind in COLUMN_KINDS.items() if kind is not Kind.TIME)


@dataclass(frozen=True, slots=True)
class Shield:
    """Keeps `head` first and `tail` last characters around `mark`, which never tells how much it stands for.

    A value that is no longer than both together is hidden whole.
    """

    head: int = 0
    tail: int = 0
    mark: str = "***"

    def __post_init__(self) -> None:
        for name, count in (("head", self.head), ("tail", self.tail)):
            if type(count) is not int or not 0 <= count <= MAX_KEPT:
                raise _refuse(f"{name} is {_shown(count)}", f"{name} is a number of characters from 0 to {MAX_KEPT}")
        _require_text("mark", self.mark, least=1, most=MAX_MARK_CHARACTERS)


@dataclass(frozen=True, slots=True)
class Replace:
    r"""Puts `text` instead; with a pattern, `\1` in it is what the pattern's first group found."""

    text: str = ""

    def __post_init__(self) -> None:
        _require_text("text", self.text, least=0, most=MAX_TEXT_CHARACTERS)


Operator: TypeAlias = Shield | Replace
OPERATORS: Final[Mapping[str, type[Operator]]] = {"shield": Shield, "replace": Replace}


@dataclass(frozen=True, slots=True)
class Rule:
    """`field` is a column, or a path of `fields` with all below it; `pattern` is RE2. Both: the pattern, in that field."""

    operator: Operator
    field: str = ""
    pattern: str = ""

    def __post_init__(self) -> None:
        if not self.field and not self.pattern:
            raise _refuse("a rule names neither field nor pattern", "say what is hidden: a field, a pattern, or both")
        _require_text("pattern", self.pattern, least=0, most=MAX_PATTERN_CHARACTERS)
        _require_field(self.field)

    @property
    def target(self) -> Target:
        """The column, or the path of `fields`, that `field` means; as in a query a column's name comes first."""
        if self.field in COLUMN_KINDS:
            return Target(self.field, COLUMN_KINDS[self.field])
        return Target(self.field.removeprefix(PREFIX), Kind.DYNAMIC, inside=True)

    @classmethod
    def from_dict(cls, raw: object) -> Rule:
        if not isinstance(raw, Mapping):
            raise _refuse(f"a rule is {_shown(raw)}", 'a rule is an object such as {"field": "phone", "operator": "shield"}')
        kind = OPERATORS.get(raw["operator"]) if isinstance(raw.get("operator"), str) else None
        if kind is None:
            raise _refuse(f"operator is {_shown(raw.get('operator'))}", f"operator is one of: {', '.join(OPERATORS)}")
        own = [one.name for one in fields(kind)]
        known = ["field", "pattern", "operator", *own]
        if unknown := sorted(str(name) for name in set(raw) - set(known)):
            raise _refuse(f"a rule has {unknown[0]!r}", f"a {raw['operator']} rule has: {', '.join(known)}")
        operator = kind(**{name: raw[name] for name in own if name in raw})
        return cls(operator, field=raw.get("field", ""), pattern=raw.get("pattern", ""))

    def as_dict(self) -> dict[str, Any]:
        name = next(name for name, kind in OPERATORS.items() if isinstance(self.operator, kind))
        found = {"field": self.field, "pattern": self.pattern}
        own = {one.name: getattr(self.operator, one.name) for one in fields(self.operator)}
        return {**{name: text for name, text in found.items() if text}, "operator": name, **own}


@dataclass(frozen=True, slots=True)
class Masking:
    """Rules in their order: first those of fields, then the patterns over every text. Raises BadRequest (`masking`)."""

    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        if len(self.rules) > MAX_RULES:
            raise _refuse(f"there are {len(self.rules)} rules", f"an index set has at most {MAX_RULES}")
        targets = list(self.by_field)
        for place, one in enumerate(targets):
            for other in targets[place + 1 :]:
                if _overlap(one, other):
                    raise _refuse(
                        f"the fields {one.name} and {other.name} overlap", "a rule covers all below its field: keep one"
                    )

    def __bool__(self) -> bool:
        return bool(self.rules)

    @property
    def by_field(self) -> dict[Target, tuple[Rule, ...]]:
        found: dict[Target, tuple[Rule, ...]] = {}
        for rule in self.rules:
            if rule.field:
                found[rule.target] = (*found.get(rule.target, ()), rule)
        return found

    @property
    def everywhere(self) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.rules if not rule.field)

    def covers(self, target: Target) -> bool:
        """A rule hides this field, all of it or a part."""
        return any(_overlap(target, own) for own in self.by_field)

    @classmethod
    def from_list(cls, raw: object) -> Masking:
        if not isinstance(raw, list):
            raise _refuse(f"rules is {_shown(raw)}", "rules is a list of objects")
        return cls(tuple(Rule.from_dict(one) for one in raw))

    def as_list(self) -> list[dict[str, Any]]:
        return [rule.as_dict() for rule in self.rules]


UNMASKED: Final = Masking()


def _overlap(one: Target, other: Target) -> bool:
    if one.inside != other.inside:
        return False
    if not one.inside:
        return one.name == other.name
    return f"{one.name}.".startswith(f"{other.name}.") or f"{other.name}.".startswith(f"{one.name}.")


def _require_field(name: object) -> None:
    _require_text("field", name, least=0, most=MAX_FIELD_CHARACTERS)
    path = str(name).removeprefix(PREFIX)
    if COLUMN_KINDS.get(path) is Kind.TIME and path == name:
        raise _refuse(f"field is {name}", "a row's time is what orders it; mask another field")
    if "*" in path:
        raise _refuse(f"field is {_shown(name)}", "a field has no wildcards: it covers all below it, as user covers user.phone")
    if name and not all(path.split(".")):
        raise _refuse(f"field is {_shown(name)}", "a path is names with dots between them, such as user.phone")
    if path.count(".") >= MAX_DEPTH:
        raise _refuse(f"field is {_shown(name)}", f"a path has at most {MAX_DEPTH} names")


def _require_text(name: str, value: object, *, least: int, most: int) -> None:
    if not isinstance(value, str) or not least <= len(value) <= most or "\0" in value:
        raise _refuse(f"{name} is {_shown(value)}", f"{name} is a text of {least} to {most} characters without NUL")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise _refuse(f"{name} is {_shown(value)}", f"{name} holds half a character")


def _shown(value: object) -> str:
    shown = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return shown if len(shown) <= 80 else f"{shown[:80]}…"


def _refuse(message: str, hint: str) -> BadRequest:
    return BadRequest(f"masking: {message}", hint=hint, code="masking")
