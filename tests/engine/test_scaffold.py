"""A first project file is valid, runs, and says why of every guess."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import driftline
from driftline.engine.config import load_project
from driftline.engine.errors import ConfigError, SourceError
from driftline.engine.scaffold import Scaffold, blank
from driftline.engine.yaml_file import spell

# Hourly rows of a year, with one column of every sort that init has an opinion on.
SCORED: Final = """
select
    i as request_id,
    timestamp '2026-01-01' + to_hours(cast(i as integer)) as scored_at,
    date '1970-01-01' + cast(i % 9000 as integer) as birth_date,
    cast(i % 97 as double) as age,
    i % 7 as weekday,
    i % 5 as num_children,
    i % 40 as zip_code,
    i % 300 as distance,
    'basic' || (i % 3) as plan,
    'comment ' || i as comment,
    i * 7 % 8760 as customer_id,
    1 as one,
    cast(null as double) as nothing,
    (i % 101) / cast(100 as double) as p_churn,
    (i % 99) / cast(99 as double) as p_stay,
    i % 2 = 0 as label
from range(8760) as rows (i)
"""


def write(file: Path, query: str) -> Path:
    """Write the rows of a query as Parquet."""
    duckdb.sql(f"copy ({query}) to '{str(file).replace(chr(39), 2 * chr(39))}' (format parquet)")
    return file


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


Make = Callable[..., Scaffold]


@pytest.fixture
def make(here: Path) -> Make:
    """Make a project of the rows of two queries; the reference's None leaves it out."""

    def made(production: str, reference: str | None = "", **given: Any) -> Scaffold:
        scored = write(here / "scored.parquet", production)
        if reference is not None:
            given["reference"] = write(here / "training.parquet", reference or production)
        return driftline.init(production=scored, **given)

    return made


def said(made: Scaffold, section: str) -> dict[str, str]:
    """The guesses of a section, value by key."""
    return {
        each.key.removeprefix(f"{section}."): each.value
        for each in made.guesses
        if each.key.startswith(f"{section}.")
    }


def excluded(made: Scaffold) -> dict[str, str]:
    """Why each feature is left out."""
    return {each.value: each.why for each in made.guesses if each.key == "features.exclude"}


# Without tables


def test_a_first_project_is_valid_as_it_is(here: Path) -> None:
    made = driftline.init()
    assert made == Scaffold(Path("driftline.yml"), "my_model")
    assert driftline.validate(here).notes == ()


def test_every_setting_that_is_offered_is_one_that_the_file_takes(tmp_path: Path) -> None:
    file = tmp_path / "driftline.yml"
    file.write_text(re.sub(r"^( *)#(?=\S)", r"\1", blank("m"), flags=re.MULTILINE))
    monitor = load_project(file).monitor("m")
    assert monitor.roles.correlation_id == "request_id"
    assert monitor.owner == "ml-team"
    assert monitor.settings["age"].bounds == (18, 110)


def test_what_a_first_project_spells_out_is_what_would_happen_anyway(tmp_path: Path) -> None:
    file = tmp_path / "driftline.yml"
    text = blank("m")
    file.write_text(text)
    spelled = load_project(file).monitor("m")
    file.write_text(text[: text.index("    signals:")])
    kinds = {"out_of_bounds_rate", "null_value_rate", "data_type_error_rate"}
    defaults = {
        s.name: {r.metric: r for r in s.rules} for s in load_project(file).monitor("m").signals
    }
    quality = next(s for s in spelled.signals if s.type == "data_quality")
    assert {rule.metric for rule in quality.rules} == kinds
    assert all(rule == defaults["data_quality"][rule.metric] for rule in quality.rules)


def test_the_folder_is_made_and_the_monitor_named(here: Path) -> None:
    made = driftline.init(here / "a" / "b", name="it's: mine #1")
    assert made.file == here / "a" / "b" / "driftline.yml"
    assert [monitor.name for monitor in load_project(made.file).monitors] == ["it's: mine #1"]


# What is never done


def test_a_file_that_is_there_stays_as_it_is(here: Path) -> None:
    file = here / "driftline.yml"
    file.write_text("mine")
    with pytest.raises(ConfigError, match=r"exists already[\s\S]*driftline init DIR"):
        driftline.init()
    assert file.read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_named(here: Path) -> None:
    (here / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot make file"):
        driftline.init("file/inside")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"reference": "a.parquet"}, "no production"),
        ({"production": "some_table"}, "some_table is not a file"),
    ],
)
def test_arguments_that_make_no_project_are_refused(
    here: Path, given: dict[str, str], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        driftline.init(**given)
    assert list(here.iterdir()) == []


def test_a_table_that_is_not_there_leaves_no_file(here: Path) -> None:
    with pytest.raises(SourceError, match=r"no file matches gone\.parquet"):
        driftline.init(production="gone.parquet", reference="gone.parquet")
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("production", "reference"),
    [
        ("select 1 as a", "select 1 as b"),
        ("select now() as scored_at, 1 as id", "select now() as scored_at, 1 as id, 1 as c"),
    ],
)
def test_tables_without_a_feature_in_common_are_refused(
    make: Make, here: Path, production: str, reference: str
) -> None:
    with pytest.raises(SourceError, match=r"no column in common to watch[\s\S]*has"):
        make(production, reference)
    assert not (here / "driftline.yml").exists()


