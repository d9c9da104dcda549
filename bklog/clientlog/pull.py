"""Outside service -> pages of tasks -> submitted; ended tasks -> reported back. Each may be repeated without harm.

    GET  url?cursor=C&limit=100  ◀── {"tasks": [{"task_id": …, "url" | "object_key": …}], "cursor": "…", "more": true}
    POST report_url              ──▶ {"task_id": …, "state": "success" | "failed", "code": …, "reason": …, …}

The cursor is kept after the page's tasks are: a page that is read twice makes no task twice.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import urllib3
from django.utils import timezone

from bklog.clientlog import actions
from bklog.clientlog.models import ClientTask, PullPlace
from bklog.clientlog.submission import Submission
from bklog.errors import BadRequest, BklogError, Conflict, Unavailable

logger = logging.getLogger("bklog.clientlog")
PAGE: Final = 100
MOST_PAGES: Final = 50  # a run; the next one goes on
PAGE_BYTES: Final = 10 << 20
MOST_REPORTS: Final = 200
TIMEOUT: Final = urllib3.Timeout(connect=5.0, read=20.0)
ORIGIN: Final = "pull"


@dataclass(frozen=True, slots=True)
class Service:
    """The addresses are the operator's own, so they may be private ones. `report_url` may be empty."""

    url: str
    token: str
    report_url: str = ""

    @property
    def url_hash(self) -> str:
        return hashlib.sha256(self.url.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Page:
    tasks: tuple[Any, ...]
    cursor: str
    more: bool


@dataclass(frozen=True, slots=True)
class Pulled:
    created: int
    known: int
    refused: int


def pull(service: Service, send: actions.Send) -> Pulled:
    """Raises Unavailable and BadRequest where the service does not answer as it should; what was read stays read."""
    place, _ = PullPlace.objects.get_or_create(url_hash=service.url_hash)
    with urllib3.PoolManager(timeout=TIMEOUT, retries=False) as http:
        try:
            outcomes = [outcome for page in _pages(http, service, place) for outcome in _take(page, place, send)]
        except BklogError as error:
            PullPlace.objects.filter(pk=place.pk).update(problem=error.message)
            raise
    PullPlace.objects.filter(pk=place.pk).update(problem="", read_at=timezone.now())
    return Pulled(outcomes.count("created"), outcomes.count("known"), outcomes.count("refused"))


def _pages(http: urllib3.PoolManager, service: Service, place: PullPlace) -> Iterator[Page]:
    for _ in range(MOST_PAGES):
        page = read_page(_ask(http, service, place.cursor))
        yield page
        if not page.more:
            return


def _ask(http: urllib3.PoolManager, service: Service, cursor: str) -> bytes:
    fields = {"limit": str(PAGE), **({"cursor": cursor} if cursor else {})}
    try:
        answer = http.request(
            "GET", service.url, fields=fields, headers=_headers(service), redirect=False, preload_content=False
        )
        body = answer.read(PAGE_BYTES + 1)
        answer.release_conn()
    except urllib3.exceptions.HTTPError as error:
        raise Unavailable(f"the service of client logs does not answer: {error}", code="pull_failed") from error
    if answer.status != 200:
        raise Unavailable(
            f"the service of client logs answers {answer.status}", hint="see BKLOG_CLIENTLOG_PULL_URL", code="pull_failed"
        )
    if len(body) > PAGE_BYTES:
        raise BadRequest("a page of client logs is too large", hint=f"at most {PAGE_BYTES} bytes", code="pull_page")
    return bytes(body)


def read_page(body: bytes) -> Page:
    """Raises BadRequest (`pull_page`) for another shape than docs/clientlog.md describes."""
    try:
        given = json.loads(body)
        tasks, cursor, more = given["tasks"], given.get("cursor", ""), given.get("more", False)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _no_page(f"{type(error).__name__}: {error}") from error
    if not isinstance(tasks, list) or not isinstance(cursor, str) or not isinstance(more, bool) or (more and not cursor):
        raise _no_page("tasks is a list, cursor a string, more true or false, and true only with a cursor")
    return Page(tuple(tasks), cursor, more)


def _no_page(reason: str) -> BklogError:
    return BadRequest(f"the service of client logs answers no page: {reason}", hint="see docs/clientlog.md", code="pull_page")


def _take(page: Page, place: PullPlace, send: actions.Send) -> Iterator[str]:
    for raw in page.tasks:
        yield _submit(raw, send)
    if page.cursor:
        place.cursor = page.cursor
        PullPlace.objects.filter(pk=place.pk).update(cursor=page.cursor)


def _submit(raw: Any, send: actions.Send) -> str:
    """A task that cannot be taken does not hold up the others: it is logged."""
    try:
        if not isinstance(raw, Mapping):
            raise BadRequest("a task is no object", hint="see docs/clientlog.md", code="client_task")  # noqa: TRY301
        _, created = actions.submit(Submission.from_dict(raw), origin=ORIGIN, send=send)
    except (BadRequest, Conflict) as error:
        said = {"code": error.stable_code, "reason": error.message, "given": repr(raw)[:500]}
        logger.warning("a client log that the service named cannot be taken", extra=said)
        return "refused"
    return "created" if created else "known"


def report(service: Service) -> int:
    """Tells of each task that ended. Raises Unavailable at the first that cannot be told: the rest is told next time."""
    waiting = ClientTask.objects.filter(
        origin=ORIGIN, reported_at=None, state__in=(ClientTask.State.SUCCESS, ClientTask.State.FAILED)
    )
    told = 0
    with urllib3.PoolManager(timeout=TIMEOUT, retries=False) as http:
        for task in waiting.order_by("finished_at")[:MOST_REPORTS]:
            _tell(http, service, task)
            ClientTask.objects.filter(pk=task.pk).update(reported_at=timezone.now())
            told += 1
    return told


def _tell(http: urllib3.PoolManager, service: Service, task: ClientTask) -> None:
    said = {name: getattr(task, name) for name in ("task_id", "state", "code", "reason", "file_count", "line_count")}
    try:
        answer = http.request("POST", service.report_url, json=said, headers=_headers(service), redirect=False)
    except urllib3.exceptions.HTTPError as error:
        raise Unavailable(f"the service of client logs takes no report: {error}", code="report_failed") from error
    if not 200 <= answer.status < 300:
        hint = "see BKLOG_CLIENTLOG_REPORT_URL"
        raise Unavailable(f"the service of client logs answers a report with {answer.status}", hint=hint, code="report_failed")


def _headers(service: Service) -> dict[str, str]:
    known = {"Accept": "application/json", "User-Agent": "bklog"}
    return {**known, "Authorization": f"Bearer {service.token}"} if service.token else known
