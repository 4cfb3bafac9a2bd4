"""The ways a message can go: a signed POST request, an e-mail, and what Apprise knows.

A channel answers; it does not raise: that nobody could be told is something to tell. No answer holds the
address or the secrets of its channel.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import logging
import re
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formataddr, getaddresses, parseaddr
from http import HTTPStatus
from http.client import HTTPException
from typing import Any, Final, Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from driftline.engine import VERSION
from driftline.engine.interpolate import mask
from driftline.engine.messages import Message
from driftline.engine.project import Notification

SIGNATURE: Final = "Driftline-Signature"
TIMESTAMP: Final = "Driftline-Timestamp"
EVENT: Final = "Driftline-Event"
KEY: Final = "Idempotency-Key"

_LONGEST_REASON: Final = 300
# what a server means to take later
_LATER: Final = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}


@dataclass(frozen=True)
class Answer:
    """What became of a message.

    Attributes:
        is_taken: Whether the channel has it.
        reason: Why not, or what else there is to tell; in one line, without secrets.
        is_refusal: Whether the same message will hardly be taken another time: someone has to look.
        is_reached: Whether there was someone to answer.
        after: How long the channel asks to wait.
    """

    is_taken: bool
    reason: str | None = None
    is_refusal: bool = False
    is_reached: bool = True
    after: timedelta | None = None


TAKEN: Final = Answer(True)


class Channel(Protocol):
    """A way to tell people.

    Attributes:
        name: What alerts call it.
        timeout: Seconds to wait for an answer.
        secrets: What must never be shown of it.
    """

    name: str
    timeout: float
    secrets: frozenset[str]

    def send(self, message: Message, body: str) -> Answer:
        """Send a message, once.

        Args:
            message: The message.
            body: The message as the JSON that is stored.
        """
        ...


def channel_of(notification: Notification, clock: Callable[[], float] = time.time) -> Channel:
    """The channel that a notification of the project file describes.

    Args:
        notification: Of one of the types in `CHANNELS`.
        clock: Seconds since 1970, for what is signed with the time.
    """
    return CHANNELS[notification.type](notification.name, notification.options, clock)


class Webhook:
    """A POST request with the message as JSON, signed where there is a secret."""

    def __init__(
        self, name: str, options: Mapping[str, Any], clock: Callable[[], float] = time.time
    ) -> None:
        self.name = name
        self.timeout = float(options.get("timeout", 10))
        self._secret: str | None = options.get("secret")
        self._clock = clock
        url = urlsplit(options["url"])
        # who is named before the host says so in a header
        self._url = urlunsplit(url._replace(netloc=url.netloc.rpartition("@")[2], fragment=""))
        self._user = None
        if url.username is not None:
            self._user = f"{unquote(url.username)}:{unquote(url.password or '')}"
        self.secrets = _parts(options["url"]) | frozenset(filter(None, [self._secret]))

    def send(self, message: Message, body: str) -> Answer:
        """Send it; redirects are not followed, certificates are checked."""
        data = body.encode()
        stamp = str(int(self._clock()))
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": f"driftline/{VERSION}",
            EVENT: message.event,
            KEY: _token(message.id),
            TIMESTAMP: stamp,
        }
        if self._secret is not None:
            headers[SIGNATURE] = f"v1={signature(self._secret, stamp, data)}"
        if self._user is not None:
            told = base64.b64encode(self._user.encode()).decode()
            headers["Authorization"] = f"Basic {told}"
        request = Request(self._url, data, headers, method="POST")
        return _asked(request, self.timeout)


def ping(address: str, timeout: float = 5.0) -> Answer:
    """Ask for an address by GET, for the one who counts how often that is done.

    Args:
        address: Of HTTP.
        timeout: Seconds to wait for an answer.

    Returns:
        Whether it was answered well; a reason says nothing of the address.
    """
    return _asked(Request(address, headers={"User-Agent": f"driftline/{VERSION}"}), timeout)


def _asked(request: Request, timeout: float) -> Answer:
    opener = build_opener(_Stay, HTTPSHandler(context=ssl.create_default_context()))
    try:
        with opener.open(request, timeout=timeout):
            return TAKEN
    except HTTPError as error:
        with error:
            return _refused(error)
    except URLError as error:
        return Answer(False, _why(error.reason, timeout), is_reached=False)
    except (OSError, HTTPException) as error:
        return Answer(False, _why(error, timeout), is_reached=False)


class _Stay(HTTPRedirectHandler):
    """Goes nowhere else: what is signed is for one address."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """The hex HMAC-SHA-256 of timestamp, a full stop and body, by the secret."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _refused(error: HTTPError) -> Answer:
    code = error.code
    phrase = next((each.phrase for each in HTTPStatus if each == code), "")
    wait = error.headers.get("Retry-After", "")
    return Answer(
        False,
        f"answered {code} {phrase}".rstrip(),
        is_refusal=300 <= code < 500 and code not in _LATER,
        after=timedelta(seconds=int(wait)) if re.fullmatch(r"\d{1,6}", wait) else None,
    )


