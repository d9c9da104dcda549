"""Mails about exports, to a real SMTP server in this process: plain, with STARTTLS and TLS, with a password, and away."""

from __future__ import annotations

import email
import email.policy
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from bklog.errors import Unavailable
from bklog.export import actions
from bklog.export.mail import MailServer, due_mails, send_mail
from bklog.export.models import Export
from tests.export.site import ANN, ask
from tests.servers import free_port

pytestmark = pytest.mark.django_db(transaction=True)
Mail = Export.Mail


class Inbox:
    def __init__(self) -> None:
        self.mails: list[tuple[list[str], Any]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 aiosmtpd's name
        del server, session
        self.mails.append((envelope.rcpt_tos, email.message_from_bytes(envelope.content, policy=email.policy.default)))
        return "250 OK"


def authenticator(server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
    del server, session, envelope, mechanism
    known = isinstance(given, LoginPassword) and (given.login, given.password) == (b"bklog", b"secret")
    return AuthResult(success=known, handled=False)


@contextmanager
def smtp(inbox: Inbox, **options: Any) -> Iterator[MailServer]:
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port(), **options)
    controller.start()
    try:
        yield MailServer("127.0.0.1", controller.port, "none", "bklog@example.com")
    finally:
        controller.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(cert)),
            *("-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    return cert, key


def context(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(*map(str, certificate))
    return made


def ended(*, fails: bool = False, mail_to: tuple[str, ...] = ("ann@example.com", "bob@example.com")) -> Export:
    asked = ask(ANN, query='level:error "支付 失败"', mail_to=list(mail_to), limit=5)
    made = actions.create(asked, bearer=ANN, index_set=(1, "shop"), target="local")
    if fails:
        actions.fail(made, Unavailable("the store is away", hint="start it"))
    else:
        Export.objects.filter(pk=made.pk).update(rows=5, matched_rows=9)
        actions.succeed(made, size_bytes=77, sha256="ab" * 32, keep=timedelta(days=2))
    return Export.objects.get(pk=made.pk)


def link(_: Export) -> str:
    return "https://logs.example.com/file?signature=x"


def state_of(export: Export) -> tuple[str, str]:
    now = Export.objects.get(pk=export.pk)
    return now.mail_state, now.mail_error


def test_who_asked_is_told_once() -> None:
    inbox = Inbox()
    export, failed = ended(), ended(fails=True)
    with smtp(inbox) as server:
        assert sorted(due_mails(is_set=True)) == [export.pk, failed.pk]
        for _ in range(2):
            send_mail(export.pk, server, link)
            send_mail(failed.pk, server, link)
    (to, mail), (_, other) = inbox.mails
    assert to == ["ann@example.com", "bob@example.com"]
    assert mail["Subject"] == f"BK-LOG: the export {export.pk} of shop is done"
    text = mail.get_content()
    for said in ("支付 失败", link(export), "5 rows, 77 bytes", "9 rows match", "ab" * 32):
        assert said in text
    assert other["Subject"].endswith("failed")
    assert "the store is away [unavailable]" in other.get_content()
    assert state_of(export) == state_of(failed) == (Mail.SENT, "")
    assert due_mails(is_set=True) == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_the_connection_is_encrypted_and_the_server_checked(certificate: tuple[Path, Path], security: Any) -> None:
    inbox = Inbox()
    if security == "tls":
        options: dict[str, Any] = {"ssl_context": context(certificate)}
    else:
        checks = {"auth_required": True, "authenticator": authenticator}
        options = {"tls_context": context(certificate), "require_starttls": True, **checks}
    with smtp(inbox, **options) as plain:
        server = replace(plain, security=security, ca_file=str(certificate[0]))
        if security == "starttls":
            server = replace(server, user="bklog", password="secret")
            refused = ended()
            send_mail(refused.pk, replace(server, password="wrong"), link)
            assert state_of(refused)[0] == Mail.DUE
            assert "SMTPAuthenticationError" in state_of(refused)[1]
            Export.objects.filter(pk=refused.pk).update(next_try_at=None)
            send_mail(refused.pk, replace(server, password="密码"), link)
            assert "UnicodeEncodeError" in state_of(refused)[1]
        export, unchecked = ended(), ended()
        send_mail(export.pk, server, link)
        send_mail(unchecked.pk, replace(server, ca_file=""), link)
    assert state_of(export) == (Mail.SENT, "")
    assert "certificate verify failed" in state_of(unchecked)[1]
    assert len(inbox.mails) == 1


def test_a_mail_that_cannot_be_sent_is_shown_and_fails_nothing() -> None:
    export = ended()
    away = MailServer("127.0.0.1", free_port(), "none", "bklog@example.com")
    states = []
    for _ in range(4):
        Export.objects.filter(pk=export.pk).update(next_try_at=None)
        send_mail(export.pk, away, link)
        states.append(state_of(export)[0])
    assert states == [Mail.DUE, Mail.DUE, Mail.FAILED, Mail.FAILED]
    assert "refused" in state_of(export)[1]
    assert Export.objects.get(pk=export.pk).state == Export.State.SUCCESS


def test_without_a_mail_server_it_says_so() -> None:
    export = ended()
    assert due_mails(is_set=False) == []
    assert state_of(export) == (Mail.FAILED, "no mail server is set: BKLOG_SMTP_HOST")
