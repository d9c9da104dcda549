"""How tasks are put together from features: imported when a task first runs, since every worker loads every area."""
