"""A text that was read -> what in it is perhaps meant in another way: habits from other languages that are plain words here.

Only what stands outside quotes and expressions is looked at; nothing is changed, each note proposes an edit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from bklog.errors import Edit, Span
from bklog.query.repair import apply, readable
from bklog.query.tree import Note, Query, Term, Wildcard, Word, leaves, quote

_SMALL: Final = re.compile(r"(?:and|or|not)\Z")
# status>=400, status >= 400 and status = 400: at the sign's left what a field is called like.
_COMPARED: Final = re.compile(
    r"(?<![^\s(])([A-Za-z_][\w.@-]{0,63})[ ]{0,3}(>=|<=|==|!=|=|>|<)[ ]{0,3}([\w.+-]{1,64})(?=[\s)]|\Z)", re.ASCII
)
_WIDE: Final = str.maketrans("：（）“”＊？！", ':()""*?!')
_WIDE_SIGN: Final = re.compile("[：（）“”＊？！]")
_SINGLE: Final = re.compile(r"(?<![^\s(:])'([^'\"\\]{1,200})'(?=[\s)]|\Z)")


def suspicions(text: str, query: Query) -> tuple[Note, ...]:
    bare = [
        leaf.span
        for leaf, _ in leaves(query.node)
        if isinstance(leaf, Term) and leaf.field is None and isinstance(leaf.value, Word | Wildcard)
    ]
    starts = {place for span in bare for place in range(span.start, span.end)}
    found = [*_small_operators(text, bare), *_comparisons(text, starts), *_wide_signs(text, bare), *_single(text, starts)]
    return tuple(sorted(found, key=lambda note: note.span.start))


def _small_operators(text: str, bare: list[Span]) -> Iterator[Note]:
    for span in bare:
        word = text[span.start : span.end]
        if _SMALL.match(word):
            edit = Edit(span.start, span.end, word.upper())
            yield Note(f"{word} in small letters is a word to find; the operator is {word.upper()}", span, edit)


def _comparisons(text: str, bare: set[int]) -> Iterator[Note]:
    for found in _COMPARED.finditer(text):
        if not {found.start(1), found.end(2) - 1, found.start(3)} <= bare:  # != begins with the sign of a NOT
            continue
        name, sign, value = found.groups()
        operator = {"=": ":", "==": ":", "!=": ":"}.get(sign, f":{sign}")
        meant = f"{'NOT ' if sign == '!=' else ''}{name}{operator}{value}"
        edit = Edit(found.start(), found.end(), meant)
        yield Note(f"{found[0]} is text to find; a field is compared with {meant}", Span(*found.span()), edit)


def _wide_signs(text: str, bare: list[Span]) -> Iterator[Note]:
    """One note for all of them: brackets and quotes come in pairs."""
    wide = [span for span in bare if _WIDE_SIGN.search(text, span.start, span.end)]
    if wide:
        first, last = wide[0].start, wide[-1].end
        meant = list(text)
        for span in wide:
            meant[span.start : span.end] = text[span.start : span.end].translate(_WIDE)
        edit = Edit(first, last, "".join(meant[first:last]))
        yield Note("full-width signs are text to find; what the language reads are ASCII signs", Span(first, last), edit)


def _single(text: str, bare: set[int]) -> Iterator[Note]:
    for found in _SINGLE.finditer(text):
        if " " in found[1] and found.start() in bare:
            edit = Edit(found.start(), found.end(), quote(found[1]))
            yield Note("single quotes are characters to find; a phrase stands in double quotes", Span(*found.span()), edit)


def proposed(text: str, note: Note) -> str:
    """The whole text as it was perhaps meant; empty where that cannot be read."""
    return readable(apply(text, note.edit)) if note.edit else ""
