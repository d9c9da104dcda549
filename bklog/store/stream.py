"""Statement + Writing → the bytes of a file, as the engine writes them. A stream that did not end well never seems to have.

answer ─▶ chunks ─▶ the body's proper end? ─▶ no exception in its tail? ─▶ end of the iteration, else StoreError, Unavailable

Over HTTP the status is gone before the rows come: an engine that fails later breaks the body off, or ends it with a trailer
that has the tag of the answer's head.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping
from typing import Any, Final

from urllib3 import HTTPResponse
from urllib3.exceptions import HTTPError

from bklog.errors import BklogError
from bklog.records import Compression, Form, Limits, Writing

CHUNK_BYTES: Final = 1 << 20
TAIL_BYTES: Final = 64 << 10  # an exception's text is cut to 16 KiB by the engine
TAG_HEADER: Final = "x-clickhouse-exception-tag"
CODE: Final = re.compile(r"Code: (\d+)")
_JSON: Final = {  # also of the fields that stand as text in other forms
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_quote_denormals": 0,
    "output_format_json_escape_forward_slashes": 0,
}
CODECS: Final = {Compression.NONE: "none", Compression.GZIP: "gzip", Compression.ZSTD: "zstd"}
_SETTINGS: Final[Mapping[Form, Mapping[str, Any]]] = {
    Form.CSV: {"format_csv_delimiter": ",", "format_csv_null_representation": "", "output_format_csv_crlf_end_of_line": 0},
    Form.JSONL: {},
    Form.RAW: {"output_format_tsv_crlf_end_of_line": 0},
    # An index of pages holds places within the file, which change when files are put together.
    Form.PARQUET: {"output_format_parquet_string_as_string": 1, "output_format_parquet_write_page_index": 0},
}
Translate = Callable[[str, int], BklogError]


def format_name(writing: Writing) -> str:
    match writing.form:
        case Form.CSV:
            return "CSVWithNames" if writing.names else "CSV"
        case Form.JSONL:
            return "JSONEachRow"
        case Form.RAW:
            return "TSVRaw"
        case Form.PARQUET:
            return "Parquet"


def settings_of(writing: Writing, limits: Limits) -> dict[str, Any]:
    codec = {"output_format_parquet_compression_method": CODECS[writing.compression]}
    return {
        "max_execution_time": limits.seconds,
        "max_memory_usage": limits.memory_bytes,
        "max_result_rows": 0,  # the statement has its LIMIT; this setting would break the stream in the middle
        "wait_end_of_query": 0,
        "http_write_exception_in_output_format": 0,
        "date_time_output_format": "iso",
        **_JSON,
        **_SETTINGS[writing.form],
        **(codec if writing.form is Form.PARQUET else {}),
    }


def chunks(answer: HTTPResponse, translate: Translate) -> Generator[bytes]:
    """Raises what `translate` makes of the engine's text and code; code 0 stands for a stream that broke off."""
    tail = b""
    try:
        for chunk in answer.stream(CHUNK_BYTES):
            tail = (tail + chunk[-TAIL_BYTES:])[-TAIL_BYTES:]
            yield chunk
    except HTTPError as error:
        raise (_failure(answer, tail, translate) or translate(f"the answer broke off: {error}", 0)) from error
    finally:
        answer.close()
    if failure := _failure(answer, tail, translate):
        raise failure


def _failure(answer: HTTPResponse, tail: bytes, translate: Translate) -> BklogError | None:
    tag = answer.headers.get(TAG_HEADER, "")
    start = b"__exception__\r\n" + tag.encode() + b"\r\n"
    if not tag or start not in tail:
        return None
    text = tail.rpartition(start)[2].decode("utf-8", "replace").rpartition(tag)[0].strip()
    code = CODE.search(text)
    return translate(text, int(code[1]) if code else 1)
