"""The Django app of what is known of the fleet over time."""

from django.apps import AppConfig


class SuperviseConfig(AppConfig):
    name = "bklog.supervise"
    default_auto_field = "django.db.models.BigAutoField"