def test_a_table_without_times_has_no_past_to_compare_with(make: Make) -> None:
    with pytest.raises(ConfigError, match="--reference"):
        make("select 1 as a", None)


# Guesses


def test_columns_find_their_roles(make: Make) -> None:
    made = make(SCORED)
    assert said(made, "columns") == {
        "correlation_id": "request_id",
        "score": "p_churn",
        "actual": "label",
    }
    assert said(made, "production") == {"timestamp": "scored_at", "window": "{size: P7D}"}


def test_columns_that_say_nothing_are_no_features(make: Make) -> None:
    assert {name: why.split(":")[0] for name, why in excluded(make(SCORED)).items()} == {
        "p_stay": "another output of the model, by its name",
        "comment": "ids or free text",
        "customer_id": "named like an id; 8 760 different in 8 760 rows",
        "one": "always the same value",
        "nothing": "no values on either side",
    }


def test_whole_numbers_are_amounts_or_names_by_how_many_and_what_they_are_called(
    make: Make,
) -> None:
    assert said(make(SCORED), "settings") == {
        "weekday": "{type: categorical}",
        "num_children": "{type: numerical}",
        "zip_code": "{type: categorical}",
    }


def test_a_value_that_changed_for_every_row_is_still_a_feature(make: Make) -> None:
    made = make("select 'new' as a, 2 as b, 3 as c", "select 'old' as a, 1 as b, 3 as c")
    assert excluded(made) == {"c": "always the same value"}


def test_whole_numbers_that_doubles_do_not_tell_apart_are_several_values(make: Make) -> None:
    assert (
        excluded(make(f"select {2**60} + i % 4 as big, i % 7 as few from range(70) as r(i)")) == {}
    )


@pytest.mark.parametrize(
    ("columns", "roles"),
    [
        ("random() as predicted_price, random() * 9 as price", ("predicted_price", "price")),
        ("'yes' as predictedLabel, 'no' as trueLabel", ("predictedLabel", "trueLabel")),
        ("random() * 9 as y_hat, random() * 9 as y", ("y_hat", "y")),
        ("'v1' as prediction_version, 'web' as label_source, now() as label_at", (None, None)),
        ("random() as price, random() as prudent", (None, None)),
    ],
)
def test_predictions_and_what_happened_go_by_their_names(
    make: Make, columns: str, roles: tuple[str | None, str | None]
) -> None:
    made = make(f"select i, {columns} from range(50) as rows (i)")
    found = said(made, "columns")
    assert (found.get("prediction"), found.get("actual")) == roles


@pytest.mark.parametrize("values", ["random() * 700", "i", "'a'", "-random()"])
def test_a_score_is_a_number_from_0_to_1(make: Make, values: str) -> None:
    made = make(f"select {values} as score, i % 3 as plan from range(1, 50) as rows (i)")
    assert said(made, "columns") == {}


@pytest.mark.parametrize(
    ("columns", "clock"),
    [
        ("t as birth_date, t as created_at, t as scored_at", "scored_at"),
        ("t as updated_at, t as ts", "ts"),
        ("t as moment", "moment"),
        ("cast(t as date) as day, cast(t as varchar) as scored_at", "day"),
        ("t as birth_date", None),
        ("cast(t as varchar) as scored_at", None),
        ("cast(null as timestamp) as scored_at", None),
    ],
)
def test_the_clock_is_the_column_with_times_of_scoring(
    make: Make, columns: str, clock: str | None
) -> None:
    made = make(
        f"select i % 4 as a, {columns}"
        " from (select i, timestamp '2026-01-01' + to_hours(cast(i as integer)) as t"
        " from range(500) as rows (i))"
    )
    assert said(made, "production").get("timestamp") == clock
    assert ("whole table" in made.file.read_text()) is (clock is None)


@pytest.mark.parametrize(
    ("every", "rows", "size"),
    [
        ("to_minutes", 60 * 24 * 20, "P1D"),
        ("to_hours", 24 * 90, "P7D"),
        ("to_days", 365, "P28D"),
        ("to_weeks", 52, "P7D"),
        ("to_months", 24, "P1M"),
        ("to_minutes", 20, "P1D"),
    ],
)
def test_the_window_holds_as_much_time_as_the_rows_need(
    make: Make, every: str, rows: int, size: str
) -> None:
    made = make(
        f"select i % 4 as a, timestamp '2026-01-01' + {every}(cast(i as integer)) as at"
        f" from range({rows}) as rows (i)"
    )
    assert said(made, "production")["window"] == f"{{size: {size}}}"


