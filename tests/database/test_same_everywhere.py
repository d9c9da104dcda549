"""SQLite, PostgreSQL and MariaDB do the same: names, text, times, JSON, uniqueness, locks, failures."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.apps import apps
from django.db import IntegrityError, OperationalError, close_old_connections, connection, transaction
from django.db.models import F, Model
from django.test import Client

from bklog.accounts.models import ApiToken
from bklog.collect.models import Collector, IndexSet
from bklog.errors import Unavailable
from bklog.queues.models import PeriodicRun
from bklog.supervise.database import as_unavailable

MODELS = [model for app in apps.get_app_configs() if app.name.startswith("bklog.") for model in app.get_models()]
NAMES = ("shop", "Shop", "SHOP", "shóp", "shop ", " shop", "ſhop", "日志", "🧾", "🧾🧾", "ß", "ss")


def collector(name: str = "c", **more: object) -> Collector:
    return Collector.objects.create(
        **{"name": name, "table": f"t_{name}", "clean_rule": {"kind": "text"}, "retention_days": 1, **more}
    )


@pytest.mark.django_db
def test_text_is_equal_only_to_itself() -> None:
    for number, name in enumerate(NAMES):
        ApiToken.objects.create(name=name, hash=str(number))
    for number, name in enumerate(NAMES):
        assert list(ApiToken.objects.filter(name=name).values_list("hash", flat=True)) == [str(number)]


@pytest.mark.django_db
def test_text_is_ordered_by_its_code_points() -> None:
    names = ["B", "a", "Z", "é", "日", "🧾"]
    for name in names:
        ApiToken.objects.create(name=name, hash=name)
    if connection.vendor == "postgresql":  # which has the order of its own locale; pages do not depend on it
        assert set(ApiToken.objects.order_by("name").values_list("name", flat=True)) == set(names)
    else:
        assert list(ApiToken.objects.order_by("name").values_list("name", flat=True)) == sorted(names)


@pytest.mark.django_db
def test_a_name_is_taken_once() -> None:
    IndexSet.objects.create(name="one")
    with pytest.raises(IntegrityError), transaction.atomic():
        IndexSet.objects.create(name="one")
    IndexSet.objects.create(name="One")


@pytest.mark.django_db
def test_lookups_that_ignore_case_ignore_nothing_else() -> None:
    for name in ("One", "ONE", "on%", "öne"):
        IndexSet.objects.create(name=name)
    for lookup, text in (("iexact", "oNe"), ("istartswith", "ON"), ("iendswith", "ne"), ("icontains", "n")):
        found = set(IndexSet.objects.filter(**{f"name__{lookup}": text}).values_list("name", flat=True))
        assert {"One", "ONE"} <= found, lookup
        assert ("öne" in found) == (lookup in {"iendswith", "icontains"}), lookup
    assert IndexSet.objects.filter(name__icontains="N%").count() == 1
    assert IndexSet.objects.filter(name__icontains=F("name")).count() == 4


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["🧾", "a\u0301", "日志\n\ttab", "'quote\" \\ % _", "\u202eright", "x" * 200])
def test_text_comes_back_as_it_was_given(text: str) -> None:
    made = collector(description=text, labels={"text": text, text[:20]: None})
    found = Collector.objects.get(pk=made.pk)
    assert (found.description, found.labels) == (text, {"text": text, text[:20]: None})


@pytest.mark.django_db
def test_text_that_is_too_long_is_refused_and_not_cut() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has no lengths: what may be how long is checked before it")
    with pytest.raises(Exception, match=r"too long"), transaction.atomic():
        collector(description="x" * 201)


@pytest.mark.django_db
@pytest.mark.parametrize("moment", [datetime(2026, 2, 28, 23, 59, 59, 999_999, UTC), datetime(1970, 1, 1, 0, 0, 1, 1, UTC)])
def test_a_moment_keeps_its_microseconds_and_is_found_by_them(moment: datetime) -> None:
    PeriodicRun.objects.create(name="a", due_at=moment, started_at=moment)
    found = PeriodicRun.objects.get(due_at=moment)
    assert (found.due_at, found.started_at) == (moment, moment)
    assert not PeriodicRun.objects.filter(due_at__gt=moment).exists()
    assert PeriodicRun.objects.filter(due_at__gt=moment - timedelta(microseconds=1)).exists()


@pytest.mark.django_db
def test_json_comes_back_with_its_types_and_is_asked_by_path() -> None:
    value = {"n": 12345678901234, "f": 0.1, "none": None, "yes": True, "list": [1, "two", {"three": []}], "": "empty key"}
    made = collector(labels=value)
    assert Collector.objects.get(pk=made.pk).labels == value
    for asked in ({"labels__n": 12345678901234}, {"labels__yes": True}, {"labels__list__1": "two"}, {"labels__none": None}):
        assert Collector.objects.filter(**asked).exists(), asked
    assert not Collector.objects.filter(labels__n=12345678901235).exists()


@pytest.mark.django_db
def test_a_null_is_placed_where_the_order_says() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    for day, started in enumerate((None, moment)):
        PeriodicRun.objects.create(name="a", due_at=moment + timedelta(days=day), started_at=started)
    by_start = PeriodicRun.objects.order_by(F("started_at").asc(nulls_last=True)).values_list("started_at", flat=True)
    assert list(by_start) == [moment, None]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_no_model_is_ordered_by_a_field_that_may_be_null(model: type[Model]) -> None:
    """The databases place NULL differently: such an order is written out, with nulls_first or nulls_last."""
    for name in model._meta.ordering or ():
        assert isinstance(name, str), "an expression says itself where NULL goes"
        assert not getattr(model._meta.get_field(name.removeprefix("-")), "null", False), name


@pytest.mark.django_db(transaction=True)
def test_of_two_who_change_a_row_under_its_lock_none_loses_its_change() -> None:
    made = collector(labels={"count": 0})

    def add(_: int) -> None:
        try:
            with transaction.atomic():
                row = Collector.objects.select_for_update().get(pk=made.pk)
                row.labels = {"count": row.labels["count"] + 1}
                row.save(update_fields=["labels"])
        finally:
            connection.close()

    with in_parallel(4) as threads:
        list(threads.map(add, range(40)))
    made.refresh_from_db()
    assert made.labels == {"count": 40}


@pytest.mark.django_db(transaction=True)
def test_a_transaction_sees_what_others_commit_meanwhile() -> None:
    """Read committed: a wait for a lock ends with the row as it is, not as it was when the transaction began."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite's transactions take turns: none sees another at work")
    made = collector()
    with transaction.atomic():
        assert Collector.objects.get(pk=made.pk).retention_days == 1
        with in_parallel(1) as threads:
            threads.submit(_keep_longer, made.pk).result()
        assert Collector.objects.get(pk=made.pk).retention_days == 9


