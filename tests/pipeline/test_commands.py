"""`bklog pipeline` and `bklog collector` against the views, as a person reads them."""

from __future__ import annotations

from collections.abc import Callable
from json import dumps, loads
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from django.test import Client

from bklog.accounts.tokens import replace_api_token
from bklog.api import collectors as collectors_api
from bklog.api import pipelines as pipelines_api
from bklog.cli import runs
from bklog.cli.client import read_answer
from bklog.cli.commands import collector as collector_command
from bklog.cli.commands import pipeline as pipeline_command
from bklog.errors import Conflict
from bklog.pipeline.definition import Done, Pipeline, Wait
from tests.pipeline.recorded import Post, again, begin, step

pytestmark = pytest.mark.django_db
WAITS = Pipeline("waits", (step("w", Wait("for rain"), may_skip=True), step("last", Done(note="two lines"))))
Run = Callable[..., Result]


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Post:
    made = Post()
    monkeypatch.setattr(collectors_api, "send", made)
    monkeypatch.setattr(pipelines_api, "send", made)
    return made


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    headers = {"Authorization": f"Bearer {replace_api_token('test')}"}

    def api(method: str, path: str, *, json: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = Client().generic(method, path, dumps(json or {}), headers=headers)
        return read_answer(answer.status_code, answer.content)

    for module in (pipeline_command, collector_command, runs):
        monkeypatch.setattr(module, "api", api)

    def invoke(command: click.Command, *words: str) -> Result:
        return CliRunner().invoke(command, list(words))

    return invoke


def test_runs_are_listed_and_one_is_told_step_by_step(run: Run, post: Post) -> None:
    made = begin(WAITS, post)
    post.deliver(WAITS, most=1)
    listed = run(pipeline_command.pipeline, "list", "--state", "waiting")
    assert listed.output.splitlines()[1].split() == [
        str(made.pk),
        "waits",
        "collector:shop",
        "waiting",
        "w",
        "0/2",
        "for",
        "rain",
    ]
    shown = run(pipeline_command.pipeline, "show", str(made.pk))
    assert shown.exit_code == 0
    assert shown.output.splitlines() == [
        f"run {made.pk}: waits of collector:shop is waiting",
        "  waiting   w                                for rain",
        "  pending   last",
        f"see it with: bklog pipeline show {made.pk}",
    ]
    assert loads(run(pipeline_command.pipeline, "show", str(made.pk), "--json").output)["id"] == made.pk


def test_a_run_is_skipped_failed_retried_and_cancelled_from_the_command_line(run: Run, post: Post) -> None:
    made = begin(WAITS, post)
    post.deliver(WAITS, most=1)
    assert run(pipeline_command.pipeline, "skip", str(made.pk)).exit_code == 0
    failed = run(pipeline_command.pipeline, "fail", str(made.pk), "--reason", "not today")
    assert "reason: not today [failed_by_hand]" in failed.output
    assert run(pipeline_command.pipeline, "show", str(made.pk)).exit_code == 1
    assert run(pipeline_command.pipeline, "retry", str(made.pk)).exit_code == 0
    post.deliver(WAITS)
    assert again(made).state == "done"
    assert (
        "  done      last                             two lines" in run(pipeline_command.pipeline, "show", str(made.pk)).output
    )
    refused = run(pipeline_command.pipeline, "cancel", str(made.pk))
    assert isinstance(refused.exception, Conflict)


def test_a_collector_is_onboarded_from_the_command_line(run: Run, post: Post) -> None:
    words = ("onboard", "shop", "--path", "/var/log/shop/*.log", "--clean", "json", "--from-end", "--days", "3")
    started = run(collector_command.collector, *words)
    assert started.exit_code == 0, started.output
    assert "collector_onboarding of collector:shop is running" in started.output
    wanted = loads(run(pipeline_command.pipeline, "list", "--json").output)[0]["context"]["wanted"]
    assert (wanted["scenario"], wanted["retention_days"], wanted["clean_rule"]["kind"]) == ("row", 3, "json")
    assert wanted["agent"] == {"paths": ["/var/log/shop/*.log"], "exclude": [], "format": "jsonl", "from": "end"}
    assert run(collector_command.collector, "list").output.splitlines() == [
        f"{'collector':<40}{'state':<10}{'clean rule':<12}{'kept':>8}"
    ]
