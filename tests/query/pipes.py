"""Pipes of the language, for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from bklog.query import Query
from bklog.query.pipe.groups import named_groups
from bklog.query.pipe.steps import (
    Among,
    Bucket,
    Compared,
    Condition,
    Dedup,
    Extract,
    Figure,
    Has,
    Histogram,
    Name,
    Number,
    Opposite,
    Piped,
    Show,
    Sort,
    SortKey,
    Stats,
    Take,
    Text,
    Top,
    Where,
    both,
    either,
)
from bklog.query.scanner import has_unopened_bracket
from bklog.query.tree import Regex
from tests.query.trees import NODES, anything, patterns, texts

names = st.builds(Name, st.one_of(st.sampled_from(["host", "user.name", "by", "count", "日志", "a-b"]), texts))
floats = st.floats(-1e9, 1e9, width=32).map(lambda value: round(value, 6)).filter(lambda value: "e" not in repr(value))
numbers = st.builds(Number, st.one_of(st.integers(-(2**63), 2**63 - 1), floats))
constants = st.one_of(numbers, st.builds(Text, anything))
regexes = st.builds(Regex, patterns)
buckets = st.builds(Bucket, st.sampled_from(["auto", "500ms", "1m", "1h", "1M"]))
figures = st.one_of(
    st.builds(Figure, st.just("count"), st.none(), st.none(), st.one_of(st.none(), names)),
    st.builds(
        Figure,
        st.sampled_from(["count", "distinct", "sum", "avg", "min", "max", "median"]),
        names,
        st.none(),
        st.one_of(st.none(), names),
    ),
    st.builds(Figure, st.just("percentile"), names, st.sampled_from([0.0, 50.0, 99.9, 100.0]), st.none()),
)
comparisons: st.SearchStrategy[Condition] = st.one_of(
    st.builds(Compared, names, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), st.one_of(constants, names)),
    st.builds(Compared, names, st.just("contains"), st.builds(Text, anything)),
    st.builds(Compared, names, st.sampled_from(["=~", "!~"]), regexes),
    st.builds(Among, names, st.lists(constants, min_size=1, max_size=3).map(tuple)),
    st.builds(Has, names),
)
conditions: st.SearchStrategy[Condition] = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.builds(Opposite, inner),
        st.lists(inner, min_size=2, max_size=3).map(both),
        st.lists(inner, min_size=2, max_size=3).map(either),
    ),
    max_leaves=6,
)
extracts = st.builds(
    Extract,
    st.builds(lambda text: Regex(f"(?<x>{text})"), patterns).filter(
        lambda one: named_groups(one.pattern)[1] == ("x",) and not has_unopened_bracket(one.pattern)
    ),
    st.one_of(st.none(), names),
)


def several(one: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(one, min_size=1, max_size=3).map(tuple)


steps = st.one_of(
    st.builds(Stats, several(figures), st.one_of(st.just(()), several(st.one_of(names, buckets)))),
    st.builds(Histogram, buckets, st.one_of(st.just(()), several(names))),
    st.builds(Top, st.integers(1, 10_000), several(names)),
    st.builds(Sort, several(st.builds(SortKey, names, st.booleans()))),
    st.builds(Take, st.integers(1, 10_000)),
    st.builds(Show, several(names)),
    st.builds(Dedup, several(names)),
    st.builds(Where, conditions),
    extracts,
)
PIPED: st.SearchStrategy[Piped] = st.builds(Piped, st.builds(Query, NODES), st.lists(steps, max_size=4).map(tuple))
