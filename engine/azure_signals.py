"""An Azure ML monitor's signals on their way into the monitors of a `driftline.yml`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from driftline.engine.azure_file import Ledger, Spot, snake, text_of
from driftline.engine.commented import Entry, flow

# The column that rows of Azure's collector are joined by.
CORRELATION: Final = "correlationid"
TASKS: Final = ("classification", "regression")


@dataclass
class Task:
    """What the model does, as far as it is known, and where the file says so."""

    word: str = ""
    spot: Spot | None = None

    def says(self, spot: Spot, ledger: Ledger) -> None:
        """What the model does, as a signal says."""
        word = snake(text_of(spot)).removeprefix("tabular_")
        if word not in TASKS:
            ledger.leave(spot, f"it is none of {', '.join(TASKS)}")
        elif self.word and self.word != word:
            where = "" if self.spot is None else f", as line {self.spot.line} says"
            ledger.leave(spot, f"the model does {self.word}{where}")
        else:
            self.word, self.spot = word, self.spot or spot
            ledger.carry(spot)


@dataclass(frozen=True)
class Window:
    """A window as the file will have it; both None is the whole table."""

    size: str = ""
    offset: str = ""
    start: str = ""
    end: str = ""

    def flow(self) -> str:
        """The window as the project file has it."""
        told = {"size": self.size, "offset": self.offset, "start": self.start, "end": self.end}
        return flow({key: text for key, text in told.items() if text})


@dataclass(frozen=True)
class Part:
    """One table of a signal's production."""

    source: str
    context: str
    key: str = CORRELATION
    collected: bool = False
    spot: Spot | None = None


@dataclass(frozen=True)
class Reference:
    """What a signal compares with; a source of "" is production's own."""

    source: str
    window: Window | None
    hint: str


@dataclass
class Signal:
    """A signal on its way into a monitor."""

    name: str
    type: str
    spot: Spot
    parts: list[Part]
    window: Window
    window_notes: list[str]
    reference: Reference | None = None
    reference_notes: list[str] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    roles: list[tuple[str, str, Spot]] = field(default_factory=list)
    settings: list[tuple[str, str, Spot]] = field(default_factory=list)
    truth: Part | None = None
    truth_key: str = ""
    weighs: bool = False
    alerts: Spot | None = None
    silent: bool = False

    @property
    def group(self) -> tuple[str, Window]:
        """What signals of one monitor have in common."""
        return ("" if self.parts[0].collected else self.parts[0].source, self.window)
