"""ServerConfig -> what the engine is opened with: its configuration file and the settings of every connection."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from bklog.errors import ConfigError

MEBIBYTE: Final = 1024 * 1024


def default_memory_bytes() -> int:
    """Half of the machine, 4 GiB at the most: other programs run beside the store."""
    return min(4096 * MEBIBYTE, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2)


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Raises ConfigError for a combination that must not start."""

    path: Path
    files: Path | None = None  # where statements may add to files, for workers on the same machine
    host: str = "127.0.0.1"
    port: int = 8123
    password: str = ""
    connections: int = 8  # SELECTs that run at once
    insert_connections: int = 4  # all else that runs at once, apart from SELECTs, so that neither waits for the other
    queue_length: int = 256  # statements of each kind that wait for a connection
    queue_seconds: float = 10.0
    query_seconds: float = 300.0  # a statement may set another max_execution_time
    memory_bytes: int = 0  # of the whole store; 0 means default_memory_bytes()
    max_body_bytes: int = 1024 * MEBIBYTE
    body_memory_bytes: int = 2048 * MEBIBYTE  # of all request bodies that are held at once
    idle_seconds: float = 60.0  # a client that neither sends nor reads for so long is dropped
    drain_seconds: float = 30.0  # how long inserts may run on after SIGTERM
    grace_seconds: float = 2.0  # how long SELECTs may

    def __post_init__(self) -> None:
        if not self.password and not is_loopback(self.host):
            raise ConfigError(
                f"the store would listen on {self.host} without a password",
                hint="set a password for the store, or let it listen on 127.0.0.1",
                code="store_password_missing",
            )
        if "?" in str(self.path) or not self.path.is_absolute():
            raise ConfigError(
                f"the store cannot use the folder {self.path}", hint="give an absolute path without ?", code="store_folder"
            )
        for name in ("connections", "insert_connections", "max_body_bytes", "body_memory_bytes"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}", hint=f"set {name} to 1 or more", code="store_limit")

    @property
    def engine_memory_bytes(self) -> int:
        return self.memory_bytes or default_memory_bytes()


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def engine_xml(config: ServerConfig) -> str:
    """Server-wide limits. Caches are small shares of the memory: a log store reads little but its newest marks twice.

    No system log table is named, so the engine writes none.
    """
    memory = config.engine_memory_bytes
    values = {
        "timezone": "UTC",
        "max_server_memory_usage": memory,
        "mark_cache_size": memory // 16,
        "primary_index_cache_size": memory // 16,
        "index_mark_cache_size": memory // 32,
        "text_index_tokens_cache_size": memory // 32,
        "text_index_header_cache_size": memory // 32,
        "text_index_postings_cache_size": memory // 32,
        "query_condition_cache_size": memory // 128,
        "compiled_expression_cache_size": 16 * MEBIBYTE,
        "vector_similarity_index_cache_size": MEBIBYTE,
        "parquet_metadata_cache_size": MEBIBYTE,
        "iceberg_metadata_files_cache_size": MEBIBYTE,
        "mmap_cache_size": 64,
        "background_pool_size": max(2, os.cpu_count() or 2),  # merges take cores from inserts: not more than there are
        "background_schedule_pool_size": 8,
        "background_common_pool_size": 2,
        "background_move_pool_size": 1,
        "background_fetches_pool_size": 1,
        "background_buffer_flush_schedule_pool_size": 1,
        "background_distributed_schedule_pool_size": 1,
        "background_message_broker_schedule_pool_size": 1,
    }
    lines = "".join(f"  <{name}>{escape(str(value))}</{name}>\n" for name, value in values.items())
    return f"<clickhouse>\n{lines}</clickhouse>\n"


def base_settings(config: ServerConfig) -> dict[str, str]:
    """Settings of every connection; a request may change them for itself."""
    return {
        "max_execution_time": f"{config.query_seconds:g}",
        "max_memory_usage": str(config.engine_memory_bytes * 3 // 4),
        "implicit_select": "0",
        # They would be read from the disk by every statement until the engine remembers them, five minutes after each merge.
        "use_statistics": "0",
        "use_statistics_for_part_pruning": "0",
        "allow_introspection_functions": "0",
        # Bodies are read through /proc/self/fd/N, and N comes back with other bytes.
        "schema_inference_use_cache_for_file": "0",
        "use_cache_for_count_from_files": "0",
        "optimize_count_from_files": "0",
    }
