"""What may be shown of a value."""

from __future__ import annotations

import pytest

from config.mask import MASK, shown
from config.table import Value


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("BKLOG_SECRET_KEY", "abc", MASK),
        pytest.param("BKLOG_SECRET_KEY", "", "", id="no secret is shown as none"),
        ("BKLOG_MQ_PASSWORD", "abc", MASK),
        ("BKLOG_DATABASE_URL", "postgresql://u:p@h:5432/n", f"postgresql://u:{MASK}@h:5432/n"),
        ("BKLOG_DATABASE_URL", "mysql://u:p@ss/w:rd@h/n", f"mysql://u:{MASK}@h/n"),
        ("BKLOG_DATABASE_URL", "sqlite:////srv/a.db", "sqlite:////srv/a.db"),
        ("BKLOG_DATABASE_URL", "postgresql://u@h/n?password=p&x=1", f"postgresql://u@h/n?password={MASK}&x=1"),
        ("BKLOG_MQ_URL", "redis://:p@h:1/0", f"redis://:{MASK}@h:1/0"),
        ("BKLOG_MQ_URL", "amqp://a:1@x//;amqp://b:2@y//", f"amqp://a:{MASK}@x//;amqp://b:{MASK}@y//"),
        ("BKLOG_MQ_URL", "redis://h:6379/0", "redis://h:6379/0"),
        ("BKLOG_STORE_URL", "clickhouse://u:p@h:8123/db?cluster=c", f"clickhouse://u:{MASK}@h:8123/db?cluster=c"),
        ("BKLOG_STORE_URL", "chdb://", "chdb://"),
        (
            "BKLOG_STORES",
            ("a=clickhouse://u:p@h/db", "b=clickhouse://h"),
            [f"a=clickhouse://u:{MASK}@h/db", "b=clickhouse://h"],
        ),
        ("BKLOG_PORT", 8000, 8000),
        ("BKLOG_AUTH_METHODS", ("token",), ["token"]),
    ],
)
def test_secrets_are_hidden_and_nothing_else(name: str, value: Value, expected: object) -> None:
    assert shown(name, value) == expected
