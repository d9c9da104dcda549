"""Tokens of a client's statement -> nothing, or a refusal: what reaches outside the store does not pass.

The embedded engine has no users to take rights from, and its file, network and program access is that of this process. So this
server lets through what it knows: statements by their first words, table functions, engines and databases by name (the engine
lists all it has; those outside the lists here are refused, also those that a later engine adds), `SYSTEM` by its second words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from bklog.errors import StoreError
from bklog.store.server.errors import Code, refusal
from bklog.store.server.statements import Data, Kind, Scan, Token, lex

STATEMENTS: Final = frozenset((
    "SELECT", "WITH", "FROM", "INSERT", "SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN", "CHECK", "CREATE", "ALTER",
    "DROP", "UNDROP", "TRUNCATE", "RENAME", "EXCHANGE", "OPTIMIZE", "DELETE", "UPDATE", "KILL", "SET", "USE", "SYSTEM",
))  # fmt: skip
REFUSED_STATEMENTS: Final = frozenset((
    "ATTACH", "DETACH", "BACKUP", "RESTORE", "GRANT", "REVOKE", "EXECUTE", "MOVE", "BEGIN", "COMMIT", "ROLLBACK",
    "WATCH", "EXPORT", "IMPORT", "COPY", "CALL", "INSTALL", "LOAD",
))  # fmt: skip
CREATES: Final = frozenset({"TABLE", "VIEW", "MATERIALIZED", "DATABASE", "TEMPORARY"})
ALTERS: Final = frozenset({"TABLE", "TEMPORARY", "DATABASE"})
SYSTEMS: Final = frozenset(
    {
        "FLUSH LOGS",
        "STOP MERGES",
        "START MERGES",
        "STOP TTL",
        "START TTL",
        "JEMALLOC PURGE",
        "SYNC FILE",
        "WAIT LOADING",
    }
)
TABLE_FUNCTIONS: Final = frozenset((
    "numbers", "numbers_mt", "zeros", "zeros_mt", "primes", "generaterandom", "generateseries", "generate_series",
    "values", "sqlstandardvalues", "null", "view", "viewifpermitted", "merge", "format", "mergetreeindex",
    "mergetreeprojection", "mergetreetextindex", "mergetreeanalyzeindexes", "mergetreeanalyzeindexesuuid",
    "mergetreecodecblockcounts", "dictionary", "loop", "input", "timeseriesselector", "timeseriesmetricfamilies",
    "timeseriestags", "timeseriessamples", "timeseriesmetrics", "timeseriesdata",
))  # fmt: skip
ENGINES: Final = frozenset(
    {"view", "materializedview", "memory", "null", "log", "tinylog", "stripelog", "set", "join", "buffer", "merge"}
    | {"generaterandom", "atomic", "alias"}
)
# Scalar functions that read files or call services, and the disk of a table's settings.
FUNCTIONS: Final = frozenset({"file", "disk", "catboostevaluate", "showcertificate", "eval"})
# Settings that name files, addresses, or SQL that this guard does not see; `dialect` changes the language itself.
SETTINGS: Final = frozenset((
    "dialect", "additional_table_filters", "additional_result_filter", "parallel_replicas_custom_key", "url_base",
    "format_schema", "format_schema_source", "output_format_schema", "format_template_resultset", "format_template_row",
    "format_avro_schema_registry_url", "input_format_record_errors_file_path", "rename_files_after_processing",
    "dynamic_disk_allow_from_env", "dynamic_disk_allow_include", "dynamic_disk_allow_from_zk", "filesystem_cache_name",
    "s3_allow_server_credentials_in_user_queries", "allow_settings_after_format_in_insert",
))  # fmt: skip
_ESCAPES: Final = re.compile(rb"\\([^'\\nt])")


@dataclass(frozen=True, slots=True)
class Outside:
    """Names, in lower case, that this engine has and that a client may not use."""

    functions: frozenset[str]
    engines: frozenset[str]
    anywhere: re.Pattern[bytes]  # finds any of the functions in bytes that were not read as SQL


def outside(*, table_functions: Iterable[str], ai_functions: Iterable[str], engines: Iterable[str]) -> Outside:
    """From the engine's own lists (`system.table_functions`, `system.functions`, `system.*_engines`)."""
    functions = (
        ({name.lower() for name in table_functions} - TABLE_FUNCTIONS) | {name.lower() for name in ai_functions} | FUNCTIONS
    )
    barred = {name.lower() for name in engines if not name.endswith("MergeTree")} - ENGINES
    names = "|".join(sorted(map(re.escape, functions), key=len, reverse=True))
    anywhere = re.compile(rf"(?i)(?<![0-9a-z_])(?:{names})(?![0-9a-z_])".encode())
    return Outside(frozenset(functions), frozenset(barred), anywhere)


