"""What an API token allows beyond the whole of the API."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from bklog.accounts.models import ApiToken
from bklog.accounts.selectors import bearer_of_api_token
from bklog.accounts.tokens import grant, replace_api_token
from bklog.cli.main import bklog
from bklog.errors import Forbidden
from bklog.records import Bearer, Permission

pytestmark = pytest.mark.django_db


def test_a_token_has_the_permissions_it_was_made_with() -> None:
    plain, large = replace_api_token("plain"), replace_api_token("large", [Permission.LARGE_EXPORT])
    assert bearer_of_api_token(plain) == Bearer("plain")
    assert bearer_of_api_token(large) == Bearer("large", frozenset({Permission.LARGE_EXPORT}))
    assert bearer_of_api_token("bka_nobody") is None


def test_a_token_made_again_has_only_what_is_given_now() -> None:
    before = replace_api_token("me", Permission)
    after = replace_api_token("me")
    assert bearer_of_api_token(before) is None
    assert bearer_of_api_token(after) == Bearer("me")


def test_a_grant_leaves_the_token_as_it_is() -> None:
    token = replace_api_token("me")
    grant("me", Permission)
    assert bearer_of_api_token(token) == Bearer("me", frozenset(Permission))


def test_a_permission_that_nobody_knows_allows_nothing() -> None:
    token = replace_api_token("me")
    ApiToken.objects.filter(name="me").update(permissions=["everything", "raw_values"])
    assert bearer_of_api_token(token) == Bearer("me", frozenset({Permission.RAW_VALUES}))


def test_what_is_missing_is_refused_with_what_to_do() -> None:
    Bearer("me", frozenset({Permission.RAW_VALUES})).require(Permission.RAW_VALUES, "reading raw values")
    with pytest.raises(Forbidden, match="reading raw values needs the permission raw_values") as refused:
        Bearer("me", frozenset({Permission.LARGE_EXPORT})).require(Permission.RAW_VALUES, "reading raw values")
    assert (refused.value.status, refused.value.stable_code) == (403, "permission_missing")
    assert "--permission raw_values" in refused.value.hint


def test_the_command_makes_a_token_with_permissions() -> None:
    made = CliRunner().invoke(bklog, ["token", "me", "--permission", "large_export", "--permission", "raw_values"])
    given = frozenset({Permission.LARGE_EXPORT, Permission.RAW_VALUES})
    assert bearer_of_api_token(made.output.strip()) == Bearer("me", given)
    refused = CliRunner().invoke(bklog, ["token", "me", "--permission", "everything"])
    assert refused.exit_code == 2
    assert "large_export" in refused.output
