"""areas ─▶ the OpenAPI 3.1 document, which is served, printed by `bklog openapi`, and made types of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from bklog import __version__
from bklog.openapi.codes import STATUSES
from bklog.openapi.operation import JSON, Answer, Area, Example, Operation, Parameter
from bklog.openapi.schema import ID, Schema, ref, text
from bklog.registry import Registry

# Paths that are others' APIs, or no API of ours to generate clients of: they have pages of their own.
ELSEWHERE: Final[Mapping[str, str]] = {
    "es": "docs/elasticsearch.md",
    "loki/": "docs/loki.md",
    "ready": "docs/loki.md",
    "metrics": "docs/metrics.md",
    **dict.fromkeys(("search", "sign-in", "link/", "collect", "operate", "page/"), "docs/page.md"),
}
PATH_VALUES: Final[Mapping[str, Schema]] = {
    "token": text(pattern="^[-a-zA-Z0-9_]+$", minLength=1),
    "name": text(minLength=1, maxLength=64, pattern="^[a-z0-9][a-z0-9._@-]*$"),
    "task_id": text(minLength=1, maxLength=100, pattern="^[A-Za-z0-9][A-Za-z0-9._:@-]*$"),
}
# In paths; an id is 1.
OF_EXAMPLES: Final[Mapping[str, Any]] = {
    "task_id": "shop-20261120-17",
    "token": "q7x2",
    "entry_id": 1,
    "block_id": 1,
    "number": 1,
    "name": "li",
}
ABOUT: Final = (
    'Everything of BK-LOG\'s own API. Failures have one shape, `{"error": {code, message, hint, …}}`: each operation names the '
    "codes that it answers, which stay; `message` and `hint` are for people. The pages of `docs/` say what things mean."
)


@lru_cache(maxsize=1)
def areas() -> Mapping[str, Area]:
    return dict(Registry("bklog.openapi.areas", "AREA", Area).items())


@lru_cache(maxsize=1)
def document() -> Mapping[str, Any]:
    """Built once a process. It is not to be changed."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "BK-LOG", "version": __version__, "description": ABOUT},
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "tags": [{"name": name, "description": area.summary} for name, area in areas().items()],
        "paths": _paths(),
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "`bklog token NAME` makes one"}},
            "schemas": _schemas(),
        },
    }


@lru_cache(maxsize=1)
def _schemas() -> Mapping[str, Schema]:
    found: dict[str, Schema] = {}
    for area in areas().values():
        if twice := found.keys() & area.schemas.keys():
            raise ValueError(f"two areas have a schema {min(twice)}")
        found.update(area.schemas)
    return found


def _paths() -> dict[str, dict[str, Any]]:
    paths: dict[str, dict[str, Any]] = {}
    for tag, area in areas().items():
        for one in area.operations:
            item = paths.setdefault(one.path, _path_values(one.path))
            if one.method.lower() in item:
                raise ValueError(f"two areas have {one.method} {one.path}")
            item[one.method.lower()] = _operation(one, tag)
    return paths


def path_names(path: str) -> list[str]:
    return [piece.partition("}")[0] for piece in path.split("{")[1:]]


def _path_values(path: str) -> dict[str, Any]:
    values = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": PATH_VALUES.get(name, ID),
            "example": OF_EXAMPLES.get(name, 1),
        }
        for name in path_names(path)
    ]
    return {"parameters": values} if values else {}


def _operation(one: Operation, tag: str) -> dict[str, Any]:
    shown: dict[str, Any] = {"operationId": one.name, "tags": [tag], "summary": one.summary}
    if one.about:
        shown["description"] = one.about
    if one.query:
        shown["parameters"] = [_query_value(value, one) for value in one.query]
    if one.body is not None:
        examples = {named(number): example(given) for number, given in enumerate(one.examples) if given.body is not None}
        shown["requestBody"] = {
            "required": _needs_body(one.body),
            "content": {JSON: {"schema": one.body, "examples": examples}},
        }
    if not one.needs_token:
        shown["security"] = []
    return {**shown, "responses": dict(_answers(one, areas()[tag].failure))}


def _needs_body(schema: Schema) -> bool:
    """An empty body is an empty object."""
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    return bool((_schemas()[name] if name else schema).get("required"))


def named(number: int) -> str:
    return f"example_{number + 1}"


def example(given: Example) -> dict[str, Any]:
    answered = f" (answered with {given.status})" if given.status else ""
    return {"summary": f"{given.summary}{answered}", "value": given.body}


def _query_value(value: Parameter, of: Operation) -> dict[str, Any]:
    given = {named(number): one.query[value.name] for number, one in enumerate(of.examples) if value.name in one.query}
    shown = {"name": value.name, "in": "query", "description": value.summary, "schema": value.schema}
    return shown | ({"examples": {name: {"value": content} for name, content in given.items()}} if given else {})


def _answers(one: Operation, failure: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for status, answer in one.answers.items():
        yield str(status), _answer(answer, _shown(one, status, first=status == min(one.answers)))
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys(one.all_codes):
        for status in STATUSES[code]:
            by_status.setdefault(status, []).append(code)
    for status in sorted(by_status.keys() - one.answers.keys()):
        yield str(status), _failure(status, sorted(by_status[status]), _shown(one, status, first=False), failure)


def _shown(one: Operation, status: int, *, first: bool) -> dict[str, Any]:
    found = enumerate(one.examples)
    return {
        named(number): {"summary": given.summary, "value": given.shown}
        for number, given in found
        if given.shown is not None and (given.status == status or (first and given.status is None))
    }


def _answer(answer: Answer, examples: Mapping[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"description": answer.summary}
    if answer.schema is not None:
        content = {"schema": answer.schema} | ({"examples": examples} if examples else {})
        shown["content"] = dict.fromkeys(answer.media, content)
    if answer.headers:
        shown["headers"] = {name: {"schema": schema} for name, schema in answer.headers.items()}
    return shown


def _failure(status: int, codes: list[str], examples: Mapping[str, Any], shape: str) -> dict[str, Any]:
    """`code` is one of the operation's; what else an error has, the schema of the area's failures says."""
    schema = {"allOf": [ref(shape), {"properties": {"error": {"properties": {"code": {"enum": codes}}}}}]}
    content = {"schema": schema} | ({"examples": examples} if examples else {})
    shown: dict[str, Any] = {"description": ", ".join(codes), "content": {JSON: content}}
    if status in (429, 503):
        shown["headers"] = {"Retry-After": {"schema": {"type": "string", "pattern": "^[0-9]+$"}, "required": True}}
    return shown
