"""Channels against real servers on this machine: willing, refusing, slow, not there, not to be trusted."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from receivers import certificate, free_port, post, web

from driftline.engine.channels import TAKEN, Answer, Channel, channel_of, page
from driftline.engine.messages import Message
from driftline.engine.project import Notification

# of Apprise's own imports, in Python 3.11 and 3.12
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

SECRET: Final = "s3cr3t-of-it"

MESSAGE: Final = Message(
    id="5f0c1d",
    event="opened",
    monitor="churn",
    model=None,
    owner=None,
    severity="high",
    window_start=None,
    window_end=None,
    title="churn: 1 incident opened",
    text="churn\n\nOpened:\n- größe > 3 <b>\n\nRunbook: https://wiki.example/churn",
    incidents=(),
    links={"runbook": "https://wiki.example/churn"},
    command="driftline show churn",
    created_at=datetime(2026, 3, 2, 6),
)


@pytest.fixture(scope="module")
def self_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def trusted(self_made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The certificate, trusted by this process."""
    monkeypatch.setenv("SSL_CERT_FILE", str(self_made))
    return self_made


def channel(kind: str, timeout: float = 5, **options: Any) -> Channel:
    return channel_of(
        Notification("team", kind, options | {"timeout": timeout}), clock=lambda: 1_772_431_200.9
    )


def send(channel: Channel, message: Message = MESSAGE) -> Answer:
    answer = channel.send(message, message.to_json())
    assert not [secret for secret in channel.secrets if secret in (answer.reason or "")]
    return answer


def test_a_webhook_gets_the_document_signed_with_its_time() -> None:
    with web() as server:
        assert send(channel("webhook", url=server.url, secret=SECRET)) == TAKEN
        (got,) = server.got

    assert got.body.decode() == MESSAGE.to_json()
    assert got.headers["Content-Type"] == "application/json; charset=utf-8"
    assert got.headers["Driftline-Event"] == "opened"
    assert got.headers["Idempotency-Key"] == "5f0c1d"
    assert got.headers["Driftline-Timestamp"] == "1772431200"
    signed = hmac.new(SECRET.encode(), b"1772431200." + got.body, hashlib.sha256).hexdigest()
    assert got.headers["Driftline-Signature"] == f"v1={signed}"


def test_a_webhook_without_a_secret_is_not_signed() -> None:
    with web() as server:
        assert send(channel("webhook", url=server.url)).is_taken
        assert "Driftline-Signature" not in server.got[0].headers


def test_who_a_webhook_is_for_goes_into_a_header() -> None:
    with web() as server:
        url = server.url.replace("//", "//me:p%40ssw@", 1)
        assert send(channel("webhook", url=url)).is_taken
        assert server.got[0].headers["Authorization"] == "Basic bWU6cEBzc3c="
        assert server.got[0].headers["Host"] == f"127.0.0.1:{server.port}"


def test_an_id_that_no_header_may_hold_is_hashed() -> None:
    with web() as server:
        assert send(channel("webhook", url=server.url), replace(MESSAGE, id="a\r\nX: y")).is_taken
        assert server.got[0].headers["Idempotency-Key"].isalnum()
        assert "X" not in server.got[0].headers


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_what_a_server_accepts_is_taken(status: int) -> None:
    with web() as server:
        server.status = status
        assert send(channel("webhook", url=server.url)) == TAKEN


@pytest.mark.parametrize(
    ("status", "told", "is_refusal"),
    [
        (400, "answered 400 Bad Request", True),
        (401, "answered 401 Unauthorized", True),
        (404, "answered 404 Not Found", True),
        (410, "answered 410 Gone", True),
        (408, "answered 408 Request Timeout", False),
        (409, "answered 409 Conflict", False),
        (429, "answered 429 Too Many Requests", False),
        (500, "answered 500 Internal Server Error", False),
        (503, "answered 503 Service Unavailable", False),
        (599, "answered 599", False),
    ],
)
def test_what_a_server_does_not_accept_is_told(status: int, told: str, is_refusal: bool) -> None:
    with web() as server:
        server.status = status
        assert send(channel("webhook", url=server.url)) == Answer(False, told, is_refusal)


