"""Reads: whose API token it is, and what it allows."""

from __future__ import annotations

import json
from functools import lru_cache

from django.db import connection

from bklog.accounts.models import ApiToken
from bklog.records import Bearer, Permission, token_hash


def bearer_of_api_token(token: str) -> Bearer | None:
    """None for a token that opens nothing. A permission that this version does not know allows nothing."""
    with connection.cursor() as cursor:
        cursor.execute(_statement(), [token_hash(token)])
        found = cursor.fetchone()
    if found is None:
        return None
    name, permissions = found
    return Bearer(name, _permissions(permissions))


@lru_cache(maxsize=1)
def _statement() -> str:
    """Written once: every request asks it, and the ORM takes longer to write a query than the database to answer this one."""
    text, _ = ApiToken.objects.filter(hash="").values_list("name", "permissions").query.sql_with_params()
    return str(text)


@lru_cache(maxsize=256)
def _permissions(given: str) -> frozenset[Permission]:
    there = json.loads(given)
    return frozenset(one for one in Permission if one in there)
