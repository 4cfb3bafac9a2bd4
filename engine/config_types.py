"""What the models of the project file are made of: a base that knows its keys, checked scalars."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationInfo,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

from driftline.engine.catalog import Kind
from driftline.engine.project import Duration, Threshold
from driftline.engine.thresholds import ThresholdError, parse_threshold
from driftline.engine.times import check_schedule, check_zone, parse_duration, parse_instant
from driftline.engine.yaml_file import Complaints, Map, nearest

QUOTES = "; put it in quotes"


class Part(BaseModel):
    """A map of the file. Unknown keys are noted, not raised: the rest is still looked at."""

    model_config = ConfigDict(
        extra="ignore",
        frozen=True,
        json_schema_extra={"additionalProperties": False},
        # of most models only the parts of a larger one are ever used: build those when they are
        defer_build=True,
    )

    @classmethod
    @cache
    def known(cls) -> Mapping[str, FieldInfo]:
        """The keys as the file spells them, and those that only the reader of files sets."""
        return {info.alias or name: info for name, info in cls.model_fields.items()}

    @classmethod
    def explain(cls, word: str) -> str:
        """What to say of a key that is none of these."""
        return f"unknown key '{word}'{nearest(word, cls.written_keys())}"

    @classmethod
    def written_keys(cls) -> tuple[str, ...]:
        """The keys a file may hold."""
        return tuple(word for word in cls.known() if not word.startswith("<"))

    @classmethod
    def also_known(cls, complaints: Complaints) -> frozenset[str]:
        """Keys that this project alone has."""
        del complaints
        return frozenset()

    @model_validator(mode="before")
    @classmethod
    def _know_every_key(cls, data: object, info: ValidationInfo) -> object:
        if not isinstance(data, Map):
            return data
        known = cls.known()
        if cls.model_config.get("extra") != "allow" and isinstance(info.context, Complaints):
            for word in data.keys() - known.keys() - cls.also_known(info.context):
                info.context.add(data, (word,), cls.explain(word))
        # A key with nothing after it is as good as left out, except where nothing is a choice.
        return {
            word: value
            for word, value in data.items()
            if value is not None or word not in known or not _has_default(known[word])
        }


def _has_default(field: FieldInfo) -> bool:
    """Whether a key has a default other than None."""
    return not field.is_required() and field.default is not None


def key(description: str, default: Any = None, **limits: Any) -> Any:
    """A key with the sentence that editors show for it; a default of `...` makes it required."""
    return Field(default, description=description, **limits)


def by_shape(value: object) -> str | None:
    """The tag of a value's shape. Tags begin with `<`: no step of a path looks like one."""
    for kind, tag in ((dict, "<map>"), (list, "<list>"), (str, "<text>")):
        if isinstance(value, kind):
            return tag
    return "<number>" if isinstance(value, float | int) and not isinstance(value, bool) else None


def shapes(expected: str, choose: Callable[[Any], str | None] = by_shape) -> Discriminator:
    """Choose one form of a value before looking at it, so that only that form's complaints come."""
    return Discriminator(
        choose, custom_error_type="shape", custom_error_message=f"expected {expected}"
    )


