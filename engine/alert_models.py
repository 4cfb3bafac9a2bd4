"""The keys of the project file about telling others: notifications, alerts, links, values."""

from __future__ import annotations

import re
from email.utils import parseaddr
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, Tag, model_validator

from driftline.engine.config_types import Count, Flag, Number, Part, Size, Text, key, shapes


def web_address(text: str) -> str:
    """An address of HTTP, as it is.

    Raises:
        ValueError: When it is none, without it: it may be secret.
    """
    try:
        found = urlsplit(text)
        is_right = found.scheme in ("http", "https") and found.hostname and found.port != 0
    except ValueError:
        is_right = False
    if not is_right or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("expected an address such as https://host/path")
    return text


def mailbox(text: str) -> str:
    """An address of e-mail, as it is, with a name or without.

    Raises:
        ValueError: When it is none.
    """
    _, found = parseaddr(text)
    if not text.isprintable() or not re.fullmatch(r'[^\s@,<>"]+@[^\s@,<>"]+', found):
        raise ValueError(f"expected an address such as ops@example.com, got {text!r}")
    return text


def _prom(text: str) -> str:
    if not text.endswith(".prom"):
        raise ValueError("node_exporter reads files whose names end in .prom alone")
    return text


PromFile = Annotated[Text, AfterValidator(_prom)]
Address = Annotated[Text, AfterValidator(web_address)]
Mailbox = Annotated[Text, AfterValidator(mailbox)]
Seconds = Annotated[Count, Field(le=60)]


class Apprise(Part):
    """A message through Apprise."""

    name: Text = key("Name that alerts use", ...)
    type: Literal["apprise"] = key("Kind of notification", ...)
    url: Text = key("Apprise URL", ...)
    timeout: Seconds = key("Seconds to wait until it is sent", 10)


class Webhook(Part):
    """A POST request."""

    name: Text = key("Name that alerts use", ...)
    type: Literal["webhook"] = key("Kind of notification", ...)
    url: Address = key("Where to send it", ...)
    secret: Text | None = key("Secret that signs the body")
    timeout: Seconds = key("Seconds to wait for an answer", 10)


class Smtp(Part):
    """An e-mail."""

    name: Text = key("Name that alerts use", ...)
    type: Literal["smtp"] = key("Kind of notification", ...)
    host: Text = key("Mail server", ...)
    sender: Mailbox = key("Address it comes from", ..., alias="from")
    to: Annotated[
        Annotated[Mailbox, Tag("<text>")]
        | Annotated[list[Mailbox], Field(min_length=1), Tag("<list>")],
        shapes("an address or a list of addresses"),
    ] = key("Address or addresses it goes to", ...)
    security: Literal["starttls", "tls", "none"] = key(
        "How the connection is encrypted", "starttls"
    )
    port: Annotated[Count, Field(le=65_535)] | None = key(
        "587 for starttls, 465 for tls, 25 for none"
    )
    user: Text | None = key("Who signs in")
    password: Text | None = key("Password of the user")
    timeout: Seconds = key("Seconds to wait for an answer", 10)

    @model_validator(mode="after")
    def _signs_in(self) -> Smtp:
        if (self.user is None) != (self.password is None):
            raise ValueError("`user` and `password` belong together")
        if self.password is not None and self.security == "none":
            raise ValueError("a password is sent over an encrypted connection alone")
        return self


def _by_notification(value: object) -> str | None:
    kind = value.get("type") if isinstance(value, dict) else None
    return f"<{kind}>" if kind in ("apprise", "webhook", "smtp") else None


Notification = Annotated[
    Annotated[Apprise, Tag("<apprise>")]
    | Annotated[Webhook, Tag("<webhook>")]
    | Annotated[Smtp, Tag("<smtp>")],
    shapes("a map with type: apprise, webhook or smtp", _by_notification),
]


class AtLeast(Part):
    """How much must be wrong before an incident opens."""

    features: Count | None = key("How many features")


class CusumKeys(Part):
    """When numbers that creep open an incident."""

    average_run_length: Annotated[Number, Field(ge=50, le=100_000)] = key(
        "Windows until a number that does not change opens one, on average", 1000.0
    )
    shift: Annotated[Number, Field(ge=0.25, le=2)] = key(
        "Lasting change, in standard deviations, that is found soonest", 1.0
    )
    baseline: Annotated[Count, Field(ge=8)] = key("Windows that come first", 20)
    min_effect: Annotated[Number, Field(ge=0, le=1)] = key(
        "Share of the way to the threshold that the mean must have crept", 0.1
    )


def _flag_or_map(value: object) -> str | None:
    # an environment variable can only give text
    is_flag = isinstance(value, bool) or value in ("true", "false")
    return "<map>" if isinstance(value, dict) else "<flag>" if is_flag else None


class Alerts(Part):
    """When incidents open and close, and who hears of it."""

    open_after: Count | None = key("Windows in a row before an incident opens")
    close_after: Count | None = key("Windows in a row before it closes")
    remind_every: Size | None = key("How often to repeat the message")
    at_least: AtLeast | None = key("How much must be wrong")
    segments: Flag = key("Whether segments count", False)
    notify: list[Text] | None = key("Names of notifications")
    cusum: (
        Annotated[
            Annotated[Flag, Tag("<flag>")] | Annotated[CusumKeys, Tag("<map>")],
            shapes("true, false, or a map such as {average_run_length: 500}", _flag_or_map),
        ]
        | None
    ) = key("Whether numbers that creep open incidents")


class Links(Part):
    """Addresses that messages carry."""

    report: Text | None = key("The report page")
    dashboard: Text | None = key("The dashboard")
    runbook: Text | None = key("What to do")
