"""5,000 generated queries find the same rows with an index, without it, and by the evaluator that reads lines one by one.

    chance ─▶ tree ─┬─ written ─▶ text ─ parse, plan, render ─▶ 50 searches in one statement ─▶ rows of each table
                    └─ reference: each row, in plain Python ──────────────────────────────────▶ the same rows

The tree is the generator's own: what the parser reads of the text must be this tree, and then the rows must be its rows.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from clickhouse_connect.driver.binding import bind_query

from bklog.query import UNMASKED, Query, TableFields, parse, plan_page, render
from bklog.query.tree import And, Node, Not, Or
from bklog.records import TimeRange
from bklog.store import LogTable
from bklog.store.schema import create_log_table
from tests.search.conftest import RANGE
from tests.search.engine_store import EngineStore
from tests.search.generated import Source, Writer, a_query
from tests.search.lines import LOGHUB, LONG, START, STEP, TYPES, few_texts, rows
from tests.search.reference import matches

QUERIES = 5_000
QUICK = 200  # of them, in `make test FAST=1`
SEED = 20260101
TOGETHER = 50
WHOLE_EVERY = 5  # one part in five also goes over the lines of 1 MB, and to the table with the other kind of index
GRANULE_ROWS = 32  # so that an index has something to pass over in a small table
TABLES = {kind: LogTable(f"few_{kind}", 3_650, kind, TYPES) for kind in ("full", "bloom", "none")}
PATHS = frozenset(
    {"size", "http.method", "http.ratio", "mixed", "tags", "日志", "odd`na\\me", "with space", "^a", "message", "service"}
)


@pytest.fixture(scope="module")
def few() -> list[dict[str, Any]]:
    if not LOGHUB.is_dir():
        pytest.skip(f"{LOGHUB} is not there: the search tests need real log lines")
    return list(rows(few_texts()))


@pytest.fixture(scope="module")
def engine(few: list[dict[str, Any]]) -> Iterator[EngineStore]:
    store = EngineStore()
    for table in TABLES.values():
        (ddl,) = create_log_table(table, store.layout)
        store.connection.query(ddl.replace("\nSETTINGS ", f"\nSETTINGS index_granularity = {GRANULE_ROWS}, "), "Null")
        for start in range(0, len(few), 150):
            store.insert(table.name, few[start : start + 150])
            if start == 150:
                store.connection.query(f"OPTIMIZE TABLE {store.table(table.name)} FINAL", "Null")
    yield store
    for table in TABLES.values():
        store.drop_table(table)


class Reference:
    """Rows as the bits of a number; what a leaf finds is kept, as many queries have the same one."""

    def __init__(self, stored: Sequence[dict[str, Any]]) -> None:
        self.stored = stored
        self.all = (1 << len(stored)) - 1
        self.known: dict[Node, int] = {}

    def find(self, node: Node) -> int:
        match node:
            case Not(inner):
                return self.all & ~self.find(inner)
            case And(nodes):
                found = self.all
                for inner in nodes:
                    found &= self.find(inner)
                return found
            case Or(nodes):
                found = 0
                for inner in nodes:
                    found |= self.find(inner)
                return found
        if node not in self.known:
            self.known[node] = sum(1 << place for place, row in enumerate(self.stored) if matches(node, row))
        return self.known[node]


@dataclass(frozen=True)
class Span:
    """The rows of a part: all of them, or those before the lines of 1 MB."""

    time_range: TimeRange
    reference: Reference


def spans(few: Sequence[dict[str, Any]]) -> tuple[Span, Span]:
    count = len(few) - len(LONG)
    before = count - count % 2  # two rows have the same moment
    short = TimeRange(RANGE.start, START + STEP * before)
    return Span(RANGE, Reference(few)), Span(short, Reference(few[:before]))


def generate(few: Sequence[dict[str, Any]]) -> list[tuple[str, Node]]:
    chance = random.Random(SEED)
    source, writer = Source(chance, few), Writer(chance)
    trees = [a_query(source) for _ in range(QUERIES)]
    return [(writer.write(tree), tree) for tree in trees]


class Searches:
    """The statements of many searches, as the product makes them, put together into one for the engine."""

    def __init__(self, texts: Sequence[str], time_range: TimeRange, table: LogTable, engine: EngineStore) -> None:
        known = TableFields(engine.table(table.name), TYPES, PATHS)
        self.table = known.table
        self.engine = engine
        self.last = time_range.end.strftime("%Y-%m-%d %H:%M:%S.%f")
        self.texts: list[str] = []
        self.values: dict[str, Any] = {}
        for number, text in enumerate(texts):
            plan = plan_page(
                parse(text), tables=[known], time_range=time_range, limit=10_000, cursor=None, fields=["host"], masking=UNMASKED
            )
            statement = render(plan)
            self.texts.append(re.sub(r"\{p(\d+):", rf"{{q{number}p\1:", statement.text))
            self.values |= {f"q{number}{name}": value for name, value in statement.params.items()}

    def pages(self) -> list[int]:
        """Each statement whole, with its WHERE for the index and its order."""
        parts = [f"SELECT {place} AS place, groupArray(row) AS found FROM ({text})" for place, text in enumerate(self.texts)]
        found = dict(self._run(" UNION ALL ".join(parts)))
        return [bits(found[place]) for place in range(len(self.texts))]

    def scan(self) -> list[int]:
        """Each condition asked of every row in one pass: no index and no order can stand in between."""
        conditions = [text.split(" WHERE ", 1)[1].rsplit(" ORDER BY ", 1)[0] for text in self.texts]
        columns = ", ".join(f"groupArrayIf(row, {one})" for one in conditions)
        (found,) = self._run(f"SELECT {columns} FROM {self.table} WHERE time < toDateTime64('{self.last}', 9, 'UTC')")
        return [bits(rows) for rows in found]

    def explained(self) -> str:
        return "\n".join(line for (line,) in self._run(f"EXPLAIN indexes = 1 {self.texts[0]}"))

    def _run(self, text: str) -> list[Any]:
        bound_text, bound = bind_query(text, self.values)
        params = {name.removeprefix("param_"): value for name, value in bound.items()}
        answer = self.engine.connection.query(str(bound_text), "JSONCompactEachRow", params=params).bytes()
        return [json.loads(line) for line in answer.splitlines()]


def found_by_all(texts: Sequence[str], span: Span, engine: EngineStore, *, with_bloom: bool) -> dict[str, list[int]]:
    full, bloom, none = (Searches(texts, span.time_range, TABLES[kind], engine) for kind in ("full", "bloom", "none"))
    return {"full": full.pages(), "none": none.scan()} | ({"bloom": bloom.pages()} if with_bloom else {})


def check(cases: Sequence[tuple[str, Node]], engine: EngineStore, few: Sequence[dict[str, Any]]) -> int:
    """How many of the queries tell rows apart. The engine works on the next part while Python reads lines for this one."""
    whole, short = spans(few)
    parts = [cases[start : start + TOGETHER] for start in range(0, len(cases), TOGETHER)]
    chosen = [short if place % WHOLE_EVERY else whole for place in range(len(parts))]
    with ThreadPoolExecutor(1) as pool:
        answers = [
            pool.submit(found_by_all, [text for text, _ in part], span, engine, with_bloom=span is whole)
            for part, span in zip(parts, chosen, strict=True)
        ]
        try:
            together = zip(parts, answers, chosen, strict=True)
            return sum(compare(part, answer.result, span.reference) for part, answer, span in together)
        finally:
            pool.shutdown(cancel_futures=True)


def compare(part: Sequence[tuple[str, Node]], answer: Callable[[], dict[str, list[int]]], reference: Reference) -> int:
    for text, tree in part:
        assert parse(text) == Query(tree), text
    expected = [reference.find(tree) for _, tree in part]
    for kind, found in answer().items():
        for (text, _), is_found, wanted in zip(part, found, expected, strict=True):
            assert is_found == wanted, f"{kind} differs in rows {places(is_found ^ wanted)} for {text!r}"
    return sum(0 < wanted < reference.all for wanted in expected)


def bits(found: Sequence[int]) -> int:
    assert len(set(found)) == len(found), "a row is found twice"
    return sum(1 << place for place in found)


def places(bitmap: int) -> list[int]:
    return [place for place in range(bitmap.bit_length()) if bitmap >> place & 1]


def test_only_the_tables_with_an_index_are_read_through_it(engine: EngineStore) -> None:
    explained = {kind: Searches(["needle"], RANGE, table, engine).explained() for kind, table in TABLES.items()}
    assert {kind: "Name: words" in text for kind, text in explained.items()} == {"full": True, "bloom": True, "none": False}


@pytest.mark.smoke
def test_a_share_of_the_generated_queries_finds_the_same_rows_by_all(engine: EngineStore, few: list[dict[str, Any]]) -> None:
    assert check(generate(few)[:QUICK], engine, few) > QUICK // 2, "the queries are to tell rows apart"


def test_all_other_generated_queries_find_the_same_rows_by_all(engine: EngineStore, few: list[dict[str, Any]]) -> None:
    cases = generate(few)
    telling = check(cases[QUICK:], engine, few)
    print(f"{len(cases)} queries over {len(few)} rows; of the last {len(cases) - QUICK}, {telling} tell rows apart")
    assert len(cases) == QUERIES
    assert telling > (QUERIES - QUICK) // 2, "the queries are to tell rows apart"
