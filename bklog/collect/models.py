"""What is collected: collectors, each with its table and clean rule, their ingest tokens, and index sets over them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.utils import timezone

from bklog.clean import CleanRule
from bklog.query import Masking
from bklog.records import MAIN_STORE
from bklog.store import LogTable


class Collector(models.Model):
    """One table of a store is one collector, and holds all its rows. Re-cleaning and a move put another in its place.

    `account` is the name of its first table once it has another; `generation` counts the tables that were made for it.
    `entered_by` names what made it, where that may come again and must find its own: the run of a pipeline.
    """

    class Scenario(models.TextChoices):
        ROW = "row", "lines of files"
        CUSTOM = "custom", "lines sent over HTTP"
        REJECTS = "rejects", "lines that the platform refused"

    class Index(models.TextChoices):
        FULL = "full", "every word"
        BLOOM = "bloom", "a bloom filter: small, slower to search"
        NONE = "none", "no index: searches scan"

    class State(models.TextChoices):
        NEW = "new", "takes lines; its onboarding has not ended"
        ACTIVE = "active", "takes lines"
        DELETING = "deleting", "takes no more lines, and goes with those that it has"

    name = models.CharField(max_length=50, unique=True)
    space = models.CharField(max_length=64, default="default", db_index=True)
    scenario = models.CharField(max_length=16, choices=Scenario.choices, default=Scenario.CUSTOM)
    description = models.CharField(max_length=200, blank=True)
    table = models.CharField(max_length=63, unique=True)
    account = models.CharField(max_length=63, blank=True)
    store = models.CharField(max_length=50, default=MAIN_STORE)
    generation = models.PositiveIntegerField(default=1)
    index = models.CharField(max_length=8, choices=Index.choices, default=Index.FULL)
    clean_rule = models.JSONField()
    retention_days = models.PositiveIntegerField()
    labels = models.JSONField(default=dict)
    state = models.CharField(max_length=16, choices=State.choices, default=State.ACTIVE)
    entered_by = models.CharField(max_length=64, null=True, unique=True)  # noqa: DJ001 NULL is what is not compared
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager[Collector]] = models.Manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @property
    def rule(self) -> CleanRule:
        return CleanRule.from_dict(self.clean_rule)

    @property
    def log_table(self) -> LogTable:
        return LogTable(
            self.table,
            self.retention_days,
            index=self.index,
            types=self.rule.types,
            account=self.account,
            store=self.store,
            title=self.name,
        )


class Replacement(models.Model):
    """The table that is to take the place of a collector's, until it does.

    One at a time: the collector is the key. The table belongs to somebody, although no collector names it.
    `begun_by` names the run that sees to it.
    """

    class State(models.TextChoices):
        FILLING = "filling", "rows are copied while lines go on coming into the old table"
        CLOSED = "closed", "the old table takes no more lines; what came last is copied"

    collector = models.OneToOneField(Collector, on_delete=models.CASCADE, primary_key=True, related_name="replacement")
    table = models.CharField(max_length=63, unique=True)
    store = models.CharField(max_length=50)
    index = models.CharField(max_length=8, choices=Collector.Index.choices)
    clean_rule = models.JSONField()
    begun_by = models.CharField(max_length=64)
    state = models.CharField(max_length=8, choices=State.choices, default=State.FILLING)
    changed_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[models.Manager[Replacement]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.table} for {self.collector_id}, {self.state}"

    @property
    def rule(self) -> CleanRule:
        return CleanRule.from_dict(self.clean_rule)

    @property
    def log_table(self) -> LogTable:
        collector = self.collector
        return LogTable(
            self.table,
            collector.retention_days,
            index=self.index,
            types=self.rule.types,
            account=collector.log_table.known_as,
            store=self.store,
        )


class ReplacedTable(models.Model):
    """What was a collector's table: searches and exports that began on it end on it, then it is dropped."""

    collector = models.ForeignKey(Collector, on_delete=models.CASCADE, related_name="replaced_tables")
    table = models.CharField(max_length=63, unique=True)
    store = models.CharField(max_length=50)
    replaced_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[models.Manager[ReplacedTable]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.table} of {self.collector_id}, until {self.replaced_at}"

    @property
    def log_table(self) -> LogTable:
        """Enough of it to drop it."""
        return LogTable(self.table, retention_days=1, store=self.store)


class RuleVersion(models.Model):
    """A clean rule that a collector has or had. Numbers go on counting where old versions are let go.

    `made_by` is who asked for it: empty where the version is older than this table.
    """

    collector = models.ForeignKey(Collector, on_delete=models.CASCADE, related_name="rule_versions")
    number = models.PositiveIntegerField()
    clean_rule = models.JSONField()
    made_at = models.DateTimeField(default=timezone.now)
    made_by = models.CharField(max_length=64, blank=True)

    objects: ClassVar[models.Manager[RuleVersion]] = models.Manager()

    class Meta:
        ordering = ("-number",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["collector", "number"], name="collect_one_rule_a_number"),
        ]

    def __str__(self) -> str:
        return f"rule {self.number} of {self.collector_id}"

    @property
    def rule(self) -> CleanRule:
        return CleanRule.from_dict(self.clean_rule)


