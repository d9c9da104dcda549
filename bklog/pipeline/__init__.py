"""Pipelines: named steps kept in the database, each done by a task, waited for, tried again, and gone on with after any end.

start ─▶ PipelineRun ─message─▶ pipeline: execute(step) ─┬─ Done ──▶ the next step, or the end
           ▲                        ▲                    ├─ Again ─▶ the same step, at once
           │                        └────────────────────┤
           │                    service_schedule ◀─ Wait ┘  (pauses that grow, a time-out)
           └─ retry, skip, fail, cancel (a person)      additional_task: sweep (lost messages), time-outs, clean-up

What a pipeline does is known where features are wired (`bklog.tasks.wiring`); here is only how it is carried through.
"""
