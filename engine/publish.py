"""Copies of the results that others may hold open: a DuckDB file, Parquet files, the latest values.

Each file is made beside its place under another name and takes the place in one step. Who holds the
old copy open keeps reading it; a crash leaves the old copy or the new.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from driftline.engine.durable import put_in_place, unfinished
from driftline.engine.errors import StoreError
from driftline.engine.export import gauges, prometheus_text, send_otlp
from driftline.engine.project import Publish
from driftline.engine.sqltext import as_sql
from driftline.engine.storefile import alone_in

if TYPE_CHECKING:
    from driftline.engine.place import Tables
    from driftline.engine.results import Schema
    from driftline.engine.store import Store

# A format that every DuckDB from 1.0 on reads, whichever one writes it.
STORAGE_VERSION: Final = "v1.0.0"

_log: Final = logging.getLogger("driftline")

_RETRY: Final = "The results are stored. When that is put right: `driftline publish`."


def publish(store: Store, copies: Publish) -> tuple[Path, ...]:
    """Make the copies anew from what is stored, and tell the latest values.

    Rows go from the results into the copy inside DuckDB. The results are open for reading meanwhile.
    A collector that does not take the values is a warning in the log.

    Args:
        store: The results.
        copies: Where the copies are; folders are made.

    Returns:
        The files that were written.

    Raises:
        StoreError: When there are no results, or a copy cannot be written. Copies that were not
            replaced are as they were.
    """
    if copies == Publish():
        return ()
    with store.reading():
        # without results, not even a folder is made
        pass
    written: list[Path] = []
    if copies.duckdb is not None:
        file = copies.duckdb.resolve()
        with (
            _place(file.parent, [file], store.wait_seconds),
            store.reading() as tables,
            _writing(file),
        ):
            _copy_database(tables, store.schema, unfinished(file))
            _replace(file)
        written.append(copies.duckdb)
    if copies.parquet is not None:
        folder = copies.parquet.resolve()
        files = {name: folder / f"{name}.parquet" for name in store.schema.tables}
        with _place(folder, files.values(), store.wait_seconds):
            with store.reading() as tables, tables.in_duckdb() as (con, source):
                for name, file in files.items():
                    target = as_sql(str(unfinished(file)))
                    with _writing(file):
                        con.execute(
                            f"copy (select * from {source(name)}) to {target}"
                            " (format parquet, use_tmp_file false)"
                        )
            for file in files.values():
                with _writing(file):
                    _replace(file)
        written += (copies.parquet / file.name for file in files.values())
    if copies.prometheus is not None or copies.otlp is not None:
        with store.reading() as tables:
            found = gauges(tables)
        if copies.prometheus is not None:
            file = copies.prometheus.resolve()
            with _place(file.parent, [file], store.wait_seconds), _writing(file):
                unfinished(file).write_text(prometheus_text(found), "utf-8")
                _replace(file)
            written.append(copies.prometheus)
        if copies.otlp is not None and (reason := send_otlp(found, copies.otlp)) is not None:
            _log.warning("publish.otlp: the latest values were not sent: %s", reason)
    return tuple(written)


def _copy_database(tables: Tables, schema: Schema, file: Path) -> None:
    with tables.in_duckdb() as (con, source):
        ((before,),) = con.execute("select current_database()").fetchall()
        con.execute(f"attach {as_sql(str(file))} as copy (storage_version '{STORAGE_VERSION}')")
        con.execute("use copy")
        con.execute(schema.tables_sql)
        con.execute(schema.views_sql)
        for name in schema.tables:
            con.execute(f"insert into {name} by name select * from {source(name)}")
        con.execute("checkpoint copy")
        con.execute(f"use {before}")
        con.execute("detach copy")


@contextmanager
def _place(folder: Path, files: Iterable[Path], wait_seconds: float) -> Iterator[None]:
    """A folder that no one else publishes to, without what killed runs left, before and after."""
    leftovers = [part for file in files for part in _parts(file)]
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with alone_in(folder, wait_seconds=wait_seconds):
        with _writing(folder):
            _clear(leftovers)
        try:
            yield
        finally:
            with suppress(OSError):
                _clear(leftovers)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Say of what goes wrong which copy it is about, and that the results are safe."""
    import duckdb

    try:
        yield
    except (OSError, duckdb.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise StoreError(f"cannot publish {path}: {reason}", hint=_RETRY) from error


def _parts(file: Path) -> tuple[Path, Path]:
    """An unfinished copy and its log."""
    new = unfinished(file)
    return new, new.with_name(f"{new.name}.wal")


def _clear(files: Iterable[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)


def _replace(file: Path) -> None:
    """Put a finished copy in its place; who could read the old one still can."""
    if file.exists():
        shutil.copymode(file, unfinished(file))
    put_in_place(file)
