"""What ingest remembers of tokens: for seconds while the database answers, for an hour while it is away."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import OperationalError

from bklog.api.token_cache import KEEP_SECONDS, KEEP_TOKENS, KEEP_WITHOUT_DATABASE_SECONDS, TokenCache
from bklog.clean import CleanRule
from bklog.errors import Unavailable
from bklog.ingest.destination import LONGEST_KNOWN_SECONDS, Destination
from bklog.store import LogTable

SHOP = Destination("shop", LogTable("c1_shop", 30), CleanRule("text"), quiet=False)


class Database:
    """Tokens that are there, and whether it answers; a clock beside it that a test moves."""

    def __init__(self) -> None:
        self.tokens = {"good": SHOP}
        self.is_away = False
        self.asked = 0
        self.now = 1000.0
        self.cache = TokenCache(self.look_up, clock=lambda: self.now)

    async def look_up(self, token: str) -> Destination | None:
        self.asked += 1
        await asyncio.sleep(0)
        if self.is_away:
            raise OperationalError("gone") from ConnectionError(2006, "MySQL server has gone away")
        return self.tokens.get(token)

    def find(self, token: str, *, after_seconds: float = 0.0) -> Destination | None:
        self.now += after_seconds
        return asyncio.run(self.cache.find(token))


def test_the_database_is_asked_once_in_a_while_and_a_deleted_token_is_refused_then() -> None:
    database = Database()
    assert [database.find("good"), database.find("good"), database.find("bad"), database.find("bad")] == [
        SHOP,
        SHOP,
        None,
        None,
    ]
    assert database.asked == 2
    del database.tokens["good"]
    assert database.find("good") is SHOP
    assert database.find("good", after_seconds=KEEP_SECONDS + 0.1) is None


def test_a_known_token_is_accepted_while_the_database_is_away_and_an_unknown_one_is_told_to_wait() -> None:
    database = Database()
    database.find("good")
    database.find("bad")
    database.is_away = True
    for _ in range(10):
        assert database.find("good", after_seconds=60) is SHOP
    for token in ("bad", "new"):
        with pytest.raises(Unavailable) as caught:
            database.find(token)
        assert (caught.value.status, caught.value.stable_code) == (503, "database_down")
    with pytest.raises(Unavailable):
        database.find("good", after_seconds=KEEP_WITHOUT_DATABASE_SECONDS)
    database.is_away = False
    assert database.find("good", after_seconds=KEEP_SECONDS) is SHOP


def test_of_many_requests_at_once_one_asks_and_the_others_use_what_is_known() -> None:
    database = Database()
    database.find("good")
    database.now += KEEP_SECONDS + 1

    async def many() -> list[Destination | None]:
        return await asyncio.gather(*(database.cache.find("good") for _ in range(50)))

    assert asyncio.run(many()) == [SHOP] * 50
    assert database.asked == 2


def test_a_database_that_hangs_is_as_one_that_is_away() -> None:
    database = Database()

    async def look_up(token: str) -> Destination | None:
        if database.asked:
            await asyncio.sleep(60)
        return await database.look_up(token)

    cache = TokenCache(look_up, clock=lambda: database.now, patience_seconds=0.05)
    assert asyncio.run(cache.find("good")) is SHOP
    database.now += KEEP_SECONDS + 1
    assert asyncio.run(cache.find("good")) is SHOP
    with pytest.raises(Unavailable):
        asyncio.run(cache.find("new"))


def test_a_defect_of_a_query_is_not_taken_for_an_absence() -> None:
    async def defect(_: str) -> Destination | None:
        raise OperationalError("no such column") from ConnectionError(1054, "Unknown column")

    with pytest.raises(OperationalError):
        asyncio.run(TokenCache(defect).find("good"))


def test_a_flood_of_wrong_tokens_does_not_fill_the_memory() -> None:
    database = Database()

    async def flood() -> None:
        for number in range(KEEP_TOKENS + 10):
            await database.cache.find(f"wrong-{number}")

    database.find("good")
    asyncio.run(flood())
    assert len(database.cache._known) <= KEEP_TOKENS
    database.is_away = True
    assert database.find("good") is SHOP


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("docs/ingest/lines.md", "refused three seconds after it was revoked, and fifteen at the\nlatest"),
        ("bklog/openapi/areas/databus.py", "Refused within three seconds"),
        ("bklog/cli/ingest_tokens.py", "refused within 3 seconds"),
        ("web/src/words/collect.en.ts", "refused within 3 seconds"),
        ("web/src/words/collect.zh.ts", "会在 3 秒内被拒绝"),
    ],
)
def test_people_are_told_how_soon_a_revoked_token_is_refused(file: str, sentence: str) -> None:
    assert (KEEP_SECONDS, LONGEST_KNOWN_SECONDS) == (3.0, 15.0), f"{file} tells people another time"
    assert sentence in (Path(__file__).parents[2] / file).read_text(encoding="utf-8")


def test_however_requests_come_no_answer_is_older_than_the_catalogue_promises() -> None:
    """Who closes a collector waits for so long, then drops its table. Pairs of requests at once are the hard case."""
    closed = replace(SHOP, deleting=True)
    for pause_seconds in (0.5, 2.9, 3.1, 5.0, 7.9, 10.0, 600.0):
        database = Database()

        async def pair(database: Database = database) -> list[Destination | None]:
            return list(await asyncio.gather(*(database.cache.find("good") for _ in range(2))))

        assert asyncio.run(pair()) == [SHOP, SHOP]
        closed_at = database.now
        database.tokens["good"] = closed
        while database.now < closed_at + 60 + pause_seconds:
            database.now += pause_seconds
            if SHOP in asyncio.run(pair()):
                assert database.now - closed_at <= LONGEST_KNOWN_SECONDS
