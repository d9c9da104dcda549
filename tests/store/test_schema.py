"""The DDL is the engine's own: it parses for a cluster, and makes working tables on a single node."""

from __future__ import annotations

import pytest

from bklog.store import LogTable
from bklog.store.migrations import MIGRATIONS, create_record
from bklog.store.schema import Layout, create_database, create_log_table, drop_table
from tests.engine import ENGINE

TYPES = {"status": "int", "user.name": "keyword", "ok": "bool", "load": "float", "note": "string"}
CLUSTER = Layout(database="logs", cluster="main")


def every_statement(layout: Layout) -> list[str]:
    tables = [LogTable("c1_nginx", 30, index=index, types=TYPES) for index in ("full", "bloom", "none")]
    return [
        create_database(layout),
        create_record(layout),
        *[statement for table in tables for statement in create_log_table(table, layout)],
        *[statement for step in MIGRATIONS for statement in step.statements(layout)],
        *drop_table("c1_nginx", layout),
    ]


@pytest.mark.parametrize("statement", every_statement(CLUSTER))
def test_the_engine_parses_the_ddl_of_a_cluster(statement: str) -> None:
    ENGINE.run(f"EXPLAIN AST {statement}")
    assert " ON CLUSTER `main`" in statement


def test_a_cluster_has_a_replicated_table_and_a_distributed_one_that_keeps_a_batch_on_one_shard() -> None:
    local, distributed = create_log_table(LogTable("c1_nginx", 30), CLUSTER)
    assert "`logs`.`c1_nginx_local`" in local
    assert "ENGINE = ReplicatedMergeTree(" in local
    assert "ENGINE = Distributed(`main`, `logs`, `c1_nginx_local`, cityHash64(batch))" in distributed


def test_a_single_node_runs_every_statement_twice() -> None:
    layout = Layout(database="schema_test")
    for statement in every_statement(layout) * 2:
        ENGINE.run(statement)
    tables = {row["name"] for row in ENGINE.rows("SELECT name FROM system.tables WHERE database = 'schema_test'")}
    assert tables == {"schema_migrations", "rejects", "ledger", "ledger_hours"}
    ENGINE.run("DROP DATABASE schema_test SYNC")


@pytest.mark.parametrize("name", ["", "C1", "a-b", "a`b", "1a", "a.b", "a" * 64])
def test_a_table_name_that_would_need_quoting_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no table name"):
        LogTable(name, 30)