class RuleTemplate(models.Model):
    """A clean rule under a name of a space. Whoever takes it has a copy: no collector knows its template."""

    space = models.CharField(max_length=64, default="default")
    name = models.CharField(max_length=64)
    description = models.CharField(max_length=200, blank=True)
    clean_rule = models.JSONField()
    changed_at = models.DateTimeField(auto_now=True)
    changed_by = models.CharField(max_length=64)

    objects: ClassVar[models.Manager[RuleTemplate]] = models.Manager()

    class Meta:
        ordering = ("space", "name")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["space", "name"], name="collect_one_template_a_name"),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.space}"

    @property
    def rule(self) -> CleanRule:
        return CleanRule.from_dict(self.clean_rule)


class IngestToken(models.Model):
    """A secret that lets its bearer write into one collector. Kept are its hash, and the `beginning` by which one knows it.

    `kept_on` is the machine in whose `secrets/tokens/` it lies: `bklog ingest` and the agent there send with it.
    `last_used_at` is noted at most once in a while: bklog/api/token_use.py.
    """

    collector = models.ForeignKey(Collector, on_delete=models.CASCADE, related_name="tokens")
    hash = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=64, blank=True)
    kept_on = models.CharField(max_length=64, blank=True)
    beginning = models.CharField(max_length=16, blank=True)
    made_by = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.CharField(max_length=64, blank=True)

    objects: ClassVar[models.Manager[IngestToken]] = models.Manager()

    def __str__(self) -> str:
        return f"token {self.pk} of {self.collector_id}"


class IndexSet(models.Model):
    """What is searched: one or several collectors under one name, and how its rows are shown to who names nothing else."""

    class Order(models.TextChoices):
        NEWEST = "newest", "the newest row first"
        OLDEST = "oldest", "the oldest row first"

    name = models.CharField(max_length=64, unique=True)
    space = models.CharField(max_length=64, default="default", db_index=True)
    description = models.CharField(max_length=200, blank=True)
    collectors = models.ManyToManyField(Collector, related_name="index_sets")
    masking_rules = models.JSONField(default=list)
    tags = models.JSONField(default=list)
    default_fields = models.JSONField(default=list)
    default_order = models.CharField(max_length=8, choices=Order.choices, default=Order.NEWEST)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager[IndexSet]] = models.Manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @property
    def masking(self) -> Masking:
        """What of its rows only a permission shows."""
        return Masking.from_list(self.masking_rules)


class IndexSetAlias(models.Model):
    """Another name by which an index set is found. No index set and no other alias has it."""

    index_set = models.ForeignKey(IndexSet, on_delete=models.CASCADE, related_name="aliases")
    name = models.CharField(max_length=64, unique=True)

    objects: ClassVar[models.Manager[IndexSetAlias]] = models.Manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class StorageSample(models.Model):
    """What one collector took in the store at one moment: from these the day is known on which the disk is full."""

    collector = models.ForeignKey(Collector, on_delete=models.CASCADE, related_name="storage_samples")
    taken_at = models.DateTimeField(db_index=True)
    rows = models.BigIntegerField()
    size_bytes = models.BigIntegerField()

    objects: ClassVar[models.Manager[StorageSample]] = models.Manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["collector", "taken_at"], name="collect_one_sample_a_moment"),
        ]

    def __str__(self) -> str:
        return f"{self.size_bytes} bytes of {self.collector_id} at {self.taken_at}"


class OrphanTable(models.Model):
    """A collector's table of the store that no collector has any more, and since when that is known."""

    name = models.CharField(max_length=63, primary_key=True)
    first_seen_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager[OrphanTable]] = models.Manager()

    def __str__(self) -> str:
        return self.name


def present_collector(collector: Collector) -> dict[str, Any]:
    """A collector as the API shows it: never with a token."""
    index_set = collector.index_sets.order_by("pk").first()
    return {
        "id": collector.pk,
        "name": collector.name,
        "space": collector.space,
        "scenario": collector.scenario,
        "description": collector.description,
        "table": collector.table,
        "account": collector.log_table.known_as,
        "store": collector.store,
        "index": collector.index,
        "clean_rule": collector.rule.as_dict(),
        "retention_days": collector.retention_days,
        "labels": collector.labels,
        "state": collector.state,
        "created_at": collector.created_at.isoformat(),
        "index_set_id": index_set.pk if index_set else None,
    }
