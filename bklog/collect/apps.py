"""The Django app of collectors and index sets."""

from django.apps import AppConfig


class CollectConfig(AppConfig):
    name = "bklog.collect"
    default_auto_field = "django.db.models.BigAutoField"