@dataclass(frozen=True)
class Checked:
    """Annotation: a text that `check` turns into a value, or refuses with a ValueError.

    Where there are `choices` of metrics, those of the project's own are choices too.
    """

    check: Callable[[str], object]
    examples: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()

    def __get_pydantic_core_schema__(self, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self._read)

    def __get_pydantic_json_schema__(
        self, _: CoreSchema, __: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        if self.choices:
            named = {"enum": list(self.choices)}
            return {"type": "string", "anyOf": [named, {"pattern": "^[a-z][a-z0-9_]*$"}]}
        return {"type": "string", "examples": list(self.examples)}

    def _read(self, value: object, info: core_schema.ValidationInfo) -> object:
        if self.choices and isinstance(info.context, Complaints) and value in info.context.own:
            return value
        if not isinstance(value, str):
            raise ValueError(f"expected text{got(value)}")
        return self.check(value)


@dataclass(frozen=True)
class Judged:
    """Annotation: a threshold, whose number without a word means `bare`."""

    bare: Kind

    def __get_pydantic_core_schema__(self, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self._read)

    def __get_pydantic_json_schema__(
        self, _: CoreSchema, __: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return THRESHOLD_SCHEMA

    def _read(self, value: object, info: core_schema.ValidationInfo) -> Threshold:
        try:
            return parse_threshold(value, self.bare)
        except ThresholdError as error:
            if not (isinstance(value, Map) and isinstance(info.context, Complaints)):
                raise
            # Noted here, where the part of the map that is wrong is known.
            info.context.add(value, error.path, str(error))
            return Threshold()


_AMOUNT_SCHEMA: dict[str, Any] = {"type": ["number", "string"], "examples": [0.1, "5%"]}
_LIMIT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": dict.fromkeys(("max", "min", "increase", "decrease"), _AMOUNT_SCHEMA),
    "additionalProperties": False,
    "minProperties": 1,
    "maxProperties": 2,
}
_LEVEL_SCHEMA: dict[str, Any] = {"anyOf": [_AMOUNT_SCHEMA, _LIMIT_SCHEMA, {"type": "null"}]}
THRESHOLD_SCHEMA: dict[str, Any] = {
    "anyOf": [
        *_LEVEL_SCHEMA["anyOf"],
        {
            "type": "object",
            "properties": {"warn": _LEVEL_SCHEMA, "fail": _LEVEL_SCHEMA},
            "additionalProperties": False,
            "minProperties": 1,
        },
    ]
}


def got(value: object) -> str:
    """`, got ...` for a message, with advice where quotes would help."""
    if isinstance(value, bool | int | float):
        shown = str(value).lower() if isinstance(value, bool) else repr(value)
        return f", got {shown}{QUOTES}"
    if isinstance(value, str):
        return f", got '{value}'"
    shape = {"<map>": "a map", "<list>": "a list"}.get(by_shape(value) or "", "nothing")
    return f", got {shape}"


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"expected a number, got {str(value).lower()}")
    return value


def _flag(value: object) -> object:
    # An environment variable can only give text.
    found = {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value
    if not isinstance(found, bool):
        raise ValueError(f"expected true or false{got(value).removesuffix(QUOTES)}")
    return found


def _plain(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _ascending(edges: list[float]) -> list[float]:
    if any(high <= low for low, high in pairwise(edges)):
        raise ValueError("the edges must ascend")
    return edges


def _ordered(bounds: list[float]) -> list[float]:
    if bounds[0] > bounds[1]:
        raise ValueError(f"the lower bound {bounds[0]:g} is above the upper one {bounds[1]:g}")
    return bounds


def _offset(text: str) -> Duration:
    return parse_duration(text, allow_zero=True)


def _instant(text: str) -> str:
    parse_instant(text, "UTC")
    return text


def _every(text: str) -> str:
    parse_duration(text)
    return check_schedule(text)


Text = Annotated[str, Field(min_length=1)]
Texts = Annotated[list[Text], Field(min_length=1)]
Plain = Annotated[str, BeforeValidator(_plain, json_schema_input_type=str | float | bool)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Natural = Annotated[int, BeforeValidator(_no_bool), Field(ge=0)]
Count = Annotated[Natural, Field(ge=1)]
BinCount = Annotated[Natural, Field(ge=2, le=1000)]
Number = Annotated[float, BeforeValidator(_no_bool), Field(allow_inf_nan=False)]
Edges = Annotated[list[Number], Field(min_length=2), AfterValidator(_ascending)]
Bounds = Annotated[list[Number], Field(min_length=2, max_length=2), AfterValidator(_ordered)]
Size = Annotated[Duration, Checked(parse_duration, ("P7D", "P1M", "PT6H"))]
Offset = Annotated[Duration, Checked(_offset, ("P0D", "P7D"))]
Instant = Annotated[str, Checked(_instant, ("2026-03-01", "2026-03-01T06:00"))]
Zone = Annotated[str, Checked(check_zone, ("UTC", "Europe/Berlin"))]
Cron = Annotated[str, Checked(check_schedule, ("0 6 * * *",))]
Every = Annotated[str, Checked(_every, ("P1D", "PT6H"))]
