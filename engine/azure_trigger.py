"""When Azure's monitor runs, as the schedule of a `driftline.yml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from driftline.engine.azure_file import Ledger, Spot, items, snake, text_of, whole_numbers
from driftline.engine.commented import flow
from driftline.engine.project import Duration
from driftline.engine.times import check_schedule, parse_duration
from driftline.engine.windows_zones import iana_zone

_EVERY: Final = MappingProxyType(
    {"minute": "PT{}M", "hour": "PT{}H", "day": "P{}D", "week": "P{}D", "month": "P{}M"}
)
_DAYS: Final = MappingProxyType({"day": 1, "week": 7, "month": 30})
_WEEK: Final = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")


@dataclass
class Trigger:
    """When a monitor runs.

    Attributes:
        size: The length of production's window where nothing says another.
        why: Of which triggers it is the default.
        schedule: The key's value as the file will have it; empty without.
        zone: The time zone; empty where none is said.
        notes: Comments on it.
    """

    size: Duration
    why: str
    schedule: str = ""
    zone: str = ""
    notes: list[str] = field(default_factory=list)


def read_trigger(fields: Mapping[str, Spot], ledger: Ledger) -> Trigger:
    """When runs are due, by which clock, and how long a window is by default.

    Args:
        fields: The fields of the schedule.
        ledger: Takes what is told.
    """
    return _Reader(fields, ledger).trigger()


class _Reader:
    """One trigger on its way."""

    def __init__(self, top: Mapping[str, Spot], ledger: Ledger) -> None:
        self.top = top
        self.ledger = ledger

    def trigger(self) -> Trigger:
        """When runs are due, by which clock, and how long a window is by default."""
        made = self.cron() if "trigger.expression" in self.top else self.recurrence()
        zone = self.top.get("trigger.time_zone")
        if zone is not None:
            known = iana_zone(text_of(zone))
            if known is None:
                made.notes.append(
                    self.ledger.leave(
                        zone,
                        f"no time zone is called '{text_of(zone)}'",
                        "give time_zone a name like Europe/Berlin; it is UTC without",
                    )
                )
            else:
                self.ledger.carry(zone)
                made.zone = known
        return made

    def cron(self) -> Trigger:
        """The trigger of a cron expression."""
        spot = self.top["trigger.expression"]
        self.kind_of_trigger("cron")
        made = Trigger(Duration(days=7, text="P7D"), "of a cron trigger")
        text = " ".join(text_of(spot).split())
        try:
            made.schedule = flow(check_schedule("" if text.startswith("P") else text))
            self.ledger.carry(spot)
        except ValueError as error:
            made.notes.append(
                self.ledger.leave(
                    spot, str(error), "give schedule a cron expression of five fields"
                )
            )
        return made

    def kind_of_trigger(self, found: str) -> None:
        """Account for the type that a trigger says, beside what its fields say."""
        spot = self.top.get("trigger.type")
        if spot is not None and snake(text_of(spot)) == found:
            self.ledger.carry(spot)
        elif spot is not None:
            self.ledger.leave(spot, f"by its fields the trigger is a {found}")

    def recurrence(self) -> Trigger:
        """The trigger of a recurrence."""
        week = Trigger(Duration(days=7, text="P7D"), "without a trigger that says how often")
        spot = self.top.get("trigger.frequency")
        if spot is None:
            return week
        frequency = snake(text_of(spot))
        if frequency not in _EVERY:
            why = f"'{text_of(spot)}' is none of {', '.join(_EVERY)}"
            week.notes.append(self.ledger.leave(spot, why, "give schedule"))
            return week
        interval = self.top.get("trigger.interval")
        count = 1
        if interval is not None:
            counts = whole_numbers(interval, range(1, 100_000), self.ledger)
            count = counts[0] if len(counts) == 1 else 1
        try:
            days = _DAYS.get(frequency)
            size = parse_duration("P1D" if days is None else f"P{count * days}D")
            every = _EVERY[frequency].format(count * 7 if frequency == "week" else count)
            check_schedule(every)
        except ValueError as error:
            week.notes.append(self.ledger.leave(interval or spot, str(error), "give schedule"))
            return week
        self.ledger.carry(spot, interval)
        self.kind_of_trigger("recurrence")
        often = f"every {frequency}" if count == 1 else f"every {count} {frequency}s"
        made = Trigger(size, f"of a trigger {often}")
        made.schedule = self.pattern(frequency, count, often, made.notes) or flow({"every": every})
        return made

    def pattern(self, frequency: str, count: int, often: str, notes: list[str]) -> str:
        """The cron expression of a recurrence at given times; empty where it has none."""
        within = "trigger.schedule."
        named = {
            key: self.top[within + key]
            for key in ("hours", "minutes", "week_days", "month_days")
            if within + key in self.top
        }
        if not named:
            return ""
        cron = count == 1 and frequency in _DAYS
        hourly = frequency == "hour" and 24 % count == 0
        takes = {
            "hours": cron,
            "minutes": cron or hourly,
            "week_days": cron and frequency == "week",
            "month_days": cron and frequency == "month",
        }
        found: dict[str, str] = {}
        ranges = {"hours": range(24), "minutes": range(60), "month_days": range(1, 32)}
        for key, spot in named.items():
            if not takes[key]:
                why = f"a schedule {often} cannot say it"
                notes.append(self.ledger.leave(spot, why, f"give schedule what {key} meant"))
                continue
            numbers = (
                whole_numbers(spot, ranges[key], self.ledger)
                if key in ranges
                else self.week_days(spot)
            )
            if numbers:
                found[key] = ",".join(map(str, sorted(set(numbers))))
        if not found:
            return ""
        minute = found.get("minutes", "0")
        if hourly:
            return flow(f"{minute} {'*' if count == 1 else f'*/{count}'} * * *")
        hour = found.get("hours", "0")
        day, weekday = "*", "*"
        if frequency == "week":
            weekday = found.get("week_days", "1")
        if frequency == "month":
            day = found.get("month_days", "1")
        needed = {"week": "week_days", "month": "month_days"}.get(frequency)
        if needed is not None and needed not in found:
            spot = self.top["trigger.frequency"]
            first = "Monday" if frequency == "week" else "the first of the month"
            notes.append(
                self.ledger.tell(
                    spot,
                    "to do",
                    f"without {needed} Azure counts from the day the trigger"
                    f" was made; here it is {first}",
                    "give schedule another day",
                )
            )
        return flow(f"{minute} {hour} {day} * {weekday}")

    def week_days(self, spot: Spot) -> list[int]:
        """Days of a week as cron counts them."""
        found: list[int] = []
        for each in items(spot):
            name = text_of(each).lower()
            if name in _WEEK:
                self.ledger.carry(each)
                found.append(_WEEK.index(name))
            else:
                self.ledger.leave(each, f"it is none of {', '.join(_WEEK)}")
        return found
