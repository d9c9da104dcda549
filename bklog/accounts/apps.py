"""The Django app of API tokens."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "bklog.accounts"
    default_auto_field = "django.db.models.BigAutoField"
