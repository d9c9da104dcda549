"""Which view answers which path below /api/bk-log-search/prod/."""

from __future__ import annotations

from django.urls import path

from bklog.api import original_analyses as analyses
from bklog.api import original_export as export
from bklog.api import original_search as search
from bklog.api import original_sets as sets
from bklog.api import original_stream as stream
from bklog.esquery import PREFIX

_ONE = "<int:index_set_id>"
VIEWS = {
    "esquery_search/": search.esquery_searches,
    "esquery_dsl/": search.esquery_dsls,
    "esquery_scroll/": search.esquery_scrolls,
    "esquery_mapping/": sets.mappings,
    "search_index_set/": sets.set_list,
    "search_index_set/operators/": sets.operators,
    f"search_index_set/{_ONE}/fields/": sets.fields_of_one,
    f"search_index_set/{_ONE}/context/": stream.contexts,
    f"search_index_set/{_ONE}/search/original/": search.originals,
    "search/index_set/generate_querystring/": sets.querystrings,
    "search/index_set/union_search/": search.unions,
    "search/index_set/union_search/fields/": sets.fields_of_several,
    "search/index_set/aggs/union_search/date_histogram/": analyses.histogram_of_several,
    "search/index_set/aggs/union_search/terms/": analyses.terms_of_several,
    f"search/index_set/{_ONE}/search/": search.searches,
    f"search/index_set/{_ONE}/export/": export.exports,
    f"search/index_set/{_ONE}/tail_f/": stream.tails,
    f"search/index_set/{_ONE}/aggs/terms/": analyses.terms_of_one,
    f"search/index_set/{_ONE}/aggs/date_histogram/": analyses.histogram_of_one,
    "field/index_set/statistics/total/": analyses.totals,
    "field/index_set/statistics/info/": analyses.infos,
    "field/index_set/fetch_topk_list/": analyses.topks,
}
urlpatterns = [path(f"{PREFIX[1:]}{name}", view) for name, view in VIEWS.items()]
