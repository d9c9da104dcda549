"""Every stable code that an operation of the document may answer → its HTTP status, of a few codes one of two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_BY_STATUS: Final[Mapping[int, tuple[str, ...]]] = {
    400: (
        "agent_path", "agent_rule", "bad_regex", "bad_value", "before", "block", "clean_rule", "clean_template", "client_task",
        "collector",
        "condition", "cursor", "drain", "empty_index_set", "export_request", "favourite", "format_type", "hours",
        "index_set", "index_set_id", "ingest_token", "interval", "limit", "masking", "no_collector", "no_json",
        "no_mail_server", "no_part", "no_text", "nothing_to_change", "nul", "password", "percentiles",
        "permissions", "preferences", "roles", "sign_in", "token_name", "user", "pipe_not_here", "pipeline_state",
        "query_syntax", "query_too_large", "reason", "row_identity", "scope", "search_request", "search_too_long",
        "several_stores", "sql_error", "sql_refused", "store", "time_range", "time_syntax", "unknown_field", "zone",
        "illegal_argument_exception", "parsing_exception", "too_many_buckets_exception",
    ),
    401: ("session_ended", "sign_in_wrong", "token_missing", "token_wrong"),
    403: (
        "csrf", "favourite_owner", "field_masked", "link_owner", "link_wrong", "no_session", "password_wrong",
        "permission_missing", "role_missing", "search_blocked", "sign_in_off",
    ),
    404: (
        "export_file_missing", "no_block", "no_client_task", "no_collector", "no_export", "no_favourite", "no_history",
        "no_index_set", "no_link", "no_path", "no_pipeline_run", "no_template", "no_token", "no_user", "no_version",
        "row_not_found",
        "index_not_found_exception", "search_context_missing_exception",
    ),
    409: (
        "client_task_exists", "client_task_state", "collector_busy", "collector_deleting", "collector_exists",
        "collector_state", "export_state", "favourite_exists", "index_set_exists", "last_admin", "last_index_set", "masking",
        "own_index_set", "pipeline_running", "pipeline_state", "search_cancelled", "step_not_skippable",
        "template_exists", "token_exists", "user_exists", "too_many_blocks", "too_many_favourites", "too_many_links",
        "too_many_templates", "too_many_tokens",
    ),
    410: ("export_expired", "link_expired"),
    413: ("body_too_large", "download_too_large"),
    429: ("exports_waiting", "search_queue", "sign_ins", "space_busy", "store_overloaded"),
    500: ("objects_not_set",),
    502: ("store_error", "table_gone"),
    503: (
        "database_busy", "database_down", "disk_full", "objects_unavailable", "store_down", "unavailable",
        "unknown_store",
    ),
    504: ("search_timeout",),
    507: ("search_too_large",),
}  # fmt: skip
STATUSES: Final[Mapping[str, tuple[int, ...]]] = {
    code: tuple(status for status, codes in _BY_STATUS.items() if code in codes)
    for codes in _BY_STATUS.values()
    for code in codes
}
EVERYWHERE: Final = (
    "token_missing", "token_wrong", "session_ended", "csrf", "role_missing", "database_busy", "database_down", "unavailable",
)  # fmt: skip
BODY: Final = ("no_json", "body_too_large")
KEPT: Final = (*BODY, "nul")  # of a body that is kept
STORE: Final = ("store_error", "table_gone", "store_overloaded", "store_down", "disk_full", "unknown_store")
QUERY: Final = (
    *BODY, *STORE, "pipe_not_here",
    "no_index_set", "search_request", "limit", "time_syntax", "time_range", "query_syntax", "query_too_large",
    "unknown_field", "bad_value", "bad_regex", "condition", "field_masked", "permission_missing", "empty_index_set",
    "search_timeout", "search_too_large", "several_stores", "search_blocked", "search_cancelled", "search_queue", "space_busy",
)  # fmt: skip
PAGE: Final = ("limit", "before")
