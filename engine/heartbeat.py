"""The sign that a scheduler is there, for those who notice when it is missing."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from driftline.engine.alert_models import web_address
from driftline.engine.durable import write_whole
from driftline.engine.errors import ConfigError
from driftline.engine.export import Gauge, prometheus_text

EVERY: Final = 30.0
"""Seconds between two signs, at least."""

_log: Final = logging.getLogger("driftline")


def beside(file: Path) -> Path:
    """Where the gauge of the scheduler is, beside the file of the latest values."""
    return file.with_name(f"{file.stem}.scheduler.prom")


@dataclass
class Heartbeat:
    """Gives signs: none that fails costs a run.

    Attributes:
        file: A text file for Prometheus; None is none.
        address: What is asked for by GET; None is none. It is secret.
        clock: Seconds that only go forward.

    Raises:
        ConfigError: When the address is none of HTTP.
    """

    file: Path | None = None
    address: str | None = None
    clock: Callable[[], float] = time.monotonic
    _last: float | None = None
    # what was wrong the last time, so that it is said once
    _said: dict[str, str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.address is None:
            return
        try:
            web_address(self.address)
        except ValueError:
            raise ConfigError(
                "the address to ping is none",
                hint="expected one such as https://hc-ping.com/your-uuid",
            ) from None

    def beat(self, now: datetime) -> None:
        """Say that the scheduler is there, unless that was said just now.

        Args:
            now: An aware datetime.
        """
        if self._last is not None and self.clock() - self._last < EVERY:
            return
        self._last = self.clock()
        if self.file is not None:
            self._tell("heartbeat", f"{self.file} cannot be written", _written(self.file, now))
        if self.address is not None:
            # all that sends comes with it, which a scheduler that pings nobody does without
            from driftline.engine.channels import ping

            answer = ping(self.address)
            self._tell("ping", "the ping was not taken", None if answer.is_taken else answer.reason)

    def _tell(self, what: str, wrong: str, reason: str | None) -> None:
        if reason is not None and self._said.get(what) != reason:
            _log.warning("%s: %s", wrong, reason)
        self._said[what] = reason


def _written(file: Path, now: datetime) -> str | None:
    """Write the gauge; gives what is wrong, if anything."""
    gauge = Gauge(
        "driftline_scheduler_last_seen_timestamp_seconds",
        "When the scheduler last looked at what is due",
        (((), now.timestamp()),),
    )

    def write(path: Path) -> None:
        path.write_text(prometheus_text([gauge]), "utf-8")

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, write)
    except OSError as error:
        return error.strerror or str(error)
    return None
