"""Every route and method → what it needs of who asks. A route that is not here answers nobody; a test looks.

Tokens may do all of it, as ever, but what a permission guards; roles bound what people do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from bklog.api.analyses import ANALYSES
from bklog.api.elastic_urls import urlpatterns as elastic_paths
from bklog.api.loki import VIEWS
from bklog.api.original_urls import urlpatterns as original_paths
from bklog.page import paths
from bklog.records import Permission, Role


class Where(Enum):
    """In which space the role is needed."""

    NOWHERE = auto()  # no role is needed: it is one's own, or needs a permission
    SOMEWHERE = auto()  # in any; the view shows and changes only what is in one's spaces
    EVERYWHERE = auto()  # in every space: it belongs to no single one
    INDEX_SET = auto()  # in that of the index set of the path
    COLLECTOR = auto()
    TEMPLATE = auto()
    EXPORT = auto()
    RUN = auto()
    FAVOURITE = auto()


@dataclass(frozen=True, slots=True)
class Right:
    """`own` is the role that suffices for what one has made oneself."""

    where: Where
    role: Role = Role.VIEWER
    own: Role | None = None
    permission: Permission | None = None


ANY: Final = "*"  # each method that the view has
ByMethod = Mapping[str, Right]
OPEN: Final = Right(Where.NOWHERE)  # needs no proof, or brings one that the view checks; the middleware knows these paths
SELF: Final = Right(Where.NOWHERE)  # whoever has proven who it is
ACCOUNTS: Final = Right(Where.NOWHERE, permission=Permission.ACCOUNTS)
BLOCKING: Final = Right(Where.NOWHERE, permission=Permission.BLOCK_SEARCHES)
SEE: Final = Right(Where.SOMEWHERE)
EDIT: Final = Right(Where.SOMEWHERE, Role.EDITOR)
SEE_ALL: Final = Right(Where.EVERYWHERE)
EDIT_ALL: Final = Right(Where.EVERYWHERE, Role.EDITOR)
ADMIN_ALL: Final = Right(Where.EVERYWHERE, Role.ADMIN)
SEE_ROWS: Final = Right(Where.INDEX_SET)
EDIT_SET: Final = Right(Where.INDEX_SET, Role.EDITOR)
MASK: Final = Right(Where.INDEX_SET, Role.ADMIN)
SEE_COLLECTOR: Final = Right(Where.COLLECTOR)
EDIT_COLLECTOR: Final = Right(Where.COLLECTOR, Role.EDITOR)
SEE_TEMPLATE: Final = Right(Where.TEMPLATE)
EDIT_TEMPLATE: Final = Right(Where.TEMPLATE, Role.EDITOR)
SEE_EXPORT: Final = Right(Where.EXPORT)
CHANGE_EXPORT: Final = Right(Where.EXPORT, Role.EDITOR, own=Role.VIEWER)
SEE_RUN: Final = Right(Where.RUN, own=Role.EDITOR)
CHANGE_RUN: Final = Right(Where.RUN, Role.EDITOR, own=Role.EDITOR)
FAVOURITE: Final = Right(Where.FAVOURITE)

_INDEX_SET: Final = "api/v1/search/index_set/<int:index_set_id>/"
_COLLECTOR: Final = "api/v1/databus/collectors/<int:collector_id>/"
_EXPORT: Final = "api/v1/search/export/<int:export_id>/"
_RUN: Final = "api/v1/pipelines/<int:run_id>/"
_ACCOUNTS: Final = "api/v1/accounts/"

RIGHTS: Final[Mapping[str, ByMethod]] = {
    **{route: {"GET": OPEN} for route in (*paths.ROUTES, f"{paths.FILES}<str:name>")},
    "healthz/": {"GET": OPEN},
    "readiness/": {"GET": OPEN},
    "api/v1/health/": {"GET": OPEN},
    "metrics": {"GET": SEE_ALL},
    "metrics/": {"GET": SEE_ALL},
    "api/v1/openapi.json": {"GET": SELF},
    "api/v1/fleet/": {"GET": SEE_ALL},
    f"{_ACCOUNTS}session/": {"GET": SELF, "POST": OPEN, "DELETE": SELF},
    f"{_ACCOUNTS}me/": {ANY: SELF},
    f"{_ACCOUNTS}me/password/": {"POST": SELF},
    f"{_ACCOUNTS}users/": {ANY: ACCOUNTS},
    f"{_ACCOUNTS}users/<str:name>/": {ANY: ACCOUNTS},
    f"{_ACCOUNTS}users/<str:name>/password/": {"POST": ACCOUNTS},
    f"{_ACCOUNTS}tokens/": {ANY: ACCOUNTS},
    f"{_ACCOUNTS}tokens/<int:token_id>/": {"DELETE": ACCOUNTS},
    f"{_ACCOUNTS}spaces/": {"GET": ACCOUNTS},
    f"{_ACCOUNTS}audit/": {"GET": ACCOUNTS},
    "api/v1/fleet/settings/": {"GET": ADMIN_ALL},
    "api/v1/databus/collectors/": {"GET": SEE, "POST": EDIT},
    _COLLECTOR: {"GET": SEE_COLLECTOR, "PATCH": EDIT_COLLECTOR, "DELETE": EDIT_COLLECTOR},
    "api/v1/databus/collectors/onboard/": {"POST": EDIT},
    "api/v1/databus/collectors/ledger/": {"GET": SEE},
    "api/v1/databus/etl_preview/": {"POST": EDIT},
    f"{_COLLECTOR}move/": {ANY: EDIT_COLLECTOR},
    f"{_COLLECTOR}reactivate/": {"POST": EDIT_COLLECTOR},
    f"{_COLLECTOR}tokens/": {ANY: EDIT_COLLECTOR},
    f"{_COLLECTOR}tokens/<int:ingest_token_id>/": {"DELETE": EDIT_COLLECTOR},
    f"{_COLLECTOR}ledger/": {"GET": SEE_COLLECTOR},
    f"{_COLLECTOR}rules/": {"GET": SEE_COLLECTOR},
    f"{_COLLECTOR}rules/<int:number>/": {"GET": SEE_COLLECTOR},
    "api/v1/databus/clean_template/": {"GET": SEE, "POST": EDIT},
    "api/v1/databus/clean_template/<int:template_id>/": {"GET": SEE_TEMPLATE, "PATCH": EDIT_TEMPLATE, "DELETE": EDIT_TEMPLATE},
    "api/v1/storage/": {"GET": SEE_ALL},
    "api/v1/health/history/": {"GET": SEE},
    "api/v1/clientlog/tasks/": {"GET": SEE_ALL, "POST": EDIT_ALL},
    "api/v1/clientlog/tasks/<str:task_id>/": {"GET": SEE_ALL},
    "api/v1/clientlog/tasks/<str:task_id>/retry/": {"POST": EDIT_ALL},
    "api/v1/pipelines/": {"GET": SEE_ALL},
    _RUN: {"GET": SEE_RUN},
    **{f"{_RUN}{change}/": {"POST": CHANGE_RUN} for change in ("retry", "skip", "fail", "cancel")},
    "api/v1/search/cancel/": {"POST": SELF},
    "api/v1/search/block/": {"GET": SEE, "POST": BLOCKING},
    "api/v1/search/block/<int:block_id>/": {"DELETE": BLOCKING},
    "api/v1/search/index_set/": {"GET": SEE, "POST": EDIT},
    _INDEX_SET: {"GET": SEE_ROWS, "PATCH": EDIT_SET, "DELETE": EDIT_SET},
    **{f"{_INDEX_SET}{name}/": {ANY: SEE_ROWS} for name in ("search", "download", "export", "inspect", *ANALYSES)},
    f"{_INDEX_SET}masking/": {"GET": SEE_ROWS, "PUT": MASK},
    f"{_INDEX_SET}masking/preview/": {"POST": EDIT_SET},
    "api/v1/search/favourite/": {"GET": SEE, "POST": SEE},
    "api/v1/search/favourite/<int:favourite_id>/": {ANY: FAVOURITE},
    "api/v1/search/history/": {ANY: SELF},
    "api/v1/search/history/<int:entry_id>/": {"DELETE": SELF},
    "api/v1/search/link/": {"GET": SELF, "POST": SEE},
    "api/v1/search/link/<slug:token>/": {ANY: SELF},
    "api/v1/search/export/": {"GET": SEE},
    _EXPORT: {"GET": SEE_EXPORT, "DELETE": CHANGE_EXPORT},
    f"{_EXPORT}cancel/": {"POST": CHANGE_EXPORT},
    f"{_EXPORT}retry/": {"POST": CHANGE_EXPORT},
    f"{_EXPORT}link/": {"GET": SEE_EXPORT},
    f"{_EXPORT}file/": {"GET": SEE_EXPORT},
    "ready": {"GET": SELF},
    **{f"loki/api/v1/{name}": {ANY: SEE} for name in VIEWS},
    "loki/api/v1/label/<str:name>/values": {ANY: SEE},
    "loki/api/v1/detected_field/<str:name>/values": {ANY: SEE},
    **{str(one.pattern): {ANY: SEE} for one in elastic_paths},
    # Theirs name index sets in paths and bodies: `original.Call` looks at each.
    **{str(one.pattern): {ANY: SEE} for one in original_paths},
}


def right_of(route: str, method: str) -> Right | None:
    """None for what nobody may; of HEAD that of GET."""
    by_method = RIGHTS.get(route, {})
    return by_method.get(method) or by_method.get(ANY) or (by_method.get("GET") if method == "HEAD" else None)
