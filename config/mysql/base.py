"""Django's backend for MySQL and MariaDB → the same, whose tables compare text byte by byte, as SQLite and PostgreSQL do.

The servers' own default takes `Shop`, `shop` and `shóp` for one name, so that a collector or a token of another database
could not be brought here, and a unique name would refuse what elsewhere is free. Lookups that ignore case say so.
"""

from __future__ import annotations

from typing import Any, Final

from django.db.backends.mysql import base, operations, schema

# Both without padding: to the older binary collations `a` and `a ` are one name.
_COLLATION_OF_MARIADB: Final = "utf8mb4_nopad_bin"
_COLLATION_OF_MYSQL: Final = "utf8mb4_0900_bin"
_IGNORING_CASE: Final = frozenset({"iexact", "icontains", "istartswith", "iendswith"})


class SchemaEditor(schema.DatabaseSchemaEditor):
    """Names the collation with each table, because the database may have been made with another."""

    def table_sql(self, model: Any) -> tuple[str, list[Any]]:
        sql, params = super().table_sql(model)
        collation = _COLLATION_OF_MARIADB if self.connection.mysql_is_mariadb else _COLLATION_OF_MYSQL
        return f"{sql} ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {collation}", params


class Operations(operations.DatabaseOperations):
    def lookup_cast(self, lookup_type: str, internal_type: str | None = None) -> str:
        column = super().lookup_cast(lookup_type, internal_type)
        return f"UPPER({column})" if lookup_type in _IGNORING_CASE else column


class DatabaseWrapper(base.DatabaseWrapper):
    SchemaEditorClass = SchemaEditor
    ops_class = Operations
    operators = base.DatabaseWrapper.operators | dict.fromkeys(_IGNORING_CASE, "LIKE UPPER(%s)")
    pattern_ops = base.DatabaseWrapper.pattern_ops | {
        "icontains": "LIKE CONCAT('%%', UPPER({}), '%%')",
        "istartswith": "LIKE CONCAT(UPPER({}), '%%')",
        "iendswith": "LIKE CONCAT('%%', UPPER({}))",
    }