class Mail:
    """An e-mail with the message as plain text and as a simple page."""

    def __init__(
        self, name: str, options: Mapping[str, Any], clock: Callable[[], float] = time.time
    ) -> None:
        del clock
        self.name = name
        self.timeout = float(options.get("timeout", 10))
        self._host: str = options["host"]
        self._security: str = options.get("security", "starttls")
        self._port = int(options.get("port") or _PORTS[self._security])
        self._user: str | None = options.get("user")
        self._password: str | None = options.get("password")
        self._sender: str = options["sender"]
        to = options["to"]
        self._to: tuple[str, ...] = (to,) if isinstance(to, str) else tuple(to)
        self.secrets = frozenset(filter(None, [self._password]))

    def send(self, message: Message, body: str) -> Answer:
        """Send it to all recipients in one go; certificates are checked."""
        del body
        try:
            mail = self.mail(message)
            with _closing(self._connected()) as server:
                refused = server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            return _said(*next(iter(error.recipients.values())))
        except smtplib.SMTPResponseException as error:
            return _said(error.smtp_code, error.smtp_error)
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            if isinstance(error, smtplib.SMTPNotSupportedError):
                return Answer(False, _line(str(error)), is_refusal=True)
            return Answer(False, _why(error, self.timeout), is_reached=False)
        except ValueError as error:
            return Answer(False, _line(str(error)), is_refusal=True)
        if refused:
            code, told = next(iter(refused.values()))
            count = f"{len(refused)} of {len(self._to)} recipients refused"
            return Answer(True, f"{count}: {_said(code, told).reason}")
        return TAKEN

    def mail(self, message: Message) -> EmailMessage:
        """The e-mail; no text of the message can become a header of its own."""
        mail = EmailMessage(policy=SMTP)
        mail["Subject"] = _line(message.title)
        mail["From"] = _readable(self._sender)
        mail["To"] = ", ".join(map(_readable, self._to))
        mail["Date"] = message.created_at.replace(tzinfo=UTC)
        domain = parseaddr(self._sender)[1].rpartition("@")[2]
        mail["Message-ID"] = f"<{_token(message.id)}@{_token(domain)}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail[EVENT] = message.event
        mail.set_content(message.text)
        mail.add_alternative(page(message), subtype="html")
        return mail

    def _connected(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self._security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host, self._port, timeout=self.timeout, context=context
            )
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=self.timeout)
        try:
            if self._security == "starttls":
                server.starttls(context=context)
            if self._user is not None and self._password is not None:
                server.login(self._user, self._password)
        except BaseException:
            server.close()
            raise
        return server


@contextmanager
def _closing(server: smtplib.SMTP) -> Iterator[smtplib.SMTP]:
    """A session with a mail server, whose last word nobody waits for."""
    try:
        yield server
        with suppress(OSError):
            server.putcmd("quit")
    finally:
        server.close()


def page(message: Message) -> str:
    """The message as a page of HTML that asks for nothing from anywhere."""
    text = html.escape(message.text)
    for address in sorted(set(message.links.values()), key=len, reverse=True):
        if re.match(r"https?://", address):
            said = html.escape(address)
            linked = f'<a href="{said}">{said}</a>'.replace("\\", r"\\")
            text = re.sub(rf'(?<!["\w/]){re.escape(said)}(?![^\s<])', linked, text)
    return (
        f"<!doctype html>\n<html><body><h3>{html.escape(_line(message.title))}</h3>\n"
        f'<pre style="white-space: pre-wrap">{text}</pre></body></html>\n'
    )


def _readable(mailbox: str) -> str:
    """A mailbox as a header spells it."""
    ((name, address),) = getaddresses([mailbox]) or [("", mailbox)]
    return formataddr((name, address)) if name else address


