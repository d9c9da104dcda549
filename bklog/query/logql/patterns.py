"""The texts of `regexp`, `pattern` and the templates of `line_format`: what is captured, and what is filled in."""

from __future__ import annotations

import re
from typing import Final

from bklog.query.logql.reader import Reader
from bklog.query.logql.tree import Groups, Placed, Template

MAX_CAPTURES: Final = 64
# What opens a group, outside of what is escaped or stands in brackets.
_REGEX_PART: Final = re.compile(
    r"\\Q.*?(?:\\E|\Z)|\\.|\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]|\(\?P?<(\w+)>|\(\?|\(", re.DOTALL
)
_CAPTURE: Final = re.compile(r"<([A-Za-z_][A-Za-z0-9_]*)>")
_ACTION: Final = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_LABEL: Final = re.compile(r"-?\s*\.([A-Za-z_][A-Za-z0-9_]*)\s*-?", re.ASCII)


def regexp_groups(reader: Reader) -> Groups:
    text = reader.string()
    parts = [match for match in _REGEX_PART.finditer(text) if match[0].startswith("(") and (match[0] != "(?" or match[1])]
    names = tuple(match[1] or "" for match in parts)
    if not any(names):
        raise reader.refuse("at least one named capture must be supplied", "write (?P<name>…)")
    if len(names) > MAX_CAPTURES:
        raise reader.refuse(f"{len(names)} captures; at most {MAX_CAPTURES} are possible")
    _unique(reader, names)
    return Groups("regexp", text, text, names)


def pattern_groups(reader: Reader) -> Groups:
    """Each capture reaches to the next text, or where that does not come, to the end."""
    text = reader.string()
    pieces = _CAPTURE.split(text)
    literals, names = pieces[::2], tuple("" if name == "_" else name for name in pieces[1::2])
    if not any(names):
        raise reader.refuse("at least one capture is required", "write <name>; <_> captures nothing")
    if len(names) > MAX_CAPTURES:
        raise reader.refuse(f"{len(names)} captures; at most {MAX_CAPTURES} are possible")
    if not all(literals[1:-1]):
        raise reader.refuse("found consecutive capture", "put a text between two captures")
    _unique(reader, names)
    return Groups("pattern", text, f"(?s)^{re.escape(literals[0])}{_captures(literals[1:])}", names)


def _captures(literals: list[str]) -> str:
    following, *others = literals
    if not following:
        return "(.*)"
    rest = _captures(others) if others else ""
    return f"(.*?)(?:{re.escape(following)}{rest}|\\z)"


def _unique(reader: Reader, names: tuple[str, ...]) -> None:
    named = [name for name in names if name]
    if len(set(named)) < len(named):
        raise reader.refuse("duplicate extracted label name")


def template(reader: Reader) -> Template:
    """Raises LogqlSyntax for what is more than texts and labels."""
    start = reader.token
    pieces: list[str | Placed] = []
    for place, piece in enumerate(_ACTION.split(start.text if start.kind == "STRING" else "")):
        if place % 2 == 0:
            pieces += [piece] if piece else []
            continue
        label = _LABEL.fullmatch(piece.strip())
        if label is None and piece.strip() != "__line__":
            raise reader.unsupported(f"{{{{{piece}}}}} in a template", "write {{.label}} or {{__line__}}")
        pieces.append(Placed(label[1] if label else ""))
    written = reader.string()
    if any("{{" in piece or "}}" in piece for piece in pieces if isinstance(piece, str)):
        raise reader.refuse("a template is not closed", "write {{.label}}")
    return Template(written, tuple(pieces))
