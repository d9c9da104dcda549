"""Texts that are nearly queries, for property tests: characters that mean something, in any order."""

from __future__ import annotations

from hypothesis import strategies as st

MARKS = [
    *'()[]{}"/\\:*?~^+-!<>= ab1.&|',
    "AND",
    "OR",
    "NOT",
    "TO",
    "_exists_:",
    "日志",
    "\0",
    "😀",
    "x:",
    '"a b"~2',
    "^2",
    "：",
    "\\u4e2d",
]
SOUP = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.lists(st.sampled_from(MARKS), max_size=25).map("".join),
    st.lists(st.sampled_from(MARKS), max_size=12).map(" ".join),
)
