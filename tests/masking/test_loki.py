"""What an index set hides, asked for in the words of Loki."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client

from tests.masking.reader import Reader
from tests.masking.shapes import LINES, NAME, PHONE, found_in

LOGQL_STAGES = [
    "",
    '|= "call"',
    "| json",
    "| logfmt",
    "| regexp `(?P<all>.*)`",
    '| json | line_format "{{.user_phone}} {{.card}} {{__line__}}"',
    "| keep message, user_phone, user_name, card, pin, note, orders_iban, text",
]
LOGQL_LABELS = ("user_phone", "user_name", "card", "pin", "note", "orders_iban", "user_phone_deep_deeper", "message", "text")
LOGQL_METRICS = [
    f'sum by ({", ".join(LOGQL_LABELS)}) (count_over_time({{index_set="secrets"}} [1d]))',
    f'sum by ({", ".join(LOGQL_LABELS[:4])}) (count_over_time({{index_set="secrets"}} | json | __error__="" [1d]))',
]


def asked_by_loki(reader: Reader, path: str, **given: str) -> Any:
    return Client().get(f"/loki/api/v1/{path}", given, headers=reader.headers)


@pytest.mark.parametrize("stages", LOGQL_STAGES)
def test_no_line_for_a_client_of_loki_tells_a_secret(reader: Reader, stages: str) -> None:
    answer = asked_by_loki(reader, "query_range", query=f'{{index_set="secrets"}} {stages}', limit="5000")
    assert answer.status_code == 200, answer.content
    assert answer.json()["data"]["result"]
    assert found_in(answer.content) == []


@pytest.mark.parametrize("query", LOGQL_METRICS)
def test_no_metric_tells_a_secret(reader: Reader, query: str) -> None:
    answer = asked_by_loki(reader, "query", query=query)
    assert answer.status_code == 200, answer.content
    assert found_in(answer.content) == []


def test_no_label_tells_a_secret(reader: Reader) -> None:
    for label in LOGQL_LABELS[:3]:
        answer = asked_by_loki(reader, f"label/{label}/values", query='{index_set="secrets"}')
        assert answer.status_code == 200, answer.content
        assert found_in(answer.content) == [], label
        answer = asked_by_loki(reader, f"detected_field/{label}/values", query='{index_set="secrets"} | json')
        assert answer.status_code == 200, answer.content
        assert found_in(answer.content) == [], label
    for path in ("labels", "series", "detected_labels", "detected_fields", "index/volume", "index/stats"):
        answer = asked_by_loki(reader, path, query='{index_set="secrets"}', **{"match[]": '{index_set="secrets"}'})
        assert answer.status_code == 200, answer.content
        assert found_in(answer.content) == [], path


def test_no_condition_of_logql_tells_whether_a_secret_is_there(reader: Reader) -> None:
    def count(stages: str) -> int:
        query = f'sum(count_over_time({{index_set="secrets"}} {stages} [1d]))'
        result = asked_by_loki(reader, "query", query=query).json()["data"]["result"]
        return int(result[0]["value"][1]) if result else 0

    secrets = (PHONE, NAME)
    wholes = [json.dumps(secret, ensure_ascii=False) for secret in secrets]
    either = "|".join(map(re.escape, secrets))
    assert count("") == 2 * len(LINES)
    assert count(f"!= {wholes[0]} != {wholes[1]}") == 2 * len(LINES)
    assert count(f"|= {wholes[0]}") == 0
    assert count(f"|~ {json.dumps(either, ensure_ascii=False)}") == 0
    assert count(f"| regexp `(?P<all>.*)` | all=~{json.dumps(f'.*({either}).*', ensure_ascii=False)}") == 0


@pytest.mark.parametrize("matcher", ['user_phone=~"138.*"', 'user_name!="x"', 'pin="739"'])
def test_a_matcher_on_a_masked_field_is_refused(reader: Reader, matcher: str) -> None:
    refused = asked_by_loki(reader, "query_range", query=f'{{index_set="secrets", {matcher}}}')
    assert refused.status_code == 403
    assert "is masked: rows cannot be found by it" in refused.content.decode()
