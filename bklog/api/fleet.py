"""GET /api/v1/fleet/: the programs of this machine, as `bklog status` shows them."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse

from bklog.api.requests import by_method
from bklog.supervise import status
from bklog.supervise.backlog import read_queues
from bklog.supervise.programs import fleet_of
from config.environ import load


def show_fleet(request: HttpRequest) -> HttpResponse:
    this = fleet_of(load())
    return JsonResponse(status.with_queues(status.read(this), this, read_queues).as_dict())


fleet = by_method(GET=show_fleet)
