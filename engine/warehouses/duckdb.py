"""DuckDB: files of any size on one machine, tables of a database, Arrow tables in memory."""

from __future__ import annotations

import hashlib
import os
import re
import time
import uuid
import warnings
from collections.abc import Callable, Mapping
from glob import glob, has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from driftline.engine.errors import ConfigError, SourceError, StatementError, WarehouseError
from driftline.engine.project import MEMORY, Source
from driftline.engine.warehouses.base import (
    About,
    Answer,
    Column,
    Keeps,
    Kind,
    kind_in,
    stoppable,
    tablesample,
)
from driftline.engine.warehouses.lakes import Files, Lake, Rows, open_lake

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

# https://duckdb.org/docs/stable/sql/data_types/overview
_KINDS: Final[tuple[tuple[str, Kind], ...]] = (
    (r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?", "integer"),
    (r"DOUBLE|FLOAT|REAL", "float"),
    (r"DECIMAL(\(.*\))?", "decimal"),
    (r"VARCHAR|ENUM\(.*\)|UUID", "text"),
    (r"BOOLEAN", "boolean"),
    (r"DATE", "date"),
    (r"TIMESTAMP(_S|_MS|_NS)?", "timestamp"),
    (r"TIMESTAMP WITH TIME ZONE", "timestamptz"),
)

_PARQUET: Final = (".parquet", ".pq")
_ARROW: Final = (".arrow", ".feather", ".ipc")
_TEXT: Final = {
    ".csv": "read_csv",
    ".tsv": "read_csv",
    ".json": "read_json",
    ".jsonl": "read_json",
    ".ndjson": "read_json",
}


def kind_of(native: str) -> Kind:
    """The kind of a DuckDB type name; types without one (nested, binary, time) are `other`."""
    return kind_in(_KINDS, native)


def quote(name: str) -> str:
    """A quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A quoted string."""
    return "'" + text.replace("'", "''") + "'"


class DuckDB:
    """A DuckDB session; text files are read once into a temporary table, Parquet stays where it is."""

    dialect = "duckdb"
    keeps_bounds = True
    keeps_rows = True
    keeps: Keeps | None = Keeps("file")
    draws = ""
    most_cells: int | None = None
    ranks_nan = False

    def __init__(
        self,
        options: Mapping[str, object],
        *,
        frames: Mapping[str, Any] | None = None,
        beside: duckdb.DuckDBPyConnection | None = None,
    ) -> None:
        """Open a session.

        Args:
            options: Keys of a `connection` of type duckdb: `database`, `settings`, `extensions`,
                `secrets`, `files`.
            frames: Arrow tables by name, readable as tables.
            beside: An open connection to share the database of, instead of opening one.

        Raises:
            WarehouseError: When the database cannot be opened, a setting is refused or a frame
                cannot be read.
        """
        import duckdb

        self._errors = duckdb.Error
        self._conversion = duckdb.ConversionException
        self._invalid = duckdb.InvalidInputException
        self._loaded: dict[tuple[str, ...], str] = {}
        self._database = database = str(options.get("database", MEMORY))
        self._reading = _spelled(_part(options, "files"))
        # where names are looked for once the database is attached again
        self._path: str | None = None
        config: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
        try:
            self._is_attached = False
            if beside is not None:
                self._session = beside.cursor()
            elif database == MEMORY or database.startswith("md:"):
                self._session = duckdb.connect(
                    database, read_only=database != MEMORY, config=config
                )
            else:
                # beside the session, not in it, so that it can be let go of
                self._session = duckdb.connect(config=config)
                self._take(_PATIENCE)
                self._is_attached = True
            settings = _part(options, "settings")
            # what is set for the session alone leaves other connections to the database as they are
            scope = "session " if beside is not None else ""
            for name, value in {
                "TimeZone": "UTC",
                "preserve_insertion_order": False,
                "enable_progress_bar": False,
                # a statement names a file once a column and side: its footer is read once
                "parquet_metadata_cache": True,
                # 16-bit groups are counted in a table with a place for each
                "perfect_ht_threshold": 17,
                # what does not fit in memory waits where it is nobody's, until the session is closed
                **({} if beside is not None else {"temp_directory": _place_to_wait()}),
                # a table that is missing is an error, never a Python variable of that name
                "python_enable_replacements": False,
                **settings,
            }.items():
                if not re.fullmatch(r"[A-Za-z_]+", str(name)):
                    raise ConfigError(f"connection.settings: {name!r} is not a DuckDB setting")
                self._connection.execute(f"set {scope}{name} = {literal(str(value))}")
            extensions = options.get("extensions") or ()
            assert isinstance(extensions, tuple)
            for extension in extensions:
                self._extend(extension)
            for name, secret in _part(options, "secrets").items():
                self._keep_secret(str(name), secret)
            for name, frame in (frames or {}).items():
                self._register(name, frame)
        except duckdb.Error as error:
            opening = "use the open connection" if beside is not None else f"open {database}"
            raise WarehouseError(
                f"cannot {opening} in DuckDB: {error}",
                hint="check connection.database and connection.settings",
            ) from error

    def _extend(self, extension: str) -> None:
        """Load an extension; one that is not there is installed first.

        Raises:
            ConfigError: When it is no name.
            WarehouseError: When it cannot be loaded.
        """
        found = _EXTENSION.fullmatch(extension)
        if found is None:
            raise ConfigError(
                f"connection.extensions: {extension!r} is not an extension",
                hint="write its name, or `name from repository`",
            )
        try:
            try:
                self._connection.execute(f"load {found['name']}")
            except self._errors:
                self._connection.execute(f"install {extension}")
                self._connection.execute(f"load {found['name']}")
        except self._errors as error:
            raise WarehouseError(
                f"cannot load DuckDB's extension {extension}: {_first_line(error)}",
                hint="install it once where the network reaches its repository, in a DuckDB of this"
                f" version: install {extension}",
            ) from error

    def _keep_secret(self, name: str, told: Mapping[str, Any]) -> None:
        """Give the session a secret.

        Raises:
            ConfigError: When one of its keys is no name.
            WarehouseError: When DuckDB does not know such secrets; it never tells what is in it.
        """
        try:
            self._connection.execute(_secret(name, told))
        except self._errors as error:
            raise WarehouseError(
                f"connection.secrets.{name}: {_first_line(error)}",
                hint="secrets of object stores need connection.extensions: [httpfs] or [azure]",
            ) from None

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection) -> DuckDB:
        """A session of its own in the database of an open connection, which stays as it is.

        It sees that database's tables and views, but not temporary ones or registered frames,
        which DuckDB keeps to the connection that made them. Its settings, the time zone UTC among
        them, are its own, and closing it closes nothing else.

        Raises:
            WarehouseError: When the connection is closed.
        """
        return cls({}, beside=connection)

    @staticmethod
    def column(name: str, native: str) -> Column:
        return Column(name, native, kind_of(native))

    def about(self) -> About:
        (row,) = self.fetch(
            "select version() as version, current_setting('TimeZone') as time_zone,"
            " current_setting('memory_limit') as memory, current_setting('threads') as threads"
        ).to_pylist()
        memory = f"{row['memory']} of memory"
        where = "DuckDB over files" if self._database == ":memory:" else f"duckdb {self._database}"
        return About(row["version"], row["time_zone"], where, (memory, f"{row['threads']} threads"))

    def estimated_rows(self, source: Source) -> int | None:
        # counting is as fast
        del source
        return None

    def columns(self, source: Source) -> tuple[Column, ...]:
        try:
            rows = self._connection.execute(
                f"describe select * from {self.relation(source)}"
            ).fetchall()
        except self._errors as error:
            raise SourceError(
                f"cannot read {source.written}: {_first_line(error)}",
                hint="check the path, the table's name and that the file is whole",
            ) from error
        return tuple(self.column(row[0], row[1]) for row in rows)

    def fingerprint(self, source: Source) -> str | None:
        if not source.files:
            return None
        found: list[Path] = []
        for pattern in source.files:
            # a folder may be a table of a lake: whatever is in it counts
            here = Path(pattern)
            inside = here.rglob("*") if here.is_dir() else map(Path, _expand(pattern))
            found += (path.absolute() for path in inside if path.is_file())
        if not found:
            return None
        # a project that is moved with its files has the same ones
        top = os.path.commonpath([path.parent for path in found])
        told = (
            f"{path.relative_to(top)} {known.st_size} {known.st_mtime_ns}"
            for path in sorted(found)
            for known in (path.stat(),)
        )
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]

    def relation(self, source: Source) -> str:
        if source.query:
            return f"({source.query.rstrip().rstrip(';')}\n)"
        if source.table:
            return ".".join(quote(part) for part in source.table)
        return self._files(source)

    def sampled(self, relation: str, percent: float) -> str:
        named = _NAMED.fullmatch(relation)
        if named is None or percent > _SPARSE or relation.count("', '") >= _FEW_FILES:
            return tablesample(relation, percent)
        # a filter by place reads these rows alone, a sample decodes all
        every = max(_RUN, round(_RUN * 100 / percent))
        return (
            "(select * exclude (file_row_number) from"
            f" read_parquet({named[1]}{named[2]}, file_row_number = true)"
            f" where file_row_number % {every} < {_RUN})"
        )

    def _files(self, source: Source) -> str:
        """A table function over the files, or the temporary table they were read into."""
        if source.files in self._loaded:
            return self._loaded[source.files]
        if len(source.files) == 1 and (lake := open_lake(source.files[0], source.written)):
            return self._lake(source, lake)
        paths = [path for pattern in source.files for path in self._matching(pattern)]
        if not paths:
            if any(Path(pattern).is_dir() for pattern in source.files):
                raise SourceError(
                    f"the folder {source.written} holds no Parquet file",
                    hint="a folder stands for its Parquet files; name others by a pattern: data/*.csv",
                )
            raise SourceError(
                f"no file matches {source.written}",
                hint="paths in the project file resolve from its folder",
            )
        suffix = _one_kind(paths, source.written)
        spelled = f"[{', '.join(literal(path) for path in paths)}]"
        if suffix in _PARQUET:
            if len(paths) <= _MOST_NAMED:
                scan = f"read_parquet({spelled}{self._reading})"
                return self._held(source, scan) if self._is_wide_and_short(spelled) else scan
            if any(Path(pattern).is_dir() for pattern in source.files):
                scan = f"read_parquet({spelled}{self._reading})"
                return self._load(source, lambda name: self._view(name, scan))
            return f"read_parquet({_patterns(source)}{self._reading})"
        if suffix in _ARROW:
            return self._load(source, lambda name: self._register(name, _arrow_dataset(paths)))
        reader = _TEXT.get(suffix)
        if reader is None:
            known = ", ".join((*_PARQUET, *_TEXT, *_ARROW))
            raise SourceError(
                f"{source.written}: unknown kind of file; known are {known}, and folders that hold"
                " Parquet files, a Delta or an Iceberg table"
            )
        return self._load(source, lambda name: self._parse(name, reader, spelled + self._reading))

    def _matching(self, pattern: str) -> list[str]:
        """The files of a pattern; those of object stores DuckDB itself looks up."""
        if "://" not in pattern:
            return _expand(pattern)
        if not has_magic(pattern):
            return [pattern]
        listed = f"select file from glob({literal(pattern)}) order by file"
        try:
            return [str(file) for (file,) in self._connection.execute(listed).fetchall()]
        except self._errors as error:
            raise SourceError(
                f"cannot list {pattern}: {_first_line(error)}",
                hint="object stores need connection.extensions: [httpfs] or [azure], and"
                " connection.secrets",
            ) from error

    def _is_wide_and_short(self, spelled: str) -> bool:
        """Whether naming Parquet files takes longer than reading them.

        A statement names its source once a column; each time, the engine looks at all columns.
        """
        try:
            described = f"describe select * from read_parquet({spelled})"
            columns = len(self._connection.execute(described).fetchall())
            if columns <= _WIDE:
                return False
            counted = f"select sum(num_rows) from parquet_file_metadata({spelled})"
            ((rows,),) = self._connection.execute(counted).fetchall()
        except self._errors:
            return False
        return int(rows) * columns <= _HELD

    def _held(self, source: Source, scan: str) -> str:
        """Files read into a temporary table; as they are where some of their columns are broken."""
        try:
            return self._load(source, lambda name: self._create(name, scan))
        except SourceError:
            return scan

    def _lake(self, source: Source, lake: Lake) -> str:
        """What reads a Delta or Iceberg table."""
        if isinstance(lake, Files):
            paths = ", ".join(literal(path) for path in lake.paths)
            columns = ", ".join(
                f"{field.id}: {{name: {literal(field.name)}, type: {literal(field.type)},"
                " default_value: null}"
                for field in lake.fields
            )
            scan = f"read_parquet([{paths}], schema = map {{{columns}}})"
            return self._load(source, lambda name: self._view(name, scan))
        if isinstance(lake, Rows):
            return self._load(source, lambda name: self._read_once(name, lake.reader))
        return self._load(source, lambda name: self._register(name, lake.dataset))

    def _load(self, source: Source, load: Callable[[str], object]) -> str:
        """Give a source a name in this session, once."""
        name = f"driftline_source_{len(self._loaded)}"
        try:
            load(name)
        except (self._errors, OSError, ValueError) as error:
            raise SourceError(
                f"cannot read {source.written}: {_first_line(error)}",
                hint="check that the file is whole and of the kind its name says",
            ) from error
        self._loaded[source.files] = name
        return name

    def _register(self, name: str, readable: Any) -> None:
        """Name an Arrow table or data set.

        DuckDB 1.5 lets Arrow decide `x > 1`, and to Arrow NaN is not above 1 as it is to DuckDB;
        what is multiplied by 1 it decides itself. A wide table in memory is copied, as wide files
        are.
        """
        arrow = f"{name}_arrow"
        self._connection.register(arrow, readable)
        described = self._connection.execute(f"describe {quote(arrow)}").fetchall()
        if (
            len(described) > _WIDE
            and getattr(readable, "num_rows", _HELD) * len(described) <= _HELD
        ):
            self._create(quote(name), quote(arrow))
            return
        floats = [quote(row[0]) for row in described if kind_of(row[1]) == "float"]
        replaced = ", ".join(f"{column} * 1 as {column}" for column in floats)
        self._view(name, quote(arrow), f" replace ({replaced})" if replaced else "")

    def _read_once(self, name: str, reader: Any) -> None:
        arrow = f"{name}_arrow"
        self._connection.register(arrow, reader)
        try:
            self._create(name, arrow)
        finally:
            self._connection.unregister(arrow)

    def _parse(self, name: str, reader: str, spelled: str) -> None:
        """Read text into a table.

        Types come from the first rows; where a later one does not fit, from all of them: a single
        odd value makes its column text, and its other values are still read as numbers.
        """
        try:
            self._create(name, f"{reader}({spelled})")
        except (self._conversion, self._invalid):
            self._create(name, f"{reader}({spelled}, sample_size = -1)")

    def _view(self, name: str, relation: str, replaced: str = "") -> None:
        """Name a long relation, which would drown every statement that reads it."""
        self._connection.execute(
            f"create temp view {quote(name)} as select *{replaced} from {relation}"
        )

    def _create(self, name: str, relation: str) -> None:
        load = f"create temp table {name} as select * from {relation}"
        self._stoppable(lambda: self._connection.execute(load))

    def fetch(self, sql: str) -> pa.Table:
        try:
            return self._stoppable(lambda: self._answer(sql))
        except self._errors as error:
            raise StatementError(f"DuckDB refused a statement: {error}", sql=sql) from error

    def _answer(self, sql: str) -> pa.Table:
        """What a statement returns, which is planned once: `sql()` plans it to learn its columns, too."""
        answer = self._connection.execute(sql)
        with warnings.catch_warnings():
            # newer ones warn that the rows are copied: they are few, and the plan is long
            warnings.filterwarnings("ignore", "Arrow output on a DB-API result")
            return answer.to_arrow_table()

    def execute(self, sql: str) -> None:
        try:
            self._stoppable(lambda: self._connection.execute(sql))
        except self._errors as error:
            raise StatementError(f"DuckDB refused a statement: {error}", sql=sql) from error

    def _stoppable(self, work: Callable[[], Answer]) -> Answer:
        return stoppable(work, self._connection.interrupt)

    @property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        """The session, with the database that it reads."""
        if self._path is not None:
            try:
                self._take(_LONG_PATIENCE)
            except self._errors as error:
                what = f"cannot open {self._database} in DuckDB again: {error}"
                raise WarehouseError(what, hint="run again when nobody writes to it") from error
            self._session.execute(f"set search_path = {literal(self._path)}")
            self._path = None
        return self._session

    def _take(self, wait_seconds: float) -> None:
        """Attach the database, which someone else may be writing to for a moment."""
        name = _name_of(self._database)
        attach = f"attach {literal(self._database)} as {quote(name)} (read_only)"
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                self._session.execute(attach)
                break
            except self._errors as error:
                if not _LOCKED.search(str(error)) or time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE)
        self._session.execute(f"use {quote(name)}")

    def let_go(self) -> None:
        if self._path is None and self._is_attached:
            ((path,),) = self._session.execute("select current_setting('search_path')").fetchall()
            self._session.execute("use memory")
            self._session.execute(f"detach {quote(_name_of(self._database))}")
            self._path = path

    def close(self) -> None:
        self._session.close()


