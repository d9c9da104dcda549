"""Clean rules that come with the product, for the formats that many programs write. Values: whoever takes one has a copy.

Each has a line of its format, on which a test tries it; those of formats that loghub has are tried on its lines too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bklog.clean.rule import CleanRule

_DAY: Final = r"\d{4}-\d\d-\d\d"
_CLOCK: Final = r"\d\d:\d\d:\d\d(?:[.,]\d+)?"
_ZONE: Final = r"(?:Z|[+-]\d\d:?\d\d)?"
_QUOTED: Final = r'(?:[^"\\]|\\.)*'


@dataclass(frozen=True, slots=True)
class Shipped:
    name: str
    description: str
    rule: CleanRule
    sample: str


SHIPPED: Final = (
    Shipped(
        "access-log",
        "Access log of nginx and Apache, combined or common",
        CleanRule(
            "regexp",
            types={"status": "int", "bytes": "int"},
            time_field="time",
            pattern=r"^(?P<client>\S+) \S+ (?:-|(?P<user>\S+)) \[(?P<time>[^\]]+)\] "
            rf'"(?:(?P<method>[A-Z]+) (?P<url>{_QUOTED}?)(?: (?P<protocol>HTTP/[\d.]+))?|{_QUOTED})" '
            rf'(?P<status>\d{{3}}) (?:-|(?P<bytes>\d+))(?: "(?:-|(?P<referer>{_QUOTED}))" "(?:-|(?P<agent>{_QUOTED}))")?',
        ),
        '203.0.113.9 - alice [26/Nov/2026:10:00:01 +0800] "GET /pay?id=7 HTTP/2.0" 502 157 "https://shop.example/" "curl/8.5"',
    ),
    Shipped(
        "nginx-error",
        "Error log of nginx",
        CleanRule(
            "regexp",
            types={"pid": "int", "connection": "int"},
            time_field="time",
            pattern=r"^(?P<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(?P<level>\w+)\] (?P<pid>\d+)#(?P<thread>\d+): "
            r"(?:\*(?P<connection>\d+) )?(?P<message>.*)$",
        ),
        "2026/11/26 10:00:01 [error] 31#7: *9 connect() failed (111: Connection refused) while connecting to upstream",
    ),
    Shipped(
        "apache-error",
        "Error log of Apache",
        CleanRule(
            "regexp",
            types={"pid": "int"},
            time_field="time",
            pattern=r"^\[(?P<time>[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)? \d{4})\] "
            r"\[(?:(?P<module>[\w-]+):)?(?P<level>\w+)\](?: \[pid (?P<pid>\d+)(?::tid (?P<thread>\d+))?\])?"
            r"(?: \[client (?P<client>[^\]]+)\])? (?P<message>.*)$",
        ),
        "[Thu Nov 26 10:00:01.123456 2026] [core:error] [pid 31:tid 7] [client 203.0.113.9:4711] AH00126: Invalid URI",
    ),
    Shipped(
        "syslog",
        "Syslog as files have it (RFC 3164): the year is the one that fits, the level the first level word",
        CleanRule(
            "regexp",
            types={"pid": "int"},
            time_field="time",
            level_field="",
            pattern=r"^(?:<(?P<priority>\d{1,3})>)?(?P<time>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) (?P<hostname>\S+) "
            r"(?:(?P<program>[^:\[]+)(?:\[(?P<pid>\d+)\])?: ?)?(?P<message>.*)$",
        ),
        "Nov 26 10:00:01 web-1 sshd[24200]: error: maximum authentication attempts exceeded for root",
    ),
    Shipped(
        "syslog-5424",
        "Syslog with structured data (RFC 5424)",
        CleanRule(
            "regexp",
            time_field="time",
            level_field="",
            pattern=r"^<(?P<priority>\d{1,3})>1 (?P<time>\S+) (?:-|(?P<hostname>\S+)) (?:-|(?P<program>\S+)) "
            rf"(?:-|(?P<pid>\S+)) (?:-|(?P<message_id>\S+)) "
            rf'(?:-|(?P<data>(?:\[(?:[^\]"\\]|"{_QUOTED}")*\])+)) ?(?P<message>.*)$',
        ),
        '<165>1 2026-11-26T10:00:01.003Z web-1 pay 8710 ID47 [origin@32473 ip="203.0.113.9"] error: 支付超时',
    ),
    Shipped(
        "json-lines",
        "JSON objects with `time` and `level`",
        CleanRule("json", time_field="time"),
        '{"time": "2026-11-26T10:00:01Z", "level": "ERROR", "msg": "connection refused", "attempt": 3}',
    ),
    Shipped(
        "json-ecs",
        "JSON objects of the Elastic Common Schema: `@timestamp`, `log.level`",
        CleanRule("json", time_field="@timestamp", level_field="log.level"),
        '{"@timestamp": "2026-11-26T10:00:01.003Z", "log.level": "warn", "message": "slow", "service": {"name": "pay"}}',
    ),
    Shipped(
        "logfmt",
        "key=value pairs with `time` and `level`, as Go programs write them",
        CleanRule("logfmt", time_field="time"),
        'time=2026-11-26T10:00:01Z level=warn msg="slow answer" duration=1.2s path=/pay',
    ),
    Shipped(
        "java",
        "Java with Log4j or Logback: time, thread, level, logger or place, message",
        CleanRule(
            "regexp",
            time_field="time",
            pattern=rf"^(?P<time>{_DAY}[ T]{_CLOCK}{_ZONE}) +(?:- +)?(?:\[(?P<thread>.*?)\] +)?"
            r"(?P<level>TRACE|DEBUG|INFO|WARN|ERROR|FATAL) +(?:\[(?P<place>.*?)\]|(?P<logger>\S+)) +- +(?P<message>.*)$",
        ),
        "2026-11-26 10:00:01,123 [http-nio-8080-exec-1] ERROR com.shop.pay.Gateway - 支付超时 after 3000 ms",
    ),
    Shipped(
        "spring-boot",
        "Java with Spring Boot's own layout",
        CleanRule(
            "regexp",
            types={"pid": "int"},
            time_field="time",
            pattern=rf"^(?P<time>{_DAY}[ T]{_CLOCK}{_ZONE}) +(?P<level>[A-Z]+) (?P<pid>\d+) --- (?:\[(?P<app>[^\]]*)\] )?"
            r"\[ *(?P<thread>[^\]]*)\] (?P<logger>\S+) +: (?P<message>.*)$",
        ),
        "2026-11-26T10:00:01.123+08:00  WARN 31 --- [shop] [nio-8080-exec-1] com.shop.pay.Gateway     : slow answer",
    ),
    Shipped(
        "python",
        "Python's logging: `%(asctime)s - %(name)s - %(levelname)s - %(message)s`",
        CleanRule(
            "regexp",
            time_field="time",
            pattern=rf"^(?P<time>{_DAY} {_CLOCK}) - (?P<logger>\S+) - "
            r"(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL) - (?P<message>.*)$",
        ),
        "2026-11-26 10:00:01,123 - shop.pay - WARNING - slow answer",
    ),
    Shipped(
        "spark",
        "Apache Spark: level, logger, message; the time is that of arrival, as years of two digits can be read in several ways",
        CleanRule(
            "regexp",
            pattern=r"^(?P<written_at>\d\d/\d\d/\d\d \d\d:\d\d:\d\d) (?P<level>[A-Z]+) (?P<logger>[^:]+): (?P<message>.*)$",
        ),
        "26/11/26 10:00:01 INFO executor.Executor: Running task 0.0 in stage 0.0 (TID 0)",
    ),
)