def check(scan: Scan, barred: Outside) -> None:
    """Raises StoreError (ACCESS_DENIED) naming what the statement may not use."""
    if scan.kind is Kind.EMPTY:
        return
    _check_statement(scan.tokens)
    _check_names(scan.tokens, barred)
    if scan.data and scan.data.call:
        _check_structure(scan.data.call.argument, barred)


def check_settings(names: Iterable[str]) -> None:
    """Settings that came beside the statement."""
    for name in names:
        if name.lower() in SETTINGS:
            raise _denied(f"the setting {name}")


def values_need_literals(data: Data, rows: bytes, barred: Outside) -> bool:
    """Whether rows of `VALUES` hold a call that is barred, or what cannot be told: then they are read as literals only."""
    escaped_name = b"\\" in rows and (b"`" in rows or b'"' in rows)
    if not data.is_values or not (escaped_name or barred.anywhere.search(rows)):
        return False
    try:
        _check_names(list(lex(rows)), barred)
    except StoreError:
        return True
    return False


def _check_statement(tokens: Sequence[Token]) -> None:
    words = [token.upper for token in tokens[:6]]
    first, second = words[0], " ".join(words[1:2])
    if first in REFUSED_STATEMENTS:
        raise _denied(f"the statement {first}")
    if first not in STATEMENTS and tokens[0].text != b"(":
        text = tokens[0].text.decode("utf-8", "replace")
        raise refusal(
            Code.SYNTAX_ERROR,
            f"Syntax error: failed at position {tokens[0].start + 1} ({text}): no statement begins so",
        )
    if first == "SYSTEM" and not _is_harmless_system(words):
        raise _denied(f"SYSTEM {' '.join(words[1:3])}")
    if first == "CREATE":
        kind = words[3] if words[1:3] == ["OR", "REPLACE"] else second
        _check_member(kind, CREATES, f"CREATE {kind}")
    if first == "ALTER":
        _check_member(second, ALTERS, f"ALTER {second}")


def _is_harmless_system(words: Sequence[str]) -> bool:
    """Caches may be dropped, merges stopped; nothing that listens, ends or restarts."""
    return " ".join(words[1:3]) in SYSTEMS or (words[1:2] in (["DROP"], ["CLEAR"]) and "CACHE" in words)


def _check_member(word: str, allowed: frozenset[str], what: str) -> None:
    if word not in allowed:
        raise _denied(what)


def _check_names(tokens: Sequence[Token], barred: Outside) -> None:
    creates = bool(tokens) and tokens[0].upper == "CREATE"
    for index, token in enumerate(tokens):
        following = tokens[index + 1] if index + 1 < len(tokens) else None
        if token.kind in {"word", "quoted"}:
            _check_name(token, following, barred)
        if token.upper in {"INFILE", "OUTFILE"} and index and tokens[index - 1].upper in {"FROM", "INTO"}:
            raise _denied(f"{tokens[index - 1].upper} {token.upper}")
        if token.upper == "PARALLEL" and following is not None and following.upper == "WITH":
            raise _denied("PARALLEL WITH")
        if creates and token.upper == "ENGINE":
            _check_engine(tokens[index + 1 : index + 3], barred)


def _check_name(token: Token, following: Token | None, barred: Outside) -> None:
    if following is None:
        return
    name = _name(token)
    called = following.text == b"("
    if called and (name in barred.functions or "\\" in name):
        raise _denied(f"the function {name}()")
    if following.text == b"=" and (name in SETTINGS or name == "log_comment" or "\\" in name):
        raise _denied(f"the setting {name} inside a statement")


def _check_engine(after: Sequence[Token], barred: Outside) -> None:
    named = after[1:2] if after and after[0].text == b"=" else after[:1]
    for token in named:
        name = _name(token)
        if name in barred.engines or "\\" in name:
            raise _denied(f"the engine {name}")


def _check_structure(literal: bytes, barred: Outside) -> None:
    """The structure given to `input()` is SQL in a string: types, and the defaults that the engine would run."""
    if _ESCAPES.search(literal):
        raise _denied("an escape inside the structure of input()")
    inner = re.sub(rb"\\(.)", rb"\1", literal[1:-1].replace(b"''", b"'"))
    _check_names(list(lex(inner)), barred)


def _name(token: Token) -> str:
    text = token.text[1:-1] if token.kind == "quoted" else token.text
    return text.decode("utf-8", "replace").lower()


def _denied(what: str) -> StoreError:
    return refusal(
        Code.ACCESS_DENIED, f"{what} reaches outside the store or changes how it runs; this server does not pass it on"
    )
