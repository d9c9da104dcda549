"""Which view answers which path."""

from __future__ import annotations

from django.urls import path

from bklog.api import (
    analyses,
    blocks,
    clientlog,
    collectors,
    downloads,
    elastic_urls,
    exports,
    fleet,
    health,
    index_sets,
    loki,
    masking,
    metrics,
    openapi,
    original_urls,
    pipelines,
    saved,
    search,
    storage,
)
from bklog.api.requests import by_method
from bklog.page import paths, views

shell = by_method(GET=views.shell, HEAD=views.shell)
urlpatterns = [
    *(path(route, shell) for route in paths.ROUTES),
    path(f"{paths.FILES}<str:name>", by_method(GET=views.file, HEAD=views.file)),
    path("healthz/", health.healthz),
    path("readiness/", health.readiness),
    path("metrics", metrics.metrics),
    path("metrics/", metrics.metrics),
    path("api/v1/openapi.json", openapi.openapi),
    path("api/v1/fleet/", fleet.fleet),
    path("api/v1/databus/collectors/", collectors.collectors),
    path("api/v1/databus/collectors/<int:collector_id>/", collectors.collector),
    path("api/v1/databus/collectors/onboard/", collectors.onboard),
    path("api/v1/databus/collectors/<int:collector_id>/move/", collectors.move),
    path("api/v1/databus/collectors/<int:collector_id>/reactivate/", collectors.reactivate),
    path("api/v1/databus/collectors/<int:collector_id>/tokens/", collectors.tokens),
    path("api/v1/databus/collectors/<int:collector_id>/ledger/", collectors.ledger),
    path("api/v1/storage/", storage.storage),
    path("api/v1/health/history/", health.history),
    path("api/v1/clientlog/tasks/", clientlog.tasks),
    path("api/v1/clientlog/tasks/<str:task_id>/", clientlog.task),
    path("api/v1/clientlog/tasks/<str:task_id>/retry/", clientlog.retry),
    path("api/v1/pipelines/", pipelines.runs),
    path("api/v1/pipelines/<int:run_id>/", pipelines.run),
    path("api/v1/pipelines/<int:run_id>/retry/", pipelines.retry),
    path("api/v1/pipelines/<int:run_id>/skip/", pipelines.skip),
    path("api/v1/pipelines/<int:run_id>/fail/", pipelines.fail),
    path("api/v1/pipelines/<int:run_id>/cancel/", pipelines.cancel),
    path("api/v1/search/cancel/", search.cancellation),
    path("api/v1/search/block/", blocks.block_list),
    path("api/v1/search/block/<int:block_id>/", blocks.block),
    path("api/v1/search/index_set/", index_sets.index_sets),
    path("api/v1/search/index_set/<int:index_set_id>/", index_sets.index_set),
    path("api/v1/search/index_set/<int:index_set_id>/search/", search.search),
    path("api/v1/search/index_set/<int:index_set_id>/download/", downloads.download),
    path("api/v1/search/index_set/<int:index_set_id>/export/", exports.index_set_exports),
    path("api/v1/search/favourite/", saved.favourite_list),
    path("api/v1/search/favourite/<int:favourite_id>/", saved.favourite),
    path("api/v1/search/history/", saved.history_list),
    path("api/v1/search/history/<int:entry_id>/", saved.history_entry),
    path("api/v1/search/link/", saved.link_list),
    path("api/v1/search/link/<slug:token>/", saved.link),
    path("api/v1/search/export/", exports.exports),
    path("api/v1/search/export/<int:export_id>/", exports.export),
    path("api/v1/search/export/<int:export_id>/cancel/", exports.cancel),
    path("api/v1/search/export/<int:export_id>/retry/", exports.retry),
    path("api/v1/search/export/<int:export_id>/link/", exports.link),
    path("api/v1/search/export/<int:export_id>/file/", downloads.export_file),
    path("api/v1/search/index_set/<int:index_set_id>/inspect/", search.inspection),
    *(
        path(f"api/v1/search/index_set/<int:index_set_id>/{name}/", analyses.view_of(analysis))
        for name, analysis in analyses.ANALYSES.items()
    ),
    path("ready", loki.ready),
    *(path(f"loki/api/v1/{name}", view) for name, view in loki.VIEWS.items()),
    path("loki/api/v1/label/<str:name>/values", loki.label_values),
    path("loki/api/v1/detected_field/<str:name>/values", loki.field_values),
    path("api/v1/search/index_set/<int:index_set_id>/masking/", masking.masking),
    path("api/v1/search/index_set/<int:index_set_id>/masking/preview/", masking.preview),
    *elastic_urls.urlpatterns,
    *original_urls.urlpatterns,
]
handler404 = "bklog.api.middleware.no_such_path"
