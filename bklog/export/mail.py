"""An export that has ended → a mail to those who wanted to know. A mail that cannot be sent is shown, and fails no export."""

from __future__ import annotations

import logging
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Final, Literal

from django.db.models import F, Q
from django.utils import timezone

from bklog.errors import BklogError
from bklog.export.models import Export

logger = logging.getLogger("bklog.export")
MOST_ATTEMPTS: Final = 3
ANSWER_SECONDS: Final = 20.0
AGAIN: Final = timedelta(minutes=2)
Security = Literal["none", "starttls", "tls"]


@dataclass(frozen=True, slots=True)
class MailServer:
    """`starttls` and `tls` check the server's certificate against the system's authorities, or those in `ca_file`."""

    host: str
    port: int
    security: Security
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""


def send_mail(pk: int, server: MailServer, link: Callable[[Export], str]) -> None:
    """Sends what is due, once; a failure is kept in the export, and tried again a few times by the sweep."""
    due = Export.objects.filter(pk=pk, mail_state=Export.Mail.DUE, state__in=(Export.State.SUCCESS, Export.State.FAILED))
    waits = Q(next_try_at__gt=timezone.now())  # another worker is at it, or was a moment ago
    if not due.exclude(waits).update(mail_attempts=F("mail_attempts") + 1, next_try_at=timezone.now() + AGAIN):
        return
    export = due.get()
    try:
        _send(message(export, server, link(export)), server)
    except (OSError, smtplib.SMTPException, UnicodeError, BklogError) as problem:  # a password must be ASCII; so says smtplib
        _keep_failure(export, f"{type(problem).__name__}: {problem}")
        return
    due.update(mail_state=Export.Mail.SENT, mail_error="", next_try_at=None)


def due_mails(*, is_set: bool) -> list[int]:
    """Without a mail server nothing can be sent: that is said in the export."""
    ended = Export.objects.filter(mail_state=Export.Mail.DUE, state__in=(Export.State.SUCCESS, Export.State.FAILED))
    if not is_set:
        ended.update(mail_state=Export.Mail.FAILED, mail_error="no mail server is set: BKLOG_SMTP_HOST")
        return []
    waiting = ended.exclude(next_try_at__gt=timezone.now())
    return list(waiting.values_list("pk", flat=True)[:100])


def message(export: Export, server: MailServer, link: str) -> EmailMessage:
    ended = "is done" if export.state == Export.State.SUCCESS else "failed"
    mail = EmailMessage()
    mail["Subject"] = f"BK-LOG: the export {export.pk} of {export.index_set} {ended}"
    mail["From"] = server.sender
    mail["To"] = ", ".join(export.mail_to)
    mail["Date"] = formatdate()
    mail["Message-ID"] = make_msgid(domain=server.sender.rpartition("@")[2] or "localhost")
    mail.set_content("\n".join(_lines(export, link)) + "\n")
    return mail


def _lines(export: Export, link: str) -> list[str]:
    about = [f"query: {export.query or '*'}", f"from {export.start.isoformat()} to {export.end.isoformat()}"]
    if export.state != Export.State.SUCCESS:
        return [*about, f"It failed: {export.reason} [{export.code}]", export.hint]
    cut = (
        [f"{export.matched_rows:,} rows match: the limit let {export.rows:,} through"]
        if export.matched_rows > export.limit
        else []
    )
    return [
        *about,
        f"{export.rows:,} rows, {export.size_bytes:,} bytes, sha256 {export.sha256}",
        *cut,
        f"Download: {link}",
        f"The file is kept until {export.expires_at:%Y-%m-%d %H:%M} UTC.",
    ]


def _send(mail: EmailMessage, server: MailServer) -> None:
    with _connected(server) as connection:
        if server.user:
            connection.login(server.user, server.password)
        connection.send_message(mail)


@contextmanager
def _connected(server: MailServer) -> Iterator[smtplib.SMTP]:
    trust = ssl.create_default_context(cafile=server.ca_file or None)
    if server.security == "tls":
        with smtplib.SMTP_SSL(server.host, server.port, timeout=ANSWER_SECONDS, context=trust) as connection:
            yield connection
        return
    with smtplib.SMTP(server.host, server.port, timeout=ANSWER_SECONDS) as connection:
        if server.security == "starttls":
            connection.starttls(context=trust)
        yield connection


def _keep_failure(export: Export, problem: str) -> None:
    logger.warning("ExportMailFailed", extra={"export": export.pk, "reason": problem[:500]})
    is_last = export.mail_attempts >= MOST_ATTEMPTS
    values = {"mail_state": Export.Mail.FAILED, "next_try_at": None} if is_last else {}
    Export.objects.filter(pk=export.pk).update(mail_error=problem[:500], **values)
