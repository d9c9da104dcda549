"""Plan -> where a row shows why it matches: character offsets [start, end) in its raw line.

Words and wildcards are found here, over the page's rows only; the places of a regular expression come from the engine,
whose dialect is not Python's and which no expression can make slow.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from typing import Final

from bklog.query.fields import LOG
from bklog.query.plan import Contains, HasPattern, HasWords, NearWords, Plan, positive_leaves
from bklog.query.tree import Wild
from bklog.query.words import WORD_CHARACTERS

Offsets = list[tuple[int, int]]

MAX_OFFSETS: Final = 1_000  # of one row: a page is looked at by a person
# A wild mark is followed over this many characters of a word: without an end a long word would cost its square.
MAX_WILD: Final = 200
_INSIDE: Final = f"[{WORD_CHARACTERS}]"
_START: Final = f"(?<!{_INSIDE})"
_END: Final = f"(?!{_INSIDE})"
_SOME: Final = f"{_INSIDE}{{0,{MAX_WILD}}}?"


def compile_highlight(plan: Plan) -> re.Pattern[str] | None:
    """One expression for all words, wildcards and pieces of text that the query wants in the raw line."""
    leaves = [leaf for scan in plan.scans for leaf in positive_leaves(scan.predicate)]
    patterns = dict.fromkeys(
        pattern
        for leaf in leaves
        if isinstance(leaf, HasWords | NearWords | Contains | HasPattern) and leaf.target == LOG
        for pattern in _patterns(leaf)
    )
    return re.compile("|".join(patterns), re.ASCII) if patterns else None


def find_offsets(
    line: str, pattern: re.Pattern[str] | None, engine_places: Sequence[tuple[Sequence[int], Sequence[int]]]
) -> Offsets:
    """`engine_places` has, for each regular expression, the lengths of the gaps and of the hits, in turn."""
    found = [match.span() for match in islice(pattern.finditer(line), MAX_OFFSETS)] if pattern else []
    if not engine_places:
        return found  # as `re` finds them: in order, none in another
    for gaps, hits in engine_places:
        found += _offsets_of_hits(gaps, hits)
    return _joined(found)


def _patterns(leaf: HasWords | NearWords | Contains | HasPattern) -> list[str]:
    """In either case of their letters, for each piece to show: words that are near each other are shown wherever they stand."""
    match leaf:
        case NearWords(_, words):
            return [shown for word in words for shown in _word(word, f"{word[1:]}{_END}")]
        case HasWords(_, words):
            between = f"[^{WORD_CHARACTERS}]+"
            return _word(words[0], f"{between.join((words[0][1:], *words[1:]))}{_END}")
        case Contains(_, text):
            return [f"(?i:{re.escape(text)})"]
        case HasPattern(_, (str() as first, *others), True, to_end) if first:
            return _word(first, _wild((first[1:], *others), to_end=to_end))
        case HasPattern(_, pieces, from_start, to_end):
            return [f"(?i:{_START if from_start else ''}{_wild(pieces, to_end=to_end)})"]


def _word(word: str, rest: str) -> list[str]:
    """From the start of a word; `rest` is what follows its first letter.

    That letter stands first, once in each case: `re` skips to either of them. Looking back at every place took twice as long,
    and so did two words of which the case was left to `re`.
    """
    letters = {word[0].lower(), word[0].upper()} if word[0].isascii() else {word[0]}
    return [f"{re.escape(letter)}(?<!{_INSIDE}{re.escape(letter)})(?i:{rest})" for letter in sorted(letters)]


def _wild(pieces: tuple[str | Wild, ...], *, to_end: bool) -> str:
    """Each text between two `*` is taken at its first place for good (an atomic group): nothing is tried twice."""
    texts = [""]
    for piece in pieces:
        if piece is Wild.MANY:
            texts.append("")
        else:
            texts[-1] += _INSIDE if isinstance(piece, Wild) else re.escape(piece)
    *middle, last = texts
    whole = "".join(text if place == 0 else f"(?>{_SOME}{text})" for place, text in enumerate(middle))
    return whole + (_SOME if middle else "") + last + (_END if to_end else "")


def _offsets_of_hits(gaps: Sequence[int], hits: Sequence[int]) -> Offsets:
    """Where an expression matches nothing, gaps and hits do not alternate, and there is nothing to show."""
    if len(gaps) != len(hits) + 1:
        return []
    offsets: Offsets = []
    position = 0
    for gap, hit in zip(gaps[:MAX_OFFSETS], hits[:MAX_OFFSETS], strict=False):
        offsets.append((position + gap, position + gap + hit))
        position += gap + hit
    return [(start, end) for start, end in offsets if start < end]


def _joined(offsets: Offsets) -> Offsets:
    """In order, without overlaps."""
    joined: Offsets = []
    for start, end in sorted(offsets):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined[:MAX_OFFSETS]
