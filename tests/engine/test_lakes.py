"""Delta and Iceberg tables give the numbers that the same rows give from Parquet."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

import driftline
from driftline.engine.errors import SourceError
from driftline.engine.project import Source
from driftline.engine.warehouses.duckdb import DuckDB

deltalake = pytest.importorskip("deltalake", reason="the extra `delta` is not installed")
pyiceberg = pytest.importorskip("pyiceberg", reason="the extra `iceberg` is not installed")

Write = Callable[[Path, list[pa.Table]], None]


def _rows(seed: int, shift: float) -> pa.Table:
    rng = np.random.default_rng(seed)
    numbers = rng.normal(shift, 1, 600)
    numbers[:7] = np.nan
    texts = [None if k % 50 == 0 else f"v{k % 4}" for k in range(600)]
    return pa.table({"a b": numbers, 'say "k"': texts, "n": pa.array(range(600), pa.int64())})


def _to_delta(folder: Path, tables: list[pa.Table]) -> None:
    for table in tables:
        deltalake.write_deltalake(folder, table, mode="append", partition_by=['say "k"'])


def _catalog(folder: Path) -> Any:
    from pyiceberg.catalog.sql import SqlCatalog

    catalog = SqlCatalog("c", uri="sqlite:///:memory:", warehouse=folder.as_uri())
    catalog.create_namespace("lake")
    return catalog


def _to_iceberg(folder: Path, tables: list[pa.Table]) -> None:
    with closing(_catalog(folder.parent)) as catalog:
        made = catalog.create_table("lake.t", schema=tables[0].schema, location=folder.as_uri())
        for table in tables:
            made.append(table)


@pytest.mark.parametrize("write", [_to_delta, _to_iceberg])
def test_a_lake_gives_the_numbers_of_the_same_rows_in_parquet(write: Write, tmp_path: Path) -> None:
    reference, production = _rows(1, 0.0), _rows(2, 0.3)
    for name, table in {"reference": reference, "production": production}.items():
        parquet.write_table(table, tmp_path / f"{name}.parquet")
        write(tmp_path / name, [table.slice(0, 250), table.slice(250)])
    wanted = driftline.compare(tmp_path / "reference.parquet", tmp_path / "production.parquet")
    found = driftline.compare(f"{tmp_path}/reference", f"{tmp_path}/production/")
    assert len(found.metrics) > 5
    assert [_compared(row) for row in found.metrics] == [_compared(row) for row in wanted.metrics]


def _compared(row: Mapping[str, Any]) -> dict[str, Any]:
    own = ("metric_id", "run_id", "reference_id", "computed_at", "window_end", "window_date")
    return {name: value for name, value in row.items() if name not in own}


@pytest.fixture
def session() -> Iterator[DuckDB]:
    with closing(DuckDB({})) as opened:
        yield opened


def _read(session: DuckDB, path: Path, columns: str = "*", where: str = "true") -> list[Any]:
    relation = session.relation(Source(str(path), files=(str(path),)))
    return session.fetch(f"select {columns} from {relation} where {where} order by 1").to_pylist()


def test_rows_that_delta_marks_as_deleted_are_not_read(session: DuckDB, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    deltalake.write_deltalake(lake, pa.table({"x": [10.0, 11.0, 12.0, 13.0, 14.0]}))
    log = lake / "_delta_log"
    first = (log / "00000000000000000000.json").read_text(encoding="utf-8").splitlines()
    add = next(json.loads(line)["add"] for line in first if '"add"' in line)
    features = {"readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"]}
    actions = [
        {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, **features}},
        {"remove": {"path": add["path"], "deletionTimestamp": 1, "dataChange": True}},
        {"add": {**add, "deletionVector": _deletion_vector([1, 3])}},
    ]
    second = "\n".join(json.dumps(action) for action in actions)
    (log / "00000000000000000001.json").write_text(second, encoding="utf-8")
    assert [row["x"] for row in _read(session, lake)] == [10.0, 12.0, 14.0]


def _deletion_vector(rows: list[int]) -> dict[str, object]:
    # https://github.com/delta-io/delta/blob/master/PROTOCOL.md#deletion-vector-format, inline
    bitmap = struct.pack("<IIHHI", 12346, 1, 0, len(rows) - 1, 16)
    bitmap += struct.pack(f"<{len(rows)}H", *rows)
    vector = struct.pack("<IQI", 1681511377, 1, 0) + bitmap
    padded = vector + b"\0" * (-len(vector) % 4)
    digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
    text = ""
    for at in range(0, len(padded), 4):
        number = int.from_bytes(padded[at : at + 4], "big")
        text += "".join(digits[number // 85**place % 85] for place in (4, 3, 2, 1, 0))
    return {
        "storageType": "i",
        "pathOrInlineDv": text,
        "sizeInBytes": len(vector),
        "cardinality": len(rows),
    }


def test_columns_that_iceberg_renamed_widened_and_added_are_read_by_id(
    session: DuckDB, tmp_path: Path
) -> None:
    from pyiceberg.types import BooleanType, LongType

    with closing(_catalog(tmp_path)) as catalog:
        old = pa.table({"was": [1.0, 2.0], "n": pa.array([1, 2], pa.int32())})
        made = catalog.create_table("lake.t", old.schema, location=(tmp_path / "t").as_uri())
        made.append(old)
        with made.update_schema() as change:
            change.rename_column("was", "is")
            change.update_column("n", field_type=LongType())
            change.add_column("new", BooleanType())
        made.append(pa.table({"is": [3.0], "n": [2**40], "new": [True]}))
    assert _read(session, tmp_path / "t") == [
        {"is": 1.0, "n": 1, "new": None},
        {"is": 2.0, "n": 2, "new": None},
        {"is": 3.0, "n": 2**40, "new": True},
    ]


def test_an_iceberg_metadata_file_is_the_table_as_it_was_then(
    session: DuckDB, tmp_path: Path
) -> None:
    with closing(_catalog(tmp_path)) as catalog:
        rows = pa.table({"x": [1.0]})
        made = catalog.create_table("lake.t", rows.schema, location=(tmp_path / "t").as_uri())
        made.append(rows)
        then = Path(made.metadata_location.removeprefix("file://"))
        made.append(pa.table({"x": [2.0]}))
    assert _read(session, then) == [{"x": 1.0}]
    assert _read(session, tmp_path / "t") == [{"x": 1.0}, {"x": 2.0}]


def test_files_that_iceberg_took_over_without_ids_are_read_by_name(
    session: DuckDB, tmp_path: Path
) -> None:
    rows = pa.table({"x": [1.0, 2.0]})
    parquet.write_table(rows, tmp_path / "old.parquet")
    with closing(_catalog(tmp_path)) as catalog:
        made = catalog.create_table("lake.t", rows.schema, location=(tmp_path / "t").as_uri())
        made.add_files([(tmp_path / "old.parquet").as_uri()])
    assert _read(session, tmp_path / "t") == [{"x": 1.0}, {"x": 2.0}]


def _to_arrow(path: Path, tables: list[pa.Table]) -> None:
    feather.write_feather(pa.concat_tables(tables), path)


@pytest.mark.parametrize("write", [_to_delta, _to_iceberg, _to_arrow])
def test_a_filter_treats_nan_as_it_does_in_parquet(
    write: Write, session: DuckDB, tmp_path: Path
) -> None:
    table = _rows(3, 0.0)
    parquet.write_table(table, tmp_path / "t.parquet")
    lake = tmp_path / ("t.arrow" if write is _to_arrow else "t")
    write(lake, [table])
    where = '"a b" > 1'
    counted = [
        _read(session, path, "count(*) as rows", where) for path in (lake, tmp_path / "t.parquet")
    ]
    assert counted[0] == counted[1]
    assert counted[0][0]["rows"] > 7


def test_a_folder_is_the_parquet_files_in_it(session: DuckDB, tmp_path: Path) -> None:
    for part in range(30):
        folder = tmp_path / "out.parquet" / f"day={part}"
        folder.mkdir(parents=True)
        parquet.write_table(pa.table({"x": [part]}), folder / "part-0.parquet")
    (tmp_path / "out.parquet" / "_temporary").mkdir()
    (tmp_path / "out.parquet" / "_temporary" / "half.parquet").write_bytes(b"PAR1")
    rows = _read(session, tmp_path / "out.parquet")
    assert rows == [{"x": part, "day": part} for part in range(30)]


@pytest.mark.parametrize(
    ("write", "package", "extra"),
    [(_to_delta, "deltalake", "delta"), (_to_iceberg, "pyiceberg", "iceberg")],
)
def test_a_missing_package_is_one_line_with_the_command_that_brings_it(
    write: Write,
    package: str,
    extra: str,
    session: DuckDB,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(tmp_path / "t", [_rows(4, 0.0)])
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SourceError, match=f"package {package} is not installed") as caught:
        _read(session, tmp_path / "t")
    assert caught.value.hint == f"pip install 'driftline[{extra}]'"


@pytest.mark.parametrize("write", [_to_delta, _to_iceberg])
def test_a_broken_log_is_a_source_error_that_names_the_table(
    write: Write, session: DuckDB, tmp_path: Path
) -> None:
    write(tmp_path / "t", [_rows(5, 0.0)])
    for log in [*tmp_path.rglob("*.metadata.json"), *tmp_path.rglob("_delta_log/*.json")]:
        log.write_text("{not json", encoding="utf-8")
    with pytest.raises(SourceError, match=r"cannot read .*/t, an? (Delta|Iceberg) table"):
        _read(session, tmp_path / "t")


@pytest.mark.parametrize("write", [_to_delta, _to_iceberg])
def test_lost_data_files_are_a_source_error_of_that_monitor(write: Write, tmp_path: Path) -> None:
    parquet.write_table(_rows(6, 0.0), tmp_path / "reference.parquet")
    write(tmp_path / "t", [_rows(7, 0.0)])
    for data in tmp_path.joinpath("t").rglob("*.parquet"):
        data.unlink()
    with pytest.raises(driftline.DriftlineError) as caught:
        driftline.compare(tmp_path / "reference.parquet", f"{tmp_path}/t")
    assert caught.value.exit_code == 3


def test_an_empty_iceberg_table_is_a_window_without_rows(session: DuckDB, tmp_path: Path) -> None:
    _to_iceberg(tmp_path / "t", [_rows(8, 0.0).slice(0, 0)])
    assert _read(session, tmp_path / "t") == []
