"""Django's own check of models, settings and addresses: workers leave it out, so it is made here."""

from __future__ import annotations

from django.core.checks import run_checks


def test_django_finds_nothing_wrong() -> None:
    assert run_checks() == []
