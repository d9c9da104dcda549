import django.db.models.deletion
import django.utils.timezone
from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def keep_replaced_tables(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """A replacement that had swapped its tables named the old one, and stood in the way of the next."""
    del schema_editor
    swapped = apps.get_model("collect", "Replacement").objects.filter(state="swapped")
    replaced = apps.get_model("collect", "ReplacedTable").objects
    replaced.bulk_create(
        replaced.model(collector_id=one.collector_id, table=one.table, store=one.store, replaced_at=one.changed_at)
        for one in swapped
    )
    swapped.delete()


class Migration(migrations.Migration):
    dependencies = [
        ("collect", "0009_first_rule_versions"),
    ]

    operations = [
        migrations.CreateModel(
            name="ReplacedTable",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("table", models.CharField(max_length=63, unique=True)),
                ("store", models.CharField(max_length=50)),
                ("replaced_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "collector",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="replaced_tables",
                        to="collect.collector",
                    ),
                ),
            ],
        ),
        migrations.RunPython(keep_replaced_tables, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="replacement",
            name="state",
            field=models.CharField(
                choices=[
                    ("filling", "rows are copied while lines go on coming into the old table"),
                    ("closed", "the old table takes no more lines; what came last is copied"),
                ],
                default="filling",
                max_length=8,
            ),
        ),
    ]