def test_without_a_reference_production_is_compared_with_its_past(make: Make) -> None:
    made = make(SCORED, None)
    assert said(made, "reference") == {"window": "{size: P28D}"}
    assert driftline.run(made.file, at=made.at).exit_code in (0, 1)


def test_segments_and_a_schedule_are_advice_and_nothing_that_happens(make: Make) -> None:
    made = make(SCORED)
    text = made.file.read_text()
    assert "    #segments: [plan]  # " in text
    assert '    #schedule: "0 0 * * 1"  # ' in text
    assert load_project(made.file).monitors[0].schedule is None


def test_every_guess_is_a_line_with_its_reason(make: Make) -> None:
    made = make(SCORED)
    lines = made.file.read_text().splitlines()
    for each in made.guesses:
        assert each.why
        (_,) = (line for line in lines if each.value in line and line.endswith(f"  # {each.why}"))


# Files


@pytest.mark.parametrize("folder", [".", "project", "a/b", "it's # odd"])
def test_paths_are_relative_to_the_file(here: Path, folder: str) -> None:
    (here / "data").mkdir()
    write(here / "data" / "scored.parquet", SCORED)
    made = driftline.init(folder, production="data/*.parquet", reference="data/scored.parquet")
    assert str(here) not in made.file.read_text()
    assert made.monitor == "data"
    assert driftline.run(made.file, at=made.at).exit_code in (0, 1)


@pytest.mark.parametrize("name", ["scored.csv", "it's [odd]: #1.parquet", "${HOME}.parquet"])
def test_whatever_a_file_is_called_the_project_reads_it_or_says_why_not(
    here: Path, name: str
) -> None:
    kind = "csv" if name.endswith("csv") else "parquet"
    quoted = str(here / name).replace("'", "''")
    duckdb.sql(f"copy ({SCORED}) to '{quoted}' (format {kind})")
    if "${" in name:
        with pytest.raises(ConfigError, match="HOME"):
            driftline.init("new", production=name, reference=name)
        assert not (here / "new" / "driftline.yml").exists()
        return
    made = driftline.init(production=name, reference=name)
    assert driftline.run(made.file, at=made.at).exit_code in (0, 1)


def test_a_delta_table_is_read(here: Path) -> None:
    deltalake = pytest.importorskip("deltalake")
    deltalake.write_deltalake(here / "scored", duckdb.sql(SCORED).to_arrow_table())
    made = driftline.init(production="scored/", reference="scored/")
    assert made.monitor == "scored"
    assert said(made, "columns")["correlation_id"] == "request_id"


# Any names and values

NAMES: Final = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=12
) | st.sampled_from(
    ["null", "true", "1", "a: b", "#", "*", "${X}", "[a]", "- a", "p_x", "id", "y", "at", "<<", "~"]
)
CLOCK: Final = pa.array([1_700_000_000_000_000 + 10**10 * i for i in range(40)], pa.timestamp("us"))
COLUMNS: Final = st.sampled_from(
    [
        pa.array([*range(40)]),
        pa.array([i % 3 for i in range(40)]),
        pa.array([1.5 * i for i in range(40)]),
        pa.array([i / 40 for i in range(40)]),
        pa.array([float("nan"), float("inf"), *(0.5,) * 38]),
        pa.array([f"t{i % 5}" for i in range(40)]),
        pa.array([i % 2 == 0 for i in range(40)]),
        pa.array([None] * 40, pa.float64()),
        pa.array([b"x"] * 40),
        CLOCK,
    ]
)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    columns=st.dictionaries(NAMES, st.tuples(COLUMNS, COLUMNS), min_size=1, max_size=6).filter(
        lambda names: len({name.casefold() for name in names}) == len(names)
    )
)
@example(columns={"a\x85\n \n\r\u2028b": (CLOCK, CLOCK), "x": (CLOCK, CLOCK)})
def test_a_guess_makes_no_file_invalid_and_no_run_fail(
    tmp_path: Path, columns: dict[str, tuple[pa.Array, pa.Array]]
) -> None:
    tables = tmp_path / "scored.parquet", tmp_path / "training.parquet"
    for place, table in enumerate(tables):
        pq.write_table(pa.table({name: sides[place] for name, sides in columns.items()}), table)
    (tmp_path / "driftline.yml").unlink(missing_ok=True)
    try:
        made = driftline.init(tmp_path, production=tables[0], reference=tables[1])
    except SourceError as error:
        assert "no column in common to watch" in error.message  # noqa: PT017 (often there is none)
        return
    assert driftline.run(made.file, at=made.at).exit_code in (0, 1)


@given(text=NAMES)
def test_a_text_is_spelled_so_that_yaml_reads_it_back(text: str) -> None:
    from ruamel.yaml import YAML

    assert YAML(typ="safe").load(f"{{a: [{spell(text)}], {spell(text)}: b}}")["a"] == [text]
