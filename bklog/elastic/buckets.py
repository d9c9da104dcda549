"""Bucket aggregations: the key that groups their rows, and how the groups are shown.

Groups come from the engine with their keys as text. A bucket that no row is in has no group; it is shown where asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Final, Protocol

from bklog.elastic.dates import MILLISECOND, write_date
from bklog.errors import BadRequest
from bklog.query.fields import Kind
from bklog.query.plan import EdgeKey, FilterKey, Key, NumberKey, Ranking, TermKey, TimeKey

Shown = dict[str, Any]
MAX_BUCKETS: Final = 65_535  # as Elasticsearch has it: more than that nobody looks at, and every one costs memory


def too_many(number: int, most: int) -> BadRequest:
    hint = "take a longer interval, a shorter range, or a smaller size"
    return BadRequest(
        f"there are {number} buckets or more; at most {most} are made", hint=hint, code="too_many_buckets_exception"
    )


@dataclass(frozen=True, slots=True)
class Group:
    """`path` are its keys, outermost first; `total` is the size of all groups beside it."""

    path: tuple[str, ...]
    size: int
    total: int
    figures: tuple[Any, ...]


Inner = Callable[[Group | None], Shown]


class Buckets(Protocol):
    """`inner` shows what stands inside a group, or inside a bucket that has none."""

    @property
    def key(self) -> Key: ...

    @property
    def limit(self) -> int | None: ...

    @property
    def rankings(self) -> tuple[Ranking, ...]: ...

    @property
    def least(self) -> int: ...

    def show(self, groups: Sequence[Group], inner: Inner) -> Shown: ...


@dataclass(frozen=True, slots=True)
class ByTerm:
    key: TermKey
    limit: int
    rankings: tuple[Ranking, ...]
    least: int
    is_masked: bool

    def show(self, groups: Sequence[Group], inner: Inner) -> Shown:
        buckets = [{**self._key(group.path[-1]), "doc_count": group.size, **inner(group)} for group in groups]
        other = groups[0].total - sum(group.size for group in groups) if groups else 0
        return {"doc_count_error_upper_bound": 0, "sum_other_doc_count": other, "buckets": buckets}

    def _key(self, text: str) -> Shown:
        """Typed where every table has the values of one type; what is masked, or put for what is missing, is text."""
        kind = self.key.field.targets[0].kind if self.key.field.is_plain and not self.is_masked else None
        if kind is None or self.key.missing is not None:
            return {"key": text}
        if kind is Kind.BOOL:
            return {"key": int(text == "true"), "key_as_string": text}
        return {"key": int(text) if kind is Kind.INT else float(text)}


@dataclass(frozen=True, slots=True)
class ByTime:
    """`first` and `last` are the bounds of what is shown even where no row is, None for no bound."""

    key: TimeKey | EdgeKey
    zone: tzinfo
    form: str
    least: int
    first: int | None = None
    last: int | None = None
    descending: bool = False
    limit: None = None
    rankings: tuple[Ranking, ...] = ()

    def show(self, groups: Sequence[Group], inner: Inner) -> Shown:
        found = {int(group.path[-1]): group for group in groups}
        buckets = [
            {
                "key_as_string": write_date(self._start(number), self.form, self.zone),
                "key": self._start(number) // MILLISECOND,
                "doc_count": found[number].size if number in found else 0,
                **inner(found.get(number)),
            }
            for number in self._numbers(sorted(found))
        ]
        return {"buckets": buckets[::-1] if self.descending else buckets}

    def _start(self, number: int) -> int:
        return self.key.first + number * self.key.width if isinstance(self.key, TimeKey) else number

    def _number(self, moment: int) -> int:
        if isinstance(self.key, TimeKey):
            return (moment - self.key.first) // self.key.width
        return max((edge for edge in self.key.edges if edge <= moment), default=self.key.edges[0])

    def _numbers(self, found: list[int]) -> Sequence[int]:
        if self.least:
            return found
        ends = [*found, *(self._number(one) for one in (self.first, self.last) if one is not None)]
        if not ends:
            return ()
        if isinstance(self.key, EdgeKey):
            return [edge for edge in self.key.edges if min(ends) <= edge <= max(ends)]
        if max(ends) - min(ends) >= MAX_BUCKETS:
            raise too_many(max(ends) - min(ends) + 1, MAX_BUCKETS)
        return range(min(ends), max(ends) + 1)


@dataclass(frozen=True, slots=True)
class ByNumber:
    key: NumberKey
    least: int
    first: float | None = None
    last: float | None = None
    limit: None = None
    rankings: tuple[Ranking, ...] = ()

    def show(self, groups: Sequence[Group], inner: Inner) -> Shown:
        found = {int(group.path[-1]): group for group in groups}
        buckets = [
            {
                "key": number * self.key.interval + self.key.offset,
                "doc_count": found[number].size if number in found else 0,
                **inner(found.get(number)),
            }
            for number in self._numbers(found)
        ]
        return {"buckets": buckets}

    def _numbers(self, found: Mapping[int, Group]) -> Sequence[int]:
        if self.least:
            return sorted(found)
        bounds = (int((one - self.key.offset) // self.key.interval) for one in (self.first, self.last) if one is not None)
        ends = [*found, *bounds]
        if not ends:
            return ()
        if max(ends) - min(ends) >= MAX_BUCKETS:
            raise too_many(max(ends) - min(ends) + 1, MAX_BUCKETS)
        return range(min(ends), max(ends) + 1)


@dataclass(frozen=True, slots=True)
class ByFilter:
    """`labels` are what each bucket says beside its size; `names` make an object of them, `is_single` has no bucket."""

    key: FilterKey
    labels: tuple[Shown, ...]
    names: tuple[str, ...] | None = None
    is_single: bool = False
    limit: None = None
    rankings: tuple[Ranking, ...] = ()
    least: int = 1

    def show(self, groups: Sequence[Group], inner: Inner) -> Shown:
        buckets = list(self._buckets({int(group.path[-1]): group for group in groups}, inner))
        if self.is_single:
            return buckets[0]
        return {"buckets": buckets if self.names is None else dict(zip(self.names, buckets, strict=True))}

    def _buckets(self, found: Mapping[int, Group], inner: Inner) -> Iterator[Shown]:
        for place, label in enumerate(self.labels, start=1):
            group = found.get(place)
            yield {**label, "doc_count": group.size if group else 0, **inner(group)}
