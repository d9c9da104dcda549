from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bklog.collect.agent.config import AgentConfig, load_config, parse_config
from bklog.errors import ConfigError

INPUT = {"name": "app", "paths": ["/var/log/app.log"], "collector": "app"}


def parse(raw: object) -> AgentConfig:
    return parse_config(raw, folder=Path("/etc/bklog"), home=Path("/home/b"), fleet_endpoint=lambda: "http://127.0.0.1:4")


def config(**changes: Any) -> dict[str, Any]:
    return {"endpoint": "http://logs.example.com/", "inputs": [INPUT], **changes}


def source(**changes: Any) -> dict[str, Any]:
    return config(inputs=[{**INPUT, **changes}])


def test_the_shortest_configuration_has_defaults_for_the_rest() -> None:
    found = parse(config())
    assert (found.batch_bytes, found.linger_seconds, found.parallel, found.compression) == (4 << 20, 1.0, 4, "auto")
    assert found.state_folder == Path("/etc/bklog/state")
    assert found.host
    assert found.inputs[0].token_file == Path("/home/b/secrets/tokens/app")
    assert (found.inputs[0].format, found.inputs[0].from_end) == ("lines", False)


def test_relative_names_start_at_the_configuration() -> None:
    found = parse(source(paths=["logs/*.log", "/abs/x.log"], collector="", token_file="token"))
    assert found.inputs[0].paths == ("/etc/bklog/logs/*.log", "/abs/x.log")
    assert found.inputs[0].token_file == Path("/etc/bklog/token")


def test_fleet_stands_for_the_ingest_of_this_machine() -> None:
    assert parse(config(endpoint="fleet")).endpoint == "http://127.0.0.1:4"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        pytest.param([], "is not an object", id="a list"),
        pytest.param({"inputs": []}, "lacks the key 'endpoint'", id="no endpoint"),
        pytest.param({"endpoint": "http://h"}, "lacks the key 'inputs'", id="no inputs"),
        pytest.param(config(endpoint="h:80"), "is no endpoint", id="endpoint without scheme"),
        pytest.param(config(lingers=1), "unknown key 'lingers'", id="unknown key"),
        pytest.param(config(batch_bytes="4M"), 'batch_bytes is "4M"', id="text for a number"),
        pytest.param(config(batch_bytes=True), "batch_bytes is true", id="truth for a number"),
        pytest.param(config(batch_bytes=1), "batch_bytes is 1", id="below the bound"),
        pytest.param(config(batch_bytes=9 << 20), "batch_bytes is 9437184", id="above the bound"),
        pytest.param(config(linger_seconds=float("nan")), "linger_seconds is nan", id="no number at all"),
        pytest.param(config(compression="brotli"), "compression is 'brotli'", id="unknown word"),
        pytest.param(config(inputs=["x"]), "an input is not an object", id="input is text"),
        pytest.param(config(inputs=[INPUT, INPUT]), "two inputs are called 'app'", id="one name twice"),
        pytest.param(source(path="x"), "unknown key 'path'", id="unknown key of an input"),
        pytest.param(source(paths=[]), "at least one path", id="no paths"),
        pytest.param(source(paths=[1]), "paths is a list of texts", id="paths of numbers"),
        pytest.param(source(collector=""), "needs either collector or token_file", id="no token"),
        pytest.param(source(token_file="t"), "needs either collector or token_file", id="two tokens"),
        pytest.param(source(collector="../x"), "is no collector name", id="collector leaves the folder"),
        pytest.param(source(format="xml"), "format is 'xml'", id="unknown format"),
        pytest.param({"endpoint": "http://h", "inputs": [INPUT], "parallel": 0}, "parallel is 0", id="no parallel"),
    ],
)
def test_a_wrong_configuration_is_refused_with_what_is_wrong(raw: object, words: str) -> None:
    with pytest.raises(ConfigError, match=words.replace("[", r"\[")):
        parse(raw)


@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "cannot be read"), ("{", "is not JSON"), ('{"a": 1}', "unknown key 'a'")],
)
def test_the_file_is_named(tmp_path: Path, text: str | None, words: str) -> None:
    file = tmp_path / "agent.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigError, match=words) as caught:
        load_config(file, home=tmp_path, fleet_endpoint=str)
    assert str(file) in caught.value.message
    assert caught.value.hint