def _said(code: int, text: bytes | str) -> Answer:
    told = text.decode(errors="replace") if isinstance(text, bytes) else text
    return Answer(False, _line(f"answered {code} {told}"), is_refusal=code >= 500)


class Services:
    """What Apprise knows: chats, telephones, and a hundred services more."""

    def __init__(
        self, name: str, options: Mapping[str, Any], clock: Callable[[], float] = time.time
    ) -> None:
        del clock
        self.name = name
        self.timeout = float(options.get("timeout", 10))
        self._url: str = options["url"]
        self.secrets = _parts(self._url)

    def send(self, message: Message, body: str) -> Answer:
        """Send it through Apprise, which is imported here."""
        del body
        try:
            import apprise
        except ImportError:
            told = "Apprise is not installed: pip install 'driftline[notify]'"
            return Answer(False, told, is_refusal=True)
        _hide(self.secrets)
        asset = apprise.AppriseAsset(app_id="Driftline", app_desc="Driftline", secure_logging=True)
        service = apprise.Apprise(asset=asset)
        capture: Any = apprise.LogCapture
        with capture(level=logging.WARNING, fmt="%(message)s") as captured:
            if not service.add(self._url):
                return Answer(False, "its URL is none that Apprise knows", is_refusal=True)
            is_taken = service.notify(
                title=_line(message.title),
                body=message.text,
                notify_type=_APPRISE[message.event],
                body_format="text",
            )
            told = captured.getvalue()
        if is_taken:
            return TAKEN
        first = next((line for line in told.splitlines() if line.strip()), "")
        reason = _line(mask(first, self.secrets)) or "Apprise does not say why"
        return Answer(False, reason)


class _Hiding(logging.Filter):
    """Masks what others log: Apprise tells whoever listens where it sends to."""

    secrets: frozenset[str] = frozenset()

    def filter(self, record: logging.LogRecord) -> bool:
        """Let everything through, without secrets."""
        record.msg, record.args = mask(record.getMessage(), self.secrets), None
        return True


_HIDING: Final = _Hiding()


def _hide(secrets: frozenset[str]) -> None:
    """Keep secrets out of the logs of Apprise and of what it sends with, from now on."""
    _HIDING.secrets |= secrets
    for name in ("apprise", "urllib3.connectionpool"):
        logging.getLogger(name).addFilter(_HIDING)


_APPRISE: Final = {
    "opened": "failure",
    "worsened": "failure",
    "reminder": "warning",
    "digest": "info",
    "closed": "success",
    "test": "info",
}

CHANNELS: Final[Mapping[str, Callable[..., Channel]]] = {
    "webhook": Webhook,
    "smtp": Mail,
    "apprise": Services,
}
"""The channels by their types in the project file."""


def shown(reason: str | None, secrets: frozenset[str]) -> str | None:
    """A reason in one short line, secrets masked."""
    return None if reason is None else _line(mask(reason, secrets))


def _why(error: object, timeout: float) -> str:
    """What went wrong on the way to a server."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted: {error.verify_message}"
        case ssl.SSLError():
            return f"no encrypted connection: {error.reason or 'refused'}"
        case TimeoutError():
            return no_answer(timeout)
        case smtplib.SMTPServerDisconnected() if isinstance(error.__context__, TimeoutError):
            return no_answer(timeout)
        case socket.gaierror():
            return "its host is not known"
        case OSError() if error.strerror:
            return error.strerror.lower()
        case smtplib.SMTPServerDisconnected():
            return "the connection was closed"
    return f"no answer that is understood ({type(error).__name__})"


def no_answer(timeout: float) -> str:
    """What is told of a channel that took too long."""
    return f"no answer within {timeout:g} s"


def _line(text: str) -> str:
    """A text in one line that is not too long."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return plain if len(plain) <= _LONGEST_REASON else f"{plain[: _LONGEST_REASON - 1]}…"


def _token(text: str) -> str:
    """A text as a header may hold it; of one that may not, a hash."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}", text):
        return text
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _parts(url: str) -> frozenset[str]:
    """A URL, and what of it may be a secret: everything behind the host, and who signs in."""
    scheme, _, rest = url.partition("://")
    within = rest.partition("/")[2] if scheme in ("http", "https") else rest
    found = {url, *re.split(r"[/?&=:@#]", within), *re.split(r"[:@]", rest.rpartition("@")[0])}
    return frozenset(each for part in found for each in (part, unquote(part)) if len(each) > 3)