def test_how_long_a_server_asks_to_wait_is_told() -> None:
    with web() as server:
        server.status = 429
        server.headers["Retry-After"] = "120"
        assert send(channel("webhook", url=server.url)).after == timedelta(seconds=120)


def test_redirects_are_not_followed() -> None:
    with web() as elsewhere, web() as server:
        server.status = 307
        server.headers["Location"] = elsewhere.url
        answer = send(channel("webhook", url=server.url, secret=SECRET))
        assert answer == Answer(False, "answered 307 Temporary Redirect", is_refusal=True)
        assert not elsewhere.got


def test_a_webhook_that_is_slow_is_not_waited_for() -> None:
    with web() as server:
        server.held.clear()
        answer = send(channel("webhook", 0.1, url=server.url))
    assert answer == Answer(False, "no answer within 0.1 s", is_reached=False)


@pytest.mark.parametrize("kind", ["webhook", "smtp"])
def test_a_server_that_is_down_is_told(kind: str) -> None:
    port = free_port()
    options = {
        "webhook": {"url": f"http://127.0.0.1:{port}/T0K3N"},
        "smtp": {"host": "127.0.0.1", "port": port, "sender": "a@x", "to": "b@x"},
    }[kind]
    answer = send(channel(kind, **options))
    assert answer == Answer(False, "connection refused", is_reached=False)


def test_a_server_that_speaks_something_else_is_told() -> None:
    with post() as server:
        answer = send(channel("webhook", url=f"http://127.0.0.1:{server.port}/T0K3N"))
    assert answer == Answer(False, "no answer that is understood (BadStatusLine)", is_reached=False)


def test_a_webhook_with_a_self_made_certificate_is_not_trusted(self_made: Path) -> None:
    with web(self_made) as server:
        answer = send(channel("webhook", url=server.url))
        assert not server.got
    assert answer.reason is not None
    assert answer.reason.startswith("its certificate is not trusted: self")


def test_a_webhook_with_a_certificate_that_is_trusted_is_sent_to(trusted: Path) -> None:
    with web(trusted) as server:
        assert send(channel("webhook", url=server.url)) == TAKEN


# Mail


def mail(port: int, security: str = "none", timeout: float = 5, **more: Any) -> Channel:
    given = {"host": "127.0.0.1", "sender": "Driftline <drift@here.example>", "to": "ops@x.example"}
    return channel("smtp", timeout, **given | {"port": port, "security": security} | more)


def test_a_mail_has_the_text_and_a_page_and_the_key_of_the_message() -> None:
    with post() as server:
        assert send(mail(server.port, to=["ops@x.example", "Ö <o@x.example>"])) == TAKEN
        (got,), (to,) = server.mails, server.to

    assert to == ["ops@x.example", "o@x.example"]
    assert got["Subject"] == "churn: 1 incident opened"
    assert got["From"] == "Driftline <drift@here.example>"
    assert got["To"] == "ops@x.example, Ö <o@x.example>"
    assert got["Message-ID"] == "<5f0c1d@here.example>"
    assert got["Date"] == "Mon, 02 Mar 2026 06:00:00 +0000"
    assert got["Driftline-Event"] == "opened"
    text, html = got.get_body(("plain",)), got.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().splitlines() == MESSAGE.text.splitlines()
    assert "größe &gt; 3 &lt;b&gt;" in html.get_content()


def test_a_title_cannot_become_a_header() -> None:
    evil = replace(MESSAGE, title="x\r\nBcc: evil@x.example\n\nbody", id="a>\r\nCc: evil@x")
    with post() as server:
        assert send(mail(server.port), evil) == TAKEN
        (got,) = server.mails
    assert server.to == [["ops@x.example"]]
    assert got["Bcc"] is None
    assert got["Cc"] is None
    assert got["Subject"] == "x Bcc: evil@x.example body"


