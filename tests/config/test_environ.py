"""Which environment is loaded, which value wins, and what stops the start."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bklog.errors import ConfigError
from config.environ import load
from config.table import DEFINITIONS

DEPLOYED = {
    "BKLOG_SECRET_KEY": "k",
    "BKLOG_DATABASE_URL": "postgresql://u:p@db/bklog",
    "BKLOG_MQ_URL": "redis://mq/0",
}


@pytest.mark.parametrize(
    ("variables", "environment"),
    [
        pytest.param({}, "dev", id="nothing means dev"),
        pytest.param({"BK_ENV": "development"}, "dev"),
        pytest.param({"BK_ENV": "testing"}, "stag"),
        pytest.param({"BK_ENV": "production"}, "prod"),
        pytest.param({"BKPAAS_ENVIRONMENT": "dev"}, "dev"),
        pytest.param({"BKPAAS_ENVIRONMENT": "stag"}, "stag"),
        pytest.param({"BKPAAS_ENVIRONMENT": "prod"}, "prod"),
        pytest.param({"BKPAAS_ENVIRONMENT": "prod", "BK_ENV": "development"}, "prod", id="the PaaS's name wins"),
        pytest.param({"BKPAAS_ENVIRONMENT": "", "BK_ENV": "testing"}, "stag", id="an empty variable is none"),
    ],
)
def test_the_environment_is_chosen_by_its_variables(variables: dict[str, str], environment: str) -> None:
    assert load({**DEPLOYED, **variables}).environment == environment


@pytest.mark.parametrize(
    ("variables", "valid"),
    [
        ({"BKPAAS_ENVIRONMENT": "production"}, "dev, stag, prod"),
        ({"BK_ENV": "prod"}, "development, testing, production"),
        ({"BKPAAS_ENVIRONMENT": "live", "BK_ENV": "testing"}, "dev, stag, prod"),
    ],
)
def test_an_unknown_environment_is_refused_with_the_valid_names(variables: dict[str, str], valid: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load({**DEPLOYED, **variables})
    assert valid in caught.value.hint


def test_each_layer_wins_over_the_one_before(tmp_path: Path) -> None:
    def port_and_engine(**variables: str) -> list[tuple[object, str]]:
        loaded = load({"BKLOG_HOME": str(tmp_path), **variables})
        names = ("BKLOG_STORE_PORT", "BKLOG_DATABASE_ENGINE")
        return [(loaded.values[name].value, loaded.values[name].origin) for name in names]

    assert port_and_engine() == [(0, "default"), ("sqlite", "config/dev.py")]
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "fleet.json").write_text(json.dumps({"BKLOG_STORE_PORT": 20001}))
    assert port_and_engine() == [(20001, "fleet"), ("sqlite", "config/dev.py")]
    assert port_and_engine(BKLOG_STORE_PORT="20002", BKLOG_DATABASE_ENGINE="mysql") == [
        (20002, "BKLOG_STORE_PORT"),
        ("mysql", "BKLOG_DATABASE_ENGINE"),
    ]
    assert load({"BKLOG_HOME": str(tmp_path)}, with_fleet=False).BKLOG_STORE_PORT == 0


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("BKLOG_PORT", "8080", 8080),
        ("BKLOG_PORT", " 8080 ", 8080),
        ("BKLOG_HTTPS", "yes", True),
        ("BKLOG_HTTPS", "False", False),
        ("BKLOG_HTTPS", "0", False),
        ("BKLOG_SEARCH_SECONDS", "2.5", 2.5),
        ("BKLOG_SEARCH_SECONDS", "7", 7.0),
        ("BKLOG_ALLOWED_HOSTS", "a.example, b.example,", ("a.example", "b.example")),
        ("BKLOG_ALLOWED_HOSTS", "", ()),
        ("BKLOG_BIND_HOST", "::", "::"),
        ("BKLOG_HOME", "/srv/bklog", Path("/srv/bklog")),
    ],
)
def test_a_variable_is_cast_to_the_type_of_the_default(name: str, text: str, value: object) -> None:
    loaded = load({name: text})
    assert loaded[name] == value
    assert type(loaded[name]) is type(value) or isinstance(value, Path)
    assert loaded.values[name].origin == name


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("BKLOG_PORT", "http", "whole number"),
        ("BKLOG_PORT", "", "whole number"),
        ("BKLOG_PORT", "8000.5", "whole number"),
        ("BKLOG_PORT", "0", "at least 1"),
        ("BKLOG_PORT", "65536", "at most 65535"),
        ("BKLOG_HTTPS", "maybe", "yes or no"),
        ("BKLOG_SEARCH_SECONDS", "soon", "number"),
        ("BKLOG_SEARCH_SECONDS", "nan", "finite"),
        ("BKLOG_SEARCH_SECONDS", "-1", "at least"),
        ("BKLOG_LOG_FORMAT", "xml", "json, text"),
        ("BKLOG_LOG_LEVEL", "info", "DEBUG, INFO"),
        ("BKLOG_AUTH_METHODS", "token,magic", "one of token"),
        ("BKLOG_PROFILE", "huge", "full, small"),
        ("BKLOG_HOME", "", "path"),
    ],
)
def test_an_ill_typed_value_stops_the_start_and_is_named(name: str, text: str, word: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load({name: text})
    assert name in caught.value.message
    assert word in caught.value.message
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("name", "near"), [("BKLOG_PROT", "BKLOG_PORT"), ("BKLOG_DATABASE_URI", "BKLOG_DATABASE_URL"), ("BKLOG_QQQ", "")]
)
def test_an_unknown_variable_stops_the_start_with_the_nearest_name(name: str, near: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load({name: "1"})
    assert name in caught.value.message
    assert near in caught.value.hint


def test_variables_of_others_are_left_alone() -> None:
    assert load({"PATH": "/bin", "BK_OTHER": "1", "bklog_port": "x"}).environment == "dev"


@pytest.mark.parametrize("environment", ["stag", "prod"])
def test_a_deployment_without_its_musts_is_refused_and_all_are_named_at_once(environment: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load({"BKPAAS_ENVIRONMENT": environment})
    for name in ("BKLOG_SECRET_KEY", "BKLOG_DATABASE_URL", "BKLOG_MQ_URL"):
        assert name in caught.value.message


@pytest.mark.parametrize("missing", sorted(DEPLOYED))
def test_each_must_is_missed_alone(missing: str) -> None:
    given = {name: value for name, value in DEPLOYED.items() if name != missing}
    with pytest.raises(ConfigError) as caught:
        load({"BKPAAS_ENVIRONMENT": "prod", **given})
    assert missing in caught.value.message
    assert not any(name in caught.value.message for name in given)


def test_a_key_in_the_home_is_not_one_for_production(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "secret-key").write_text("of a laptop\n")
    assert load({"BKLOG_HOME": str(tmp_path)}).BKLOG_SECRET_KEY == "of a laptop"
    given = {name: value for name, value in DEPLOYED.items() if name != "BKLOG_SECRET_KEY"}
    with pytest.raises(ConfigError, match="BKLOG_SECRET_KEY"):
        load({"BKPAAS_ENVIRONMENT": "prod", "BKLOG_HOME": str(tmp_path), **given})


@pytest.mark.parametrize("content", ["{", "[1]", '{"BKLOG_NOPE": 1}'])
def test_a_damaged_fleet_file_is_named_with_its_remedy(tmp_path: Path, content: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "fleet.json").write_text(content)
    with pytest.raises(ConfigError, match=r"fleet\.json is damaged"):
        load({"BKLOG_HOME": str(tmp_path)})


def test_a_secret_is_not_in_the_message_that_refuses_it() -> None:
    with pytest.raises(ConfigError) as caught:
        load({"BKPAAS_ENVIRONMENT": "prod", **DEPLOYED, "BKLOG_DATABASE_PORT": "x"})
    assert "p@db" not in str(caught.value.as_dict())


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
def test_every_setting_says_what_it_means(name: str) -> None:
    assert name.startswith("BKLOG_")
    assert DEFINITIONS[name].meaning.text
