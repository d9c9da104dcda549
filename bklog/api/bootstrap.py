"""A fresh fleet -> one that can be used: the store's tables, the platform's own collectors, the secrets of its programs.

Runs at each `bklog up`, after the store has started and before the others do. Each step may be repeated.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from bklog.accounts.models import User
from bklog.accounts.passwords import generated
from bklog.accounts.selectors import bearer_of_api_token
from bklog.accounts.tokens import grant, replace_api_token
from bklog.accounts.users import create_user
from bklog.api.wiring import the_store
from bklog.clean import CleanRule
from bklog.collect.drafts import Draft
from bklog.collect.own import ensure_collector, ensure_ingest_token
from bklog.collect.tokens import token_path
from bklog.errors import Conflict
from bklog.records import CLIENT, EVERY_SPACE, PLATFORM, REJECTS, Permission, Role
from bklog.store.statements import REJECTS as REJECTS_TABLE

PLATFORM_RULE: Final = CleanRule("json", time_field="time", level_field="level")
PLATFORM_DAYS: Final = 14
SUPERVISOR_LOG: Final = "supervisord.log"  # no JSON; what it says of programs, events.log says better
ADMINISTRATOR: Final = "admin"
LOCAL_TOKEN: Final = "local-fleet"  # noqa: S105 - the name of the token, not the token


def bootstrap() -> list[str]:
    """Returns what was done now, a sentence each. Raises what the store and the database raise."""
    home, store = Path(settings.BKLOG_HOME), the_store()
    done = [f"store: {name}" for name in store.migrate()]
    done += ensure_collector(Draft(REJECTS, REJECTS_TABLE.retention_days), store, table=REJECTS_TABLE.name)
    done += ensure_collector(Draft(PLATFORM, PLATFORM_DAYS, rule=PLATFORM_RULE), store)
    done += ensure_collector(Draft(CLIENT, settings.BKLOG_RETENTION_DAYS), store)
    done += _ensure_api_token(home / "secrets" / "api-token")
    done += _ensure_administrator(home / "secrets" / "admin-password")
    for name in (PLATFORM, CLIENT):
        done += ensure_ingest_token(name, token_path(home, name))
    done += _ensure_agent_config(home)
    return done


def _ensure_api_token(file: Path) -> list[str]:
    """Who can read the file owns this machine's data: its token may do everything, also what a new version brings."""
    found = bearer_of_api_token(_read(file))
    if found is None:
        _write_secret(file, replace_api_token(LOCAL_TOKEN, Permission))
        return ["API token of this machine"]
    if found.name != LOCAL_TOKEN or found.permissions == frozenset(Permission):
        return []
    grant(LOCAL_TOKEN, Permission)
    return ["permissions of this machine's API token"]


def _ensure_administrator(file: Path) -> list[str]:
    """Where nobody could sign in, one person can. The password is in the file first: what is lost on the way is not missed."""
    if "password" not in settings.BKLOG_AUTH_METHODS or User.objects.exists():
        return []
    password = generated()
    _write_secret(file, password)
    try:
        create_user(ADMINISTRATOR, password, roles={EVERY_SPACE: Role.ADMIN}, permissions=Permission)
    except Conflict:  # another instance on the same database was quicker
        file.unlink()
        return []
    return [f"user {ADMINISTRATOR} with the password {password}, which is also in {file}: sign in and change it"]


def _ensure_agent_config(home: Path) -> list[str]:
    """The agent of a fresh fleet ships the fleet's own logs. A file that is there belongs to its operator."""
    file = home / "agent" / "agent.json"
    if file.exists():
        return []
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(_agent_config(home), indent=2) + "\n")
    return [f"agent configuration {file}"]


def _agent_config(home: Path) -> dict[str, Any]:
    logs = Path(settings.BKLOG_LOG_PATH or home / "log")
    token = str(home / "secrets" / "tokens" / PLATFORM)
    paths = {"paths": [str(logs / "*.log")], "exclude": [SUPERVISOR_LOG], "from": "beginning"}
    return {"endpoint": "fleet", "inputs": [{"name": PLATFORM, **paths, "token_file": token}]}


def _read(file: Path) -> str:
    return file.read_text().strip() if file.is_file() else ""


def _write_secret(file: Path, secret: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(secret + "\n")