def _name_of(database: str) -> str:
    """What a database is called in a session that has it, as by DuckDB itself."""
    name = Path(database).name.split(".")[0]
    return f"{name}_db" if name in ("", "main", "memory", "system", "temp") else name


def _part(options: Mapping[str, object], key: str) -> Mapping[str, Any]:
    """A key of a connection that is a map; an empty one where it is missing."""
    found = options.get(key) or {}
    assert isinstance(found, Mapping)
    return found


def _spelled(files: Mapping[str, Any]) -> str:
    """Options of the functions that read files."""
    return "".join(f", {name} = {str(value).lower()}" for name, value in files.items())


def _secret(name: str, told: Mapping[str, Any]) -> str:
    """What makes a secret of the session.

    Raises:
        ConfigError: When one of its keys is no name.
    """
    for key in told:
        if not re.fullmatch(r"\w+", key, re.ASCII):
            raise ConfigError(f"connection.secrets.{name}: {key!r} is not a key of a secret")
    keys = ", ".join(f"{key} {literal(str(value))}" for key, value in told.items())
    return f"create or replace temporary secret {quote(name)} ({keys})"


def _place_to_wait() -> str:
    """A folder of the session's own, which DuckDB makes when it is needed and removes again."""
    import tempfile

    return str(Path(tempfile.gettempdir()) / f"driftline-{uuid.uuid4().hex}")


