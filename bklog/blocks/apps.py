"""The Django app of blocks."""

from django.apps import AppConfig


class BlocksConfig(AppConfig):
    name = "bklog.blocks"
    default_auto_field = "django.db.models.BigAutoField"