def test_a_page_links_what_the_message_links_and_nothing_else() -> None:
    links = {"a": "https://x/1", "b": "https://x/12", "c": 'javascript:alert("x")'}
    text = 'https://x/1 https://x/12 https://y javascript:alert("x") <script>'
    found = page(replace(MESSAGE, text=text, links=links))
    assert found.count("<a ") == 2
    assert '<a href="https://x/1">https://x/1</a> <a href="https://x/12">' in found
    assert "<script>" not in found


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_mail_goes_encrypted_and_signed_in(trusted: Path, security: str) -> None:
    with post(trusted, security=security) as server:
        answer = send(mail(server.port, security, user="me", password="open sesame"))
        assert answer == TAKEN
        assert server.users == ["me"]
        assert len(server.mails) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_mail_server_with_a_self_made_certificate_is_not_trusted(
    self_made: Path, security: str
) -> None:
    with post(self_made, security=security) as server:
        answer = send(mail(server.port, security, user="me", password="open sesame"))
        assert not server.users
        assert not server.mails
    assert answer.reason is not None
    assert answer.reason.startswith("its certificate is not trusted: self")


def test_a_password_that_is_wrong_is_told_and_not_shown(trusted: Path) -> None:
    with post(trusted, security="tls") as server:
        answer = send(mail(server.port, "tls", user="me", password="open barley"))
    assert answer.is_refusal
    assert answer.reason is not None
    assert answer.reason.startswith("answered 535 ")


def test_a_mail_server_that_cannot_encrypt_gets_nothing() -> None:
    with post() as server:
        answer = send(mail(server.port, "starttls"))
        assert not server.mails
    assert answer.is_refusal
    assert answer.reason == "STARTTLS extension not supported by server."


@pytest.mark.parametrize(
    ("said", "is_refusal"),
    [("550 no such user", True), ("451 try later", False)],
)
def test_a_recipient_that_is_refused_is_told(said: str, is_refusal: bool) -> None:
    with post() as server:
        server.says["ops@x.example"] = said
        answer = send(mail(server.port))
    assert answer == Answer(False, f"answered {said}", is_refusal)


def test_a_mail_that_is_refused_as_a_whole_is_told() -> None:
    with post() as server:
        server.says[""] = "554 looks like spam"
        answer = send(mail(server.port))
    assert answer == Answer(False, "answered 554 looks like spam", is_refusal=True)


def test_one_recipient_that_is_refused_keeps_no_other_from_the_mail() -> None:
    with post() as server:
        server.says["gone@x.example"] = "550 no such user"
        answer = send(mail(server.port, to=["gone@x.example", "ops@x.example"]))
        assert server.to == [["ops@x.example"]]
    assert answer == Answer(True, "1 of 2 recipients refused: answered 550 no such user")


def test_a_mail_server_that_is_slow_is_not_waited_for() -> None:
    with web() as server:
        # it waits for a request, as the mail does for a greeting
        answer = send(mail(server.port, timeout=0.1))
    assert answer == Answer(False, "no answer within 0.1 s", is_reached=False)


# Apprise


@pytest.fixture
def json_url() -> Iterator[tuple[Any, str]]:
    with web() as server:
        yield server, server.url.replace("http:", "json:")


def test_apprise_sends_title_and_text(json_url: tuple[Any, str]) -> None:
    server, url = json_url
    assert send(channel("apprise", url=url)) == TAKEN
    (got,) = server.got
    told = json.loads(got.body)
    assert told["title"] == "churn: 1 incident opened"
    assert "- größe > 3 <b>" in told["message"]
    assert told["type"] == "failure"


def test_what_apprise_cannot_send_is_told_and_nothing_else(
    json_url: tuple[Any, str], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    server, url = json_url
    server.status = 500
    caplog.set_level(logging.DEBUG)
    answer = send(channel("apprise", url=url))
    assert not answer.is_taken
    assert answer.reason is not None
    assert "500" in answer.reason
    out, err = capfd.readouterr()
    assert "T0K3N" not in caplog.text + out + err + answer.reason


def test_a_url_that_apprise_does_not_know_is_told() -> None:
    answer = send(channel("apprise", url="nosuch://token-of-it/channel"))
    assert answer == Answer(False, "its URL is none that Apprise knows", is_refusal=True)


def test_apprise_that_is_missing_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    answer = send(channel("apprise", url="slack://a/b/c"))
    told = "Apprise is not installed: pip install 'driftline[notify]'"
    assert answer == Answer(False, told, is_refusal=True)
