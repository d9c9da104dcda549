"""The part of Elasticsearch's search API that its clients and Grafana send, answered from index sets.

body ─ request ─▶ Asked ─┬ dsl ──▶ tree of the query language ─▶ Plan ─▶ rows ─ hits ─▶ hits
                         └ aggregation ─▶ a plan of groups for each level ─ buckets ─▶ aggregations

What is asked in Elasticsearch's words becomes what a search of the platform's own is made of: its planner, masking and limits.
What has no meaning here is refused, never passed over.
"""
