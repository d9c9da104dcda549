"""The Django app of pipelines."""

from django.apps import AppConfig


class PipelineConfig(AppConfig):
    name = "bklog.pipeline"
    default_auto_field = "django.db.models.BigAutoField"
