"""The examples of docs/long-searches.md, as they stand there."""

from __future__ import annotations

import json
import re
from pathlib import Path

from django.test import Client

from tests.saved.site import Person

PAGE = (Path(__file__).parents[2] / "docs" / "long-searches.md").read_text()


def test_the_examples(ann: Person, operator: Person, shop: int) -> None:
    budget, rows, counted, stop, block = (json.loads(one) for one in re.findall(r"```json\n(.*?)\n```", PAGE, flags=re.DOTALL))
    path = f"index_set/{shop}/search/"
    assert ann.post(path, budget)["statistics"]["complete"] is True
    headers = {**ann.headers, "Accept": "application/x-ndjson"}
    answer = Client().post(f"/api/v1/search/{path}", json.dumps(rows), "application/json", headers=headers)
    events = [json.loads(line) for line in answer.getvalue().splitlines()]
    assert [next(iter(event)) for event in events] == ["rows", "result"]
    histogram = f"/api/v1/search/index_set/{shop}/aggs/date_histogram/"
    answer = Client().post(histogram, json.dumps(counted), "application/json", headers=headers)
    (event,) = [json.loads(line) for line in answer.getvalue().splitlines()]
    assert event["result"]["statistics"]["complete"] is True
    assert event["result"]["missing"]["count"] == event["result"]["total"] > 0
    assert ann.post("cancel/", stop) == {"cancelled": False}
    assert operator.post("block/", block)["pattern"] == block["pattern"]
    assert ann.refused("POST", path, {"query": "/.*x/"}) == (403, "search_blocked")
