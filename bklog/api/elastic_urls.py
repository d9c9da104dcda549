"""Which view answers which path below /es/."""

from __future__ import annotations

from django.urls import path

from bklog.api import elastic, elastic_cluster

urlpatterns = [
    path("es", elastic_cluster.of_root),
    path("es/", elastic_cluster.of_root),
    path("es/_search", elastic.searches),
    path("es/_msearch", elastic.multi_searches),
    path("es/_count", elastic.counts),
    path("es/_async_search", elastic.async_searches),
    path("es/_search/scroll", elastic.scrolls),
    path("es/_search/scroll/<str:scroll_id>", elastic.scrolls),
    path("es/_pit", elastic.closing),
    path("es/_field_caps", elastic_cluster.capabilities),
    path("es/_mapping", elastic_cluster.mapping),
    path("es/_settings", elastic_cluster.settings_of),
    path("es/_alias", elastic_cluster.aliases),
    path("es/_cat/indices", elastic_cluster.cat),
    path("es/_cat/indices/<str:index>", elastic_cluster.cat),
    path("es/_resolve/index/<str:index>", elastic_cluster.resolving),
    path("es/_cluster/health", elastic_cluster.cluster_health),
    path("es/_cluster/health/<str:index>", elastic_cluster.cluster_health),
    path("es/_nodes", elastic_cluster.node_list),
    path("es/<str:index>", elastic_cluster.index_of),
    path("es/<str:index>/_search", elastic.searches),
    path("es/<str:index>/_msearch", elastic.multi_searches),
    path("es/<str:index>/_count", elastic.counts),
    path("es/<str:index>/_async_search", elastic.async_searches),
    path("es/<str:index>/_pit", elastic.points_in_time),
    path("es/<str:index>/_field_caps", elastic_cluster.capabilities),
    path("es/<str:index>/_mapping", elastic_cluster.mapping),
    path("es/<str:index>/_settings", elastic_cluster.settings_of),
    path("es/<str:index>/_alias", elastic_cluster.aliases),
]
