"""The command line's frame: an error is one sentence, its remedy and an exit code; an answer of the API is one too."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import click
import pytest

from bklog import __version__, errors
from bklog.cli import client, main
from bklog.errors import BklogError, NotFound, Overloaded, QuerySyntax, Span, Unavailable
from config.environ import ROOT
from tests.cli.running import bklog
from tests.servers import free_port


def test_the_version_and_the_commands_are_shown(tmp_path: Path) -> None:
    assert bklog(tmp_path, "--version").stdout == f"bklog, version {__version__}\n"
    shown = bklog(tmp_path, "--help").stdout
    assert all(f"  {name}" in shown for name in ("up", "down", "status", "logs", "healthz", "config"))


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("nope",), 2, "No such command 'nope'"),
        (("logs",), 2, "Missing argument 'PROGRAM'"),
        (("logs", "nope"), 4, "one of supervisord, broker, store, ingest, web, celery"),
        (("logs", "web"), 4, "has not logged yet"),
        (("status",), 1, ""),
        (("healthz",), 1, ""),
        (("down",), 0, ""),
    ],
)
def test_exit_codes(tmp_path: Path, arguments: tuple[str, ...], code: int, word: str) -> None:
    done = bklog(tmp_path, *arguments, BKLOG_PORT=free_port())
    assert (done.returncode, word in done.stderr) == (code, True)


def test_logs_prints_the_end_of_a_programs_log(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "web.log").write_text("one\ntwo\nthree\n")
    assert bklog(tmp_path, "logs", "web", "-n", "2").stdout == "two\nthree\n"


def test_a_reader_that_has_enough_ends_the_command_quietly(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "web.log").write_text("line\n" * 200_000)
    command = f"{sys.executable} -m bklog.cli logs web -n 200000 | head -n 1; echo ${{PIPESTATUS[0]}}"
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "BKLOG_HOME": str(tmp_path)}
    done = subprocess.run(["bash", "-c", command], env=environ, capture_output=True, text=True, check=True, timeout=60)
    assert (done.stdout, done.stderr) == ("line\n1\n", "")


@pytest.mark.parametrize(
    ("raised", "code", "printed"),
    [
        (NotFound("no such thing", hint="look"), 4, "error: no such thing [not_found]\nhint: look\n"),
        (Unavailable("not now"), 6, "error: not now [unavailable]\n"),
        (KeyboardInterrupt(), 130, "\n"),
        (click.ClickException("wrong"), 1, "Error: wrong\n"),
    ],
)
def test_what_a_command_raises(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], raised: BaseException, code: int, printed: str
) -> None:
    @click.command()
    def failing() -> None:
        raise raised

    monkeypatch.setattr(main.CommandFolder, "get_command", lambda *_: failing)
    assert main.run(["anything"]) == code
    assert capsys.readouterr().err == printed


def test_a_command_imports_only_what_it_needs(tmp_path: Path) -> None:
    code = "import sys; from bklog.cli.main import run; run(['config', 'show']); sys.stderr.write(' '.join(sys.modules))"
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "BKLOG_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True, timeout=60)
    assert not {"django", "kombu", "psutil", "urllib3", "chdb", "granian"} & set(done.stderr.split())


def kinds() -> list[type[BklogError]]:
    return [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, BklogError)]


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_an_error_of_the_api_comes_back_as_it_was(kind: type[BklogError]) -> None:
    raised = QuerySyntax("what", hint="how", span=Span(2, 5)) if kind is QuerySyntax else kind("what", hint="how")
    back = client.as_error(raised.status, raised.as_dict()["error"])
    assert back.as_dict() == raised.as_dict()
    if kind not in (errors.ConfigError, errors.Retryable):  # which the API does not answer
        assert type(back) is kind


@contextmanager
def answering(respond: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            respond(self)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def test_the_token_of_the_home_goes_to_the_fleet_of_the_home_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "api-token").write_text("t0ken\n")
    monkeypatch.setenv("BKLOG_HOME", str(tmp_path))
    seen: list[str | None] = []

    def respond(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.headers["Authorization"])
        send(handler, 200, b'{"a": 1}')

    with answering(respond) as url:
        monkeypatch.setenv("BKLOG_PORT", url.rsplit(":", 1)[1])
        assert client.api("GET", "/x") == {"a": 1}
        monkeypatch.setenv("BKLOG_API_URL", url)
        client.api("GET", "/x")
        monkeypatch.setenv("BKLOG_API_TOKEN", "other")
        client.api("GET", "/x")
    assert seen == ["Bearer t0ken", None, "Bearer other"]


def test_refusals_of_the_api_are_raised(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BKLOG_HOME", str(tmp_path))
    body = b'{"error": {"code": "busy", "message": "later", "hint": "wait", "retry_after_seconds": 7}}'
    with answering(lambda handler: send(handler, 429, body)) as url:
        monkeypatch.setenv("BKLOG_API_URL", url)
        with pytest.raises(Overloaded, match="later") as caught:
            client.api("GET", "/x")
    assert (caught.value.retry_after_seconds, caught.value.stable_code) == (7, "busy")


@pytest.mark.parametrize(("status", "body"), [(200, b"<html>"), (502, b"<html>"), (500, b'{"detail": 1}'), (200, b"[]")])
def test_what_is_not_the_api_is_named_as_such(status: int, body: bytes) -> None:
    with pytest.raises(Unavailable, match="not its API"):
        client.read_answer(status, body)


def test_a_platform_that_does_not_answer_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BKLOG_HOME", str(tmp_path))
    monkeypatch.setenv("BKLOG_PORT", str(free_port()))
    with pytest.raises(Unavailable, match="does not answer") as caught:
        client.api("GET", "/x")
    assert "bklog up" in caught.value.hint


def test_a_platform_that_takes_too_long_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BKLOG_HOME", str(tmp_path))
    done = threading.Event()

    def respond(_: BaseHTTPRequestHandler) -> None:
        done.wait(10)

    with answering(respond) as url:
        monkeypatch.setenv("BKLOG_API_URL", url)
        with pytest.raises(Unavailable, match=r"within 0\.2 seconds"):
            client.api("GET", "/x", timeout_seconds=0.2)
        done.set()
