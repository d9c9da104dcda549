"""The Django app of favourites, history and short links."""

from django.apps import AppConfig


class SavedConfig(AppConfig):
    name = "bklog.saved"
    default_auto_field = "django.db.models.BigAutoField"
