"""The Django app of client logs."""

from django.apps import AppConfig


class ClientlogConfig(AppConfig):
    name = "bklog.clientlog"
    default_auto_field = "django.db.models.BigAutoField"
