"""`bklog agent`: config file, state folder, signals, log lines -> the loop of `bklog.collect.agent`."""

from __future__ import annotations

import logging
import os
import signal
import sys
from functools import partial
from pathlib import Path

import click

from bklog.cli.written import print_lines
from bklog.collect.agent.agent import Agent
from bklog.collect.agent.checkpoint import open_checkpoints
from bklog.collect.agent.config import AgentConfig, ConfigWatch, load_config
from bklog.telemetry import logs
from config.address import ingest_url
from config.environ import load


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="Configuration; default $BKLOG_HOME/agent/agent.json.")
@click.option("--once", is_flag=True, help="Ship what is there now, then exit.")
@click.option("--check", is_flag=True, help="Read the configuration, say what it follows, and exit.")
def agent(config: Path | None, *, once: bool, check: bool) -> None:
    """Follow log files and ship their lines: each one once, across rotation, restarts and outages."""
    loaded = load()
    path = config or loaded.home / "agent" / "agent.json"
    read = partial(load_config, path, home=loaded.home, fleet_endpoint=_fleet_endpoint)
    if check:
        print_lines(_describe(read()))
        return
    logs.configure(logs.program_name(), loaded.BKLOG_LOG_LEVEL, loaded.BKLOG_LOG_FORMAT)
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # it warns of every lost connection; the agent says it once
    _run(read, ConfigWatch(path), once=once)


def _run(read: partial[AgentConfig], watch: ConfigWatch, *, once: bool) -> None:
    checkpoints = open_checkpoints(read().state_folder)
    try:
        running = Agent(read, checkpoints, watch=watch, once=once)
        _listen(running)
        running.run()
    finally:
        checkpoints.close()
    _leave(running)


def _listen(running: Agent) -> None:
    signal.signal(signal.SIGTERM, lambda *_: running.stop())
    signal.signal(signal.SIGINT, lambda *_: running.stop())
    signal.signal(signal.SIGHUP, lambda *_: running.reload())
    # Asking whether a file has a writer takes a lease for a moment; a writer that comes just then is announced by SIGIO.
    signal.signal(signal.SIGIO, signal.SIG_IGN)


def _leave(running: Agent) -> None:
    """A request that nobody answers must not hold up the exit: Python would wait for its thread."""
    if running.unanswered:
        logging.shutdown()
        sys.stdout.flush()
        os._exit(0)


def _fleet_endpoint() -> str:
    """Read each time: a fleet that was started again may have other ports."""
    return ingest_url(load())


def _describe(config: AgentConfig) -> list[str]:
    inputs = [f"  {item.name}: {', '.join(item.paths)} (token in {item.token_file})" for item in config.inputs]
    return [f"sends to {config.endpoint}, keeps its state in {config.state_folder}", *inputs]
