"""`bklog store`: chDB behind the ClickHouse HTTP interface, in one process that owns the folder (`serve.py`).

    request -> call (what is asked) -> statements (where rows begin) -> guard (what a client may reach)
            -> engine (a connection of its lane) -> execute -> respond

Settings in the URL hold for their request alone: `SET` and `USE` end with it, and a `session_id` is accepted and means nothing.
Not served: native-protocol blocks (`compress=1`), external data, progress headers.
"""
