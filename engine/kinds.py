"""Decide once what each column is, from the primary reference: numerical, categorical or neither."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from driftline.engine.features import Watched, few_values, may_be_categorical, text_is_free
from driftline.engine.plan import ALL, Plan
from driftline.engine.sqltext import exact_to
from driftline.engine.workbench import Workbench


@dataclass(frozen=True)
class Kinds:
    """What columns turned out to be.

    Attributes:
        types: Feature id to `numerical`, `categorical`, or None when left out of drift.
        reasons: Feature id to why it was left out.
        rounded: Ids of number columns whose exact values a double does not hold.
    """

    types: dict[int, str | None]
    reasons: dict[int, str]
    rounded: set[int]


def decide_kinds(
    plan: Plan,
    bench: Workbench,
    failed: Mapping[int, str],
    count_categories: Callable[[Sequence[Watched]], None],
) -> Kinds:
    """Decide the type of every column that is read, and note it in the workbench.

    Args:
        plan: The plan.
        bench: Holds `columns`, `categories` and `features`.
        failed: Ids of columns that could not be read.
        count_categories: Adds rows of `categories` for columns whose numbers no double holds.
    """
    return _Deciding(plan, bench, failed, count_categories, Kinds({}, {}, set())).run()


@dataclass(frozen=True)
class _Deciding:
    plan: Plan
    bench: Workbench
    failed: Mapping[int, str]
    count_categories: Callable[[Sequence[Watched]], None]
    out: Kinds

    def run(self) -> Kinds:
        self._find_rounded()
        seen = {
            row["feature"]: row
            for row in self.bench.rows(
                f"select * from columns where scan = {self.plan.primary.id} and segment = '{ALL}'"
            )
        }
        exact = self._exact_categories(seen)
        conventions = self.plan.conventions
        for item in self.plan.read:
            forced = self._forced(item)
            row = seen[item.id]
            assert item.reference is not None
            if item.route == "count":
                self.out.types[item.id] = None
            elif item.route == "number":
                few = self._is_few(item, row, exact.get(item.id, row["distinct_count"]))
                self.out.types[item.id] = "categorical" if few else "numerical"
            elif (
                forced is None
                and conventions.leaves_out_free_text
                and text_is_free(item.reference, int(row["distinct_count"] or 0), row["n"])
            ):
                self.out.types[item.id] = None
                self.out.reasons[item.id] = (
                    f"{int(row['distinct_count'])} distinct texts in {int(row['n'])} rows: "
                    "ids or free text, not categories"
                )
            else:
                self.out.types[item.id] = "categorical"
        self.bench.execute(
            "update features set feature_type = types.kind"
            " from (select unnest($1) as feature, unnest($2) as kind) as types"
            " where types.feature = features.feature",
            [[*self.out.types], [*self.out.types.values()]],
        )
        return self.out

    def _forced(self, item: Watched) -> str | None:
        """The type that the project file gives a column."""
        settings = self.plan.monitor.settings.get(item.name)
        return settings.type if settings is not None else None

    def _is_few(self, item: Watched, row: Mapping[str, Any], distinct: int | None) -> bool:
        """Whether a number column turns categorical.

        Args:
            item: The column.
            row: What `columns` says of the primary reference.
            distinct: Its different values, unless they were counted by themselves.
        """
        if row["whole_values"] is not None:
            # where they are, null is a value
            distinct = row["whole_values"] + (row["null_count"] > 0)
        return may_be_categorical(self.plan.monitor, item) and few_values(
            self.plan.conventions, distinct, int(row["row_count"])
        )

    def _find_rounded(self) -> None:
        """Note number columns that reach beyond what a double holds exactly."""
        reach = {
            row["feature"]: row["reach"]
            for row in self.bench.rows(
                "select feature, max(greatest(abs(minimum), abs(maximum))) as reach"
                " from columns group by feature"
            )
        }
        for item in self.plan.read:
            if item.route == "number" and (farthest := reach[item.id]) is not None:
                sides = (item.reference, item.production)
                if any(side is not None and farthest >= exact_to(side) for side in sides):
                    self.out.rounded.add(item.id)

    def _exact_categories(self, seen: Mapping[int, Mapping[str, Any]]) -> dict[int, int]:
        """Count whole numbers beyond 2^53 that may be categories again, as text: no two are one.

        Args:
            seen: Feature id to what `columns` says of the primary reference.

        Returns:
            Feature id to its different values. The rows of `categories` stay where these are few
            enough, and stand for what the doubles would say.
        """
        few = [
            item
            for item in self.plan.read
            if item.id in self.out.rounded
            and item.id not in self.failed
            and self._is_few(item, seen[item.id], seen[item.id]["distinct_count"])
        ]
        if not few:
            return {}
        self.count_categories(few)
        ids = ", ".join(str(item.id) for item in few)
        counted = self.bench.rows(
            "select feature, sum(distinct_count)::bigint as n from categories"
            f" where scan = {self.plan.primary.id} and kind in ('category', 'other')"
            f" and feature in ({ids}) group by feature"
        )
        found = {row["feature"]: row["n"] for row in counted}
        many = [
            item.id
            for item in few
            if item.id in found and not self._is_few(item, seen[item.id], found[item.id])
        ]
        # nulls and type errors are counted already, with the numbers
        self.bench.execute(
            f"delete from categories where feature in ({ids})"
            " and (kind in ('null', 'nan', 'type_error') or list_contains($1, feature))",
            [many],
        )
        return found