# Seconds to wait for whoever writes to the database: before a run, and in the middle of one.
_PATIENCE: Final = 5.0
_LONG_PATIENCE: Final = 60.0
_PAUSE: Final = 0.05
# What DuckDB says of a file that someone else has open.
_LOCKED: Final = re.compile(r"Could not set lock on file|being used by another process")

# Parquet of more columns than this and at most so many values is read once.
_WIDE: Final = 200
_HELD: Final = 20_000_000
# More files than this are named by their patterns, so that statements stay readable.
_MOST_NAMED: Final = 20
# Parquet files as `_files` names them.
_NAMED: Final = re.compile(r"read_parquet\((\['.*'\])((?:, \w+ = \w+)*)\)", re.DOTALL)
_EXTENSION: Final = re.compile(r"(?P<name>\w+)(?: from \w+)?", re.ASCII)
# A sample is of runs of so many rows, from each of a few files.
_RUN: Final = 2_000
_SPARSE: Final = 1.0  # percent
_FEW_FILES: Final = 10


def _patterns(source: Source) -> str:
    return f"[{', '.join(literal(pattern) for pattern in source.files)}]"


def _expand(pattern: str) -> list[str]:
    """The files of a pattern, sorted.

    A path without magic is itself when it exists; a folder is the Parquet files anywhere in it, as
    Spark writes them.
    """
    if Path(pattern).is_dir():
        return sorted(
            str(file)
            for suffix in _PARQUET
            for file in Path(pattern).rglob(f"*{suffix}")
            if not any(part.startswith(("_", ".")) for part in file.relative_to(pattern).parts)
        )
    if Path(pattern).exists():
        return [pattern]
    return sorted(glob(pattern, recursive=True)) if has_magic(pattern) else []


