"""Grok -> a regular expression: `%{IP:client} %{NUMBER:ms}` by the names that Logstash gave the usual patterns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

PATTERNS: Final[Mapping[str, str]] = {
    "WORD": r"\b\w+\b",
    "NOTSPACE": r"\S+",
    "SPACE": r"\s*",
    "DATA": r".*?",
    "GREEDYDATA": r".*",
    "INT": r"[+-]?\d+",
    "POSINT": r"[1-9]\d*",
    "NONNEGINT": r"\d+",
    "NUMBER": r"[+-]?(?:\d+(?:\.\d+)?|\.\d+)",
    "BASE10NUM": r"[+-]?(?:\d+(?:\.\d+)?|\.\d+)",
    "BASE16NUM": r"[+-]?(?:0x)?[0-9A-Fa-f]+",
    "USERNAME": r"[a-zA-Z0-9._-]+",
    "USER": r"[a-zA-Z0-9._-]+",
    "UUID": r"[A-Fa-f0-9]{8}-(?:[A-Fa-f0-9]{4}-){3}[A-Fa-f0-9]{12}",
    "MAC": r"(?:[A-Fa-f0-9]{2}[:-]){5}[A-Fa-f0-9]{2}",
    "IPV4": r"(?:\d{1,3}\.){3}\d{1,3}",
    "IPV6": r"[0-9A-Fa-f]*:[0-9A-Fa-f:.]+",
    "IP": r"(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+)",
    "HOSTNAME": r"[0-9A-Za-z](?:[0-9A-Za-z_.-]*[0-9A-Za-z])?",
    "IPORHOST": r"[0-9A-Za-z:](?:[0-9A-Za-z_.:-]*[0-9A-Za-z])?",
    "HOSTPORT": r"[0-9A-Za-z](?:[0-9A-Za-z_.-]*[0-9A-Za-z])?:\d+",
    "PATH": r"(?:/[^\s?*]*|[A-Za-z]:\\[^\s?*]*)",
    "UNIXPATH": r"/[^\s?*]*",
    "URI": r"[A-Za-z][A-Za-z0-9+.-]*://\S+",
    "URIPATH": r"/[^\s?#]*",
    "QUOTEDSTRING": r'"(?:[^"\\]|\\.)*"',
    "QS": r'"(?:[^"\\]|\\.)*"',
    "LOGLEVEL": r"(?i:trace|debug|info|notice|warn(?:ing)?|err(?:or)?|crit(?:ical)?|fatal|alert|emerg(?:ency)?|severe)",
    "TIMESTAMP_ISO8601": r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?",
    "HTTPDATE": r"\d{1,2}/[A-Za-z]{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}",
    "SYSLOGTIMESTAMP": r"[A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d",
    "DATE": r"\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}",
    "TIME": r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?",
}
_REFERENCE: Final = re.compile(r"%\{(\w+)(?::([^{}:]+))?(?::\w+)?\}")


def unknown(text: str) -> str:
    """The first name of a pattern that is not known here, or an empty text."""
    return next((found[1] for found in _REFERENCE.finditer(text) if found[1] not in PATTERNS), "")


def expand(text: str) -> str:
    """Every `%{PATTERN:name}` as a named group, every `%{PATTERN}` as a group without a name."""
    return _REFERENCE.sub(lambda found: f"(?P<{found[2]}>{_of(found)})" if found[2] else f"(?:{_of(found)})", text)


def _of(found: re.Match[str]) -> str:
    return PATTERNS[found[1]]
