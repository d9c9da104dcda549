"""BK-LOG's own resources, by their names and in their shapes, over the searches of this platform: docs/original-api.md.

body ─ question ─▶ Asked(node, time range) ─┬ its text ─▶ the platform's search ─▶ rows ─▶ rows in the original's names
                                            └ its Lucene ─▶ `bklog.elastic` ─▶ hits, aggregations ─▶ the original's shapes

What a body asks for and is not there is refused. What says only who asks, or how a page shows it, is passed over.
"""

from typing import Final

PREFIX: Final = "/api/bk-log-search/prod/"
