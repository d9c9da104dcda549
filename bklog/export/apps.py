"""The Django app of exports."""

from django.apps import AppConfig


class ExportConfig(AppConfig):
    name = "bklog.export"
    default_auto_field = "django.db.models.BigAutoField"
