"""Line: who waits for a place and who has one, and by which rule the next place is given. Pure: one rule wherever it is kept.

line, claim ─▶ those whose time is over are left out ─▶ the claim stands in it ─▶ every free place is given ─▶ line

A place goes to the space with the fewest, there to whoever has the fewest, of those to who had none for the longest, and then
in the order of their coming: one who asks for much does not keep others waiting.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Final

WAITING_SECONDS: Final = 5.0  # who waits and is not heard of for so long has died
LATE_SECONDS: Final = 5.0  # a place is kept for its work's longest time and this


@dataclass(frozen=True, slots=True)
class Rule:
    """None is without bound."""

    at_once: int | None = None
    of_a_space: int | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """`seconds` is the longest that a place is needed, `until` the moment at which the claim is forgotten."""

    id: str
    space: str
    owner: str
    seconds: float
    until: float = 0.0
    has_place: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """Claims in the order of their coming; `last` is when an owner who is here last gave a place back."""

    claims: tuple[Claim, ...] = ()
    last: Mapping[str, float] = field(default_factory=dict)

    def has_place(self, claim: Claim) -> bool:
        return any(one.has_place for one in self.claims if one.id == claim.id)

    def asked(self, claim: Claim, rule: Rule, *, now: float) -> Line:
        """The claim stands in the line, at its end if it was not in it, and what is free is given."""
        claims = tuple(one for one in self.claims if one.until > now or one.id == claim.id)
        mine = next((one for one in claims if one.id == claim.id), None)
        waits = replace(claim, until=now + WAITING_SECONDS)
        if mine is None:
            claims = (*claims, waits)
        elif not mine.has_place and mine.until < now + WAITING_SECONDS / 2:
            claims = tuple(waits if one is mine else one for one in claims)
        return self if claims == self.claims else _granted(claims, self.last, rule, now=now)

    def left(self, claim: Claim, rule: Rule, *, now: float) -> Line:
        had = self.has_place(claim)
        rest = tuple(one for one in self.claims if one.id != claim.id and one.until > now)
        if rest == self.claims:
            return self
        return _granted(rest, {**self.last, claim.owner: now} if had else self.last, rule, now=now)

    def as_text(self) -> str:
        return json.dumps({"claims": [asdict(one) for one in self.claims], "last": dict(self.last)})


def read_line(text: str) -> Line:
    if not text:
        return Line()
    kept = json.loads(text)
    return Line(tuple(Claim(**one) for one in kept["claims"]), kept["last"])


def _granted(claims: tuple[Claim, ...], last: Mapping[str, float], rule: Rule, *, now: float) -> Line:
    while chosen := _next(claims, last, rule):
        given = replace(chosen, has_place=True, until=now + chosen.seconds + LATE_SECONDS)
        claims = tuple(given if one is chosen else one for one in claims)
    here = {one.owner for one in claims}
    return Line(claims, {owner: at for owner, at in last.items() if owner in here})


def _next(claims: tuple[Claim, ...], last: Mapping[str, float], rule: Rule) -> Claim | None:
    spaces = Counter(one.space for one in claims if one.has_place)
    owners = Counter(one.owner for one in claims if one.has_place)
    if rule.at_once is not None and spaces.total() >= rule.at_once:
        return None
    waiting = (one for one in claims if not one.has_place and _fits(spaces[one.space], rule))
    return min(waiting, key=lambda one: (spaces[one.space], owners[one.owner], last.get(one.owner, 0.0)), default=None)


def _fits(places: int, rule: Rule) -> bool:
    return rule.of_a_space is None or places < rule.of_a_space