def _keep_longer(pk: int) -> None:
    try:
        Collector.objects.filter(pk=pk).update(retention_days=9)
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_of_those_who_make_the_same_name_at_once_one_succeeds() -> None:
    def make(_: int) -> bool:
        try:
            with transaction.atomic():
                IndexSet.objects.create(name="same")
        except IntegrityError:
            return False
        finally:
            connection.close()
        return True

    with in_parallel(8) as threads:
        assert sorted(threads.map(make, range(8))) == [False] * 7 + [True]


@pytest.mark.django_db(transaction=True)
def test_a_deadlock_ends_one_of_the_two_with_what_says_try_again() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite's writers take turns: there is one lock")
    first, second = collector("a"), collector("b")
    both_hold_one = threading.Barrier(2)

    def lock(order: tuple[Collector, Collector]) -> Unavailable | None:
        try:
            with transaction.atomic():
                Collector.objects.filter(pk=order[0].pk).update(retention_days=2)
                both_hold_one.wait(10)
                Collector.objects.filter(pk=order[1].pk).update(retention_days=2)
        except OperationalError as error:
            return as_unavailable(error)
        finally:
            connection.close()
        return None

    with in_parallel(2) as threads:
        outcomes = list(threads.map(lock, [(first, second), (second, first)]))
    failed = [outcome.stable_code for outcome in outcomes if outcome]
    assert failed == ["database_busy"]


def in_parallel(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count)


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_the_server_ended_is_replaced_at_the_next_request(client: Client) -> None:
    """As after a restart, or a time-out of the server: nobody is told of it."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has no server")
    statuses = []
    for _ in range(3):
        close_old_connections()  # what a request begins with; Django's test client leaves it out
        statuses.append(client.get("/api/v1/databus/collectors/", headers={"Authorization": "Bearer x"}).status_code)
        _end_own_connection()
    close_old_connections()
    assert statuses == [401, 401, 401]


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_breaks_in_a_request_is_answered_with_try_again(client: Client) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has no server")
    connection.ensure_connection()
    _end_own_connection()
    answer = client.get("/api/v1/databus/collectors/", headers={"Authorization": "Bearer x"})
    assert (answer.status_code, answer.json()["error"]["code"], answer["Retry-After"]) == (503, "database_down", "2")
    close_old_connections()


def _end_own_connection() -> None:
    ask = {"postgresql": "SELECT pg_backend_pid()", "mysql": "SELECT connection_id()"}[connection.vendor]
    end = {"postgresql": "SELECT pg_terminate_backend(%s)", "mysql": "KILL %s"}[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(ask)
        number = cursor.fetchone()[0]

    def kill() -> None:
        with connection.cursor() as cursor:
            cursor.execute(end, [number])
        connection.close()

    with in_parallel(1) as threads:
        threads.submit(kill).result()


def test_what_a_database_says_of_itself_is_told_from_a_defect() -> None:
    def raised(*arguments: object) -> OperationalError:
        error = OperationalError(*arguments)
        error.__cause__ = ConnectionError(*arguments)
        return error

    assert as_unavailable(raised(2006, "gone away")).stable_code == "database_down"  # type: ignore[union-attr]
    assert as_unavailable(raised(1213, "deadlock")).stable_code == "database_busy"  # type: ignore[union-attr]
    assert as_unavailable(raised(1054, "unknown column")) is None
    assert as_unavailable(ValueError("no database")) is None
