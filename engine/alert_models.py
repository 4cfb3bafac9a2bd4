"""The keys of the project file about telling people: notifications, alerts and links."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Tag

from driftline.engine.config_types import Count, Flag, Part, Size, Text, Texts, key, shapes


class Apprise(Part):
    """A message through Apprise."""

    name: Text = key("Name that alerts use", ...)
    type: Literal["apprise"] = key("Kind of notification", ...)
    url: Text = key("Apprise URL", ...)


class Webhook(Part):
    """A POST request."""

    name: Text = key("Name that alerts use", ...)
    type: Literal["webhook"] = key("Kind of notification", ...)
    url: Text = key("Where to send it", ...)
    secret: Text | None = key("Secret that signs the body")


class Smtp(Part):
    """An e-mail."""

    name: Text = key("Name that alerts use", ...)
    type: Literal["smtp"] = key("Kind of notification", ...)
    host: Text = key("Mail server", ...)
    sender: Text = key("Address it comes from", ..., alias="from")
    to: Annotated[
        Annotated[Text, Tag("<text>")] | Annotated[Texts, Tag("<list>")],
        shapes("an address or a list of addresses"),
    ] = key("Address or addresses it goes to", ...)


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


class Alerts(Part):
    """When incidents open and close, and who hears of it."""

    open_after: Count | None = key("Windows in a row before an incident opens")
    close_after: Count | None = key("Windows in a row before it closes")
    remind_every: Size | None = key("How often to repeat the message")
    at_least: AtLeast | None = key("How much must be wrong")
    segments: Flag = key("Whether segments count", False)
    notify: list[Text] | None = key("Names of notifications")


class Links(Part):
    """Addresses that messages carry."""

    report: Text | None = key("The report page")
    dashboard: Text | None = key("The dashboard")
    runbook: Text | None = key("What to do")