def _suffix(path: str) -> str:
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if suffixes and suffixes[-1] in (".gz", ".zst") and len(suffixes) > 1:
        return suffixes[-2]
    return suffixes[-1] if suffixes else ""


def _one_kind(paths: list[str], written: str) -> str:
    """The suffix of all files of a pattern.

    Raises:
        SourceError: When they are of several kinds.
    """
    suffixes = {_suffix(path): path for path in reversed(paths)}
    readers = {
        next((kind for kind in (_PARQUET, _ARROW) if suffix in kind), _TEXT.get(suffix, suffix))
        for suffix in suffixes
    }
    if len(readers) > 1:
        named = ", ".join(Path(path).name for path in sorted(suffixes.values()))
        raise SourceError(
            f"{written} matches files of several kinds, {named} among them",
            hint="narrow the pattern to one kind, such as data/*.parquet",
        )
    return _suffix(paths[0])


def _arrow_dataset(paths: list[str]) -> Any:
    from pyarrow import dataset

    return dataset.dataset(paths, format="ipc")


def _first_line(error: BaseException) -> str:
    """What an error says first; of a text file's line also what is wrong with it, never the line."""
    first, *rest = str(error).strip().splitlines() or [type(error).__name__]
    why = [line for line in rest[:2] if line.strip() and not line.startswith("Original Line")]
    return f"{first}: {why[0].strip()}" if "CSV Error" in first and why else first
