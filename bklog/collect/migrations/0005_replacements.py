import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("collect", "0004_collector_state"),
    ]

    operations = [
        migrations.CreateModel(
            name="Replacement",
            fields=[
                (
                    "collector",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="replacement",
                        serialize=False,
                        to="collect.collector",
                    ),
                ),
                ("table", models.CharField(max_length=63, unique=True)),
                ("store", models.CharField(max_length=50)),
                (
                    "index",
                    models.CharField(
                        choices=[
                            ("full", "every word"),
                            ("bloom", "a bloom filter: small, slower to search"),
                            ("none", "no index: searches scan"),
                        ],
                        max_length=8,
                    ),
                ),
                ("clean_rule", models.JSONField()),
                ("begun_by", models.CharField(max_length=64)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("filling", "rows are copied while lines go on coming into the old table"),
                            ("closed", "the old table takes no more lines; what came last is copied"),
                            (
                                "swapped",
                                "the collector has the new table; this one is the old, still read by searches that began before",
                            ),
                        ],
                        default="filling",
                        max_length=8,
                    ),
                ),
                ("changed_at", models.DateTimeField(auto_now=True)),
            ],
        ),
        migrations.AddField(
            model_name="collector",
            name="account",
            field=models.CharField(blank=True, max_length=63),
        ),
        migrations.AddField(
            model_name="collector",
            name="generation",
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.AddField(
            model_name="collector",
            name="store",
            field=models.CharField(default="main", max_length=50),
        ),
    ]
