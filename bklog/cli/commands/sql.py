"""bklog sql"""

from __future__ import annotations

import click

from bklog.cli.index_set import Asking, of_index_set
from bklog.cli.table import print_table, table_lines
from bklog.cli.written import as_json


@click.command()
@click.argument("statement")
@click.option("--query", default="*", show_default=True, help="The rows that the table logs holds.")
@click.option("--limit", type=int, default=1_000, show_default=True, help="Most rows to print.")
@of_index_set
def sql(*, statement: str, query: str, limit: int, asking: Asking) -> None:
    """Run one SELECT over the log lines, which are the table logs.

    Columns of logs: time, host, path, stream, level, log, parse_error, and fields with its paths (fields.status).
    """
    answer = asking.ask("sql", {"sql": statement, "query": query, "limit": limit})
    if asking.as_json:
        click.echo(as_json(answer))
        return
    print_table(answer, table_lines(answer, as_json=False))
