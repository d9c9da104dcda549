"""A small fleet of real processes under the real supervisor: the programs are probes, all else is as in production."""

from __future__ import annotations

from pathlib import Path

from bklog.supervise.home import home_of
from bklog.supervise.lifecycle import Describe
from bklog.supervise.programs import SUPERVISORD_CONF, Fleet, Program, environ_of
from config.address import entry_url
from config.environ import Loaded
from config.store import store_address
from tests.servers import free_port

PROBE = Path(__file__).with_name("probe_program.py")
HEAD = SUPERVISORD_CONF.read_text().split("[program:")[0]
PROGRAM = """
[program:{name}]
command = "%(ENV_FLEET_PYTHON)s" -I -S "%(ENV_FLEET_TETHER)s" "%(ENV_FLEET_PYTHON)s" {arguments}
priority = {priority}
stopwaitsecs = 2
autostart = false
autorestart = true
startsecs = 1
startretries = 5
stopasgroup = true
killasgroup = true
redirect_stderr = true
stdout_logfile = %(ENV_FLEET_LOG)s/{name}.log
"""


def variables(home: Path, **more: object) -> dict[str, str]:
    return {"BKLOG_HOME": str(home), "BKLOG_PORT": str(free_port()), **{name: str(value) for name, value in more.items()}}


def probes(conf: Path, *, store: str = "", web: str = "", then: tuple[str, ...] = (), is_one_tier: bool = False) -> Describe:
    """Describes a fleet of a store and a web, of one tier or two; `store` and `web` are further arguments of their probes."""

    def describe(loaded: Loaded) -> Fleet:
        arguments = {
            "store": f'"{PROBE}" {loaded.BKLOG_STORE_PORT} {store}',
            "web": f'"{PROBE}" {loaded.BKLOG_PORT} {web}',
        }
        sections = [
            PROGRAM.format(name=name, arguments=given, priority=100 * (1 if is_one_tier else place + 1))
            for place, (name, given) in enumerate(arguments.items())
        ]
        conf.write_text(HEAD + "".join(sections))
        programs = (
            Program("store", loaded.BKLOG_STORE_PORT, ready_url=store_address(loaded).url + "/ping", then=then),
            Program("web", loaded.BKLOG_PORT, ready_url=entry_url(loaded) + "/readiness/"),
        )
        return Fleet(home_of(loaded), entry_url(loaded), conf, programs, environ_of(loaded))

    return describe
