"""The example of docs/elasticsearch.md is answered as the page says; the page speaks of all that there is."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path

from bklog.elastic.aggregations import BUCKETS
from bklog.elastic.dsl import CLAUSES
from bklog.elastic.metrics import MEASURES
from bklog.elastic.search import search
from bklog.elastic.view import Index, Parts
from bklog.query import UNMASKED
from bklog.search.catalogue import FieldCatalogue
from tests.search.engine_store import LIMITS, EngineStore
from tests.search.test_analyses_page import TABLE, assert_shown, rows

PAGE = (Path(__file__).parents[2] / "docs" / "elasticsearch.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```json\nPOST /es/(\S+)/_search\n(.*?)```\n\n```json\n(.*?)```", PAGE, re.DOTALL)


def test_the_example_is_answered_as_the_page_says() -> None:
    ((name, asked, expected),) = EXAMPLES
    store = EngineStore()
    store.create_table(TABLE)
    store.insert(TABLE.name, list(rows()))
    parts = Parts(store, FieldCatalogue(store, LIMITS), LIMITS, datetime.now(UTC), time.monotonic() + 60)
    try:
        answer = search(json.loads(asked), {}, [name], lambda _: [Index(name, (TABLE,), UNMASKED, 1)], parts)
    finally:
        store.drop_table(TABLE)
    assert_shown(json.loads(expected), answer)


def test_the_page_speaks_of_what_there_is() -> None:
    missing = [name for name in (*CLAUSES, *BUCKETS, *MEASURES, "top_hits") if f"`{name}`" not in PAGE]
    assert missing == []
