"""SQL of a person on an index set: one SELECT over `logs`, the rows that a query finds as their reader may see them.

text ─ tokens ─▶ check ─▶ View (its pieces around each `logs`), an output of a Plan ─ sql ─▶ one statement
                   └─ tree: what the engine's own parser found, looked at again before anything runs
"""
