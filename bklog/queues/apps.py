"""The Django app of the queues: leases, nodes and periodic runs."""

from django.apps import AppConfig


class QueuesConfig(AppConfig):
    name = "bklog.queues"
    default_auto_field = "django.db.models.BigAutoField"
