"""Trees of the language, for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from bklog.query.parser import MAX_SLOP
from bklog.query.scanner import has_unopened_bracket
from bklog.query.tree import (
    Bound,
    Everything,
    Exists,
    Near,
    Node,
    Not,
    Phrase,
    Range,
    Regex,
    Term,
    Wild,
    Wildcard,
    Word,
    all_of,
    any_of,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
names = texts.filter(lambda name: name != "_exists_")
pieces = (
    st.lists(st.one_of(texts, st.sampled_from(Wild)), min_size=1, max_size=5)
    .map(lambda items: [item for place, item in enumerate(items) if place == 0 or type(item) is not type(items[place - 1])])
    .filter(lambda items: any(isinstance(item, Wild) for item in items) and items != [Wild.MANY])
    .map(tuple)
)
of_patterns = [
    st.sampled_from(["/", "\\\\", r"\d", r"\.", "[a-z]", ".*", "\n", " ", "(x|y)"]),
    texts.map(lambda t: t.replace("\\", "")),
]
patterns = (
    st.lists(st.one_of(of_patterns), min_size=1).map("".join).filter(lambda text: bool(text) and not has_unopened_bracket(text))
)
bounds = st.builds(Bound, anything, st.booleans())
ranges = st.one_of(st.builds(Range, bounds, bounds), st.builds(Range, bounds, st.none()), st.builds(Range, st.none(), bounds))
nears = st.builds(Near, anything, st.integers(1, MAX_SLOP))
bare = st.one_of(
    st.builds(Word, texts), st.builds(Phrase, anything), st.builds(Wildcard, pieces), st.builds(Regex, patterns), nears
)
terms = st.one_of(
    st.builds(Term, bare),
    st.builds(Term, st.one_of(bare, ranges), names),
    st.builds(Exists, names),
    st.just(Everything()),
)
NODES: st.SearchStrategy[Node] = st.recursive(
    terms,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.lists(inner, min_size=2, max_size=4).map(all_of),
        st.lists(inner, min_size=2, max_size=4).map(any_of),
    ),
    max_leaves=12,
)
