from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

AT_ONCE = 500


def keep_first_versions(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """The rule that a collector has now is its first version: since when it has it, nobody wrote down."""
    del schema_editor
    collectors = apps.get_model("collect", "Collector").objects.order_by("pk")
    versions = apps.get_model("collect", "RuleVersion").objects
    firsts = (
        versions.model(collector_id=one.pk, number=1, clean_rule=one.clean_rule, made_at=one.created_at)
        for one in collectors.iterator(chunk_size=AT_ONCE)
    )
    versions.bulk_create(firsts, batch_size=AT_ONCE)


class Migration(migrations.Migration):
    dependencies = [
        ("collect", "0008_rule_versions"),
    ]

    operations = [migrations.RunPython(keep_first_versions, migrations.RunPython.noop)]
