"""Apache Spark: tables, queries and files of a session of its own, a cluster's, or a Connect server's."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar, Final, Literal

from driftline.engine.ddl import GONE, WRITES, kept_in
from driftline.engine.dialects import column_type, in_schema
from driftline.engine.errors import StatementError, WarehouseError
from driftline.engine.interpolate import mask, passwords, sensitive
from driftline.engine.project import Source
from driftline.engine.results import SPECS
from driftline.engine.warehouses.base import About, Answer, lacking, lost, stoppable
from driftline.engine.warehouses.marks import KEPT, LANDED, MarkingKeeper
from driftline.engine.warehouses.sparksql import SparkSQL, hint_for, one_line, written

if TYPE_CHECKING:
    import pyarrow as pa

# How a session must answer, whoever set it up.
# https://spark.apache.org/docs/latest/sql-ref-ansi-compliance.html
_SETTINGS: Final[Mapping[str, str]] = {
    "spark.sql.session.timeZone": "UTC",
    # what does not fit is an error, never null
    "spark.sql.ansi.enabled": "true",
    # a value that looks like a variable is a value, a name that looks like a pattern a name
    "spark.sql.variable.substitute": "false",
    "spark.sql.parser.quotedRegexColumnNames": "false",
    "spark.sql.parser.escapedStringLiterals": "false",
}
# How a session of its own is started, unless connection.conf says otherwise.
_STARTED: Final[Mapping[str, str]] = {
    "spark.ui.enabled": "false",
    # statements are long, and what is kept of each for a page that nobody sees fills the memory
    "spark.ui.retainedJobs": "1",
    "spark.ui.retainedStages": "1",
    "spark.ui.retainedTasks": "1",
    "spark.sql.ui.retainedExecutions": "1",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    # by which others of this process know whose it is
    "spark.driftline.started": "true",
}
# What a message says when executors or the driver are gone: no statement will do better.
_LOST: Final = re.compile(
    "ExecutorLostFailure|executor lost|SparkContext was shut down|stopped SparkContext|has been stopped"
    "|All masters are unresponsive|Master removed our application|Connection refused|UNAVAILABLE"
    "|failed to connect to all addresses|INVALID_HANDLE|SESSION_NOT_FOUND|SESSION_CLOSED|Socket closed"
    "|Answer from Java side is empty|FetchFailed|RETRIES_EXCEEDED",
    re.IGNORECASE,
)
_WORD: Final = re.compile(r"[^A-Za-z0-9]+")
# How often a server that does not answer is asked again.
_RETRIES: Final = 4


class Spark(SparkSQL):
    """A session of Apache Spark.

    It counts in the cluster, and only counts come back, as Arrow. A Spark that is open in this process is
    shared, by a session of its own.
    """

    dialect: ClassVar = "spark"
    name: ClassVar = "Spark"

    def __init__(self, options: Mapping[str, object], *, given: Any = None) -> None:
        """Open a session.

        Args:
            options: Keys of a `connection` of type spark.
            given: An open session to use instead; it is left as it was found.

        Raises:
            WarehouseError: When PySpark or Java is missing, or Spark cannot be reached or refuses.
        """
        self._options = options
        self._secrets = _secrets(options)
        self._views: dict[tuple[str, ...], str] = {}
        self._before: dict[str, str | None] = {}
        self._close: Callable[[], object] = lambda: None
        self._errors = _driver()
        self._session: Any = given
        self._given = given is not None
        if given is None:
            self._session, self._close = self._opened()
        try:
            with _quiet():
                self._set_up()
        except self._errors as error:
            refused = self._refused(error, "")
            self.close()
            raise self._unreachable(refused.message.partition(": ")[2]) from error
        except BaseException:
            self.close()
            raise

    @classmethod
    def of(cls, session: Any) -> Spark:
        """A session over one that is open, classic or Connect; it stays open, its settings as they are.

        Its temporary views are seen, too.

        Raises:
            WarehouseError: When it is stopped.
        """
        return cls({}, given=session)

    def _opened(self) -> tuple[Any, Callable[[], object]]:
        """A session, and what closes it."""
        remote = self._options.get("remote")
        if remote is None and "master" not in self._options:
            remote = os.environ.get("SPARK_REMOTE")
        try:
            if remote is not None:
                return _remote(str(remote))
            # it starts for seconds, and Ctrl-C is to be heard
            return stoppable(partial(_classic, self._options), lambda: None)
        except self._errors as error:
            raise self._unreachable(self._said(error)[1]) from error

    def _unreachable(self, said: str) -> WarehouseError:
        return WarehouseError(
            f"cannot connect to Spark: {said}",
            hint="check the keys of connection: master or remote, conf, catalog, schema",
        )

    def _set_up(self) -> None:
        """Make the session answer as it should; what it answered before is remembered."""
        conf = self._session.conf
        own = self._options.get("conf") or {}
        assert isinstance(own, Mapping)
        for name, value in {**_SETTINGS, **own}.items():
            before = conf.get(name, None)
            if before == written(value):
                continue
            # a server may keep some settings to itself; those of the start are no longer to be had
            needed = name in list(_SETTINGS)[:2] or (name in own and not self._is_classic)
            with suppress(*(() if needed else self._errors)):
                conf.set(name, written(value))
                self._before[name] = before
        for key in ("catalog", "schema"):
            if key in self._options:
                name = in_schema(str(self._options[key]), None, self.dialect)
                self.execute(f"use {key} {name}" if key == "catalog" else f"use {name}")

    @property
    def _is_classic(self) -> bool:
        return hasattr(self._session, "_jsparkSession")

    def _place(self) -> str:
        if self._is_classic:
            return f"Spark at {self._session.sparkContext.master}"
        remote = str(self._options.get("remote") or os.environ.get("SPARK_REMOTE") or "")
        return f"Spark Connect at {remote.partition(';')[0] or 'an open session'}"

    def about(self) -> About:
        return self._asked(
            lambda: About(
                self._session.version,
                self._session.conf.get("spark.sql.session.timeZone"),
                self._place(),
            )
        )

    def _types(self, relation: str) -> list[tuple[str, str]]:
        def described() -> list[tuple[str, str]]:
            schema = self._session.sql(f"select * from {relation}").schema
            return [(field.name, field.dataType.simpleString()) for field in schema.fields]

        return self._asked(described)

    def _files(self, source: Source, name: str, options: Mapping[str, str]) -> str:
        # a view lists them once; by its path, each branch of a statement would
        if source.files not in self._views:
            view = f"driftline_{uuid.uuid4().hex[:8]}_{_WORD.sub('_', Path(source.files[0]).stem)}"

            def read() -> None:
                reader = self._session.read.format(name).options(**options)
                reader.load(list(source.files)).createOrReplaceTempView(view)

            self._asked(read)
            self._views[source.files] = view
        return self._views[source.files]

    def fingerprint(self, source: Source) -> str | None:
        if not source.files:
            return None

        def listed() -> pa.Table:
            reader = self._session.read.format("binaryFile").option("recursiveFileLookup", "true")
            files = reader.load(list(source.files))
            return files.select("path", "length", "modificationTime").toArrow()

        try:
            found = self._asked(listed).to_pylist()
        except StatementError:
            return None
        if not found:
            return None
        # a project that is moved with its files has the same ones
        top = os.path.commonpath([row["path"].rpartition("/")[0] for row in found])
        told = sorted(
            f"{row['path'].removeprefix(top)} {row['length']} {row['modificationTime'].isoformat()}"
            for row in found
        )
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]

    def fetch(self, sql: str) -> pa.Table:
        return self._asked(lambda: self._session.sql(sql).toArrow(), sql)

    def execute(self, sql: str) -> None:
        self._asked(lambda: self._session.sql(sql), sql)

    def put(self, name: str, rows: pa.Table, types: Mapping[str, str]) -> None:
        """Let statements of the session find rows by a name.

        Args:
            name: The name.
            rows: The rows.
            types: Of each of their columns.

        Raises:
            WarehouseError: When Spark refuses them, or is gone.
        """
        said = ", ".join(f"{column} {types[column]}" for column in rows.column_names)

        def put() -> None:
            self._session.createDataFrame(rows, said).createOrReplaceTempView(name)

        self._asked(put)

    def setting(self, name: str) -> str | None:
        """A setting of the session, or of the Spark that it is one of; None where it has none."""
        found = self._asked(lambda: self._session.conf.get(name, None))
        return None if found is None else str(found)

    def close(self) -> None:
        with suppress(*self._errors):
            for view in self._views.values():
                self._session.catalog.dropTempView(view)
            if self._given:
                for name, value in self._before.items():
                    if value is None:
                        self._session.conf.unset(name)
                    else:
                        self._session.conf.set(name, value)
        self._views, self._before = {}, {}
        with suppress(*self._errors):
            self._close()

    def _forget(self) -> None:
        """Ask nothing more of a session that is gone: a server would be waited for."""
        self._views, self._before = {}, {}
        if not self._given and not self._is_classic:
            self._close = self._session.client.close

    def _asked(self, ask: Callable[[], Answer], sql: str = "") -> Answer:
        """What Spark answers; Ctrl-C and the time limit cancel its jobs.

        Raises:
            StatementError: When it refuses.
            WarehouseError: When it is gone.
        """
        tag = f"driftline-{uuid.uuid4().hex}"
        put, remove, cancel = self._tags()

        def tagged() -> Answer:
            # tags are those of a thread
            put(tag)
            try:
                with _quiet():
                    return ask()
            finally:
                with suppress(*self._errors):
                    remove(tag)

        limit = self._options.get("statement_timeout")
        try:
            return stoppable(
                tagged,
                lambda: cancel(tag),
                seconds=None if limit is None else float(str(limit)),
            )
        except TimeoutError as error:
            raise StatementError(
                f"Spark refused a statement: it took longer than {limit} s, and was cancelled",
                sql=sql,
                hint="raise connection.statement_timeout, or look at a shorter window",
            ) from error
        except self._errors as error:
            raise self._refused(error, sql) from error

    def _tags(self) -> tuple[Callable[[str], object], ...]:
        """What puts a tag on the jobs of a thread, removes it, and cancels jobs by it from any thread."""
        if self._is_classic:
            # those of the session are known to the thread alone that put them
            context = self._session.sparkContext
            return context.addJobTag, context.removeJobTag, context.cancelJobsWithTag
        return self._session.addTag, self._session.removeTag, self._session.interruptTag

    def _refused(self, error: BaseException, sql: str) -> WarehouseError:
        condition, said = self._said(error)
        if _LOST.search(str(error)) or not self._answers():
            self._forget()
            return lost(self.name, said, sql)
        return StatementError(
            f"Spark refused a statement: {said}", sql=sql, hint=hint_for(condition)
        )

    def _answers(self) -> bool:
        """Whether the session still does."""
        try:
            self._session.conf.get("spark.sql.session.timeZone")
        except self._errors:
            return False
        return True

    def _said(self, error: BaseException) -> tuple[str | None, str]:
        """The condition and what was said, in one line, without secrets."""
        condition, said = one_line(_root(error))
        return condition, mask(said or type(error).__name__, self._secrets)


# What SHOW TABLE EXTENDED tells of a table: its kind, and a column a line.
_KIND: Final = re.compile(r"^Type: VIEW$", re.MULTILINE)
_COLUMN: Final = re.compile(r"^ \|-- (.*?): ", re.MULTILINE)
_TAKEN: Final = "_taken"
# Writes that are done before their marks, and what nobody sees, are cleared away: each write is a file or
# more of each table, and none of them is too many to be read.
_MANY: Final = 40


class SparkKeeper(MarkingKeeper):
    """Result tables in a schema of a Spark's catalog: Parquet files, which are added and never changed.

    Rows of a write are a partition of their table. Once there are many, what is seen is written anew as
    the rows of one, and the partitions that nobody sees are dropped.
    """

    dialect: ClassVar = "spark"

    def __init__(self, options: Mapping[str, object], schema: str) -> None:
        super().__init__(options, schema)
        self._is_used = False
        # rows that a write takes away and that are not marked yet, each with the statement that found them
        self._taken: list[tuple[str, pa.Table]] = []

    def _open(self, options: Mapping[str, object]) -> Spark:
        session = Spark(options)
        try:
            _refuse_memory(session, options)
        except BaseException:
            session.close()
            raise
        return session

    def _is_there(self) -> bool:
        found = self._session.fetch("show schemas").column(0).to_pylist()
        return self._schema.lower() in {str(each).strip("`").lower() for each in found}

    def begin(self, *, writes: bool, wait_seconds: float, tag: str) -> None:
        self._taken.clear()
        super().begin(writes=writes, wait_seconds=wait_seconds, tag=tag)
        if self._is_used:
            # sessions remember which files there were
            for name in {WRITES, GONE, *map(kept_in, KEPT)} & {*self.relations()}:
                self._run(f"refresh table {name}")
        self._is_used = True

    def _listed(self) -> list[tuple[str, Literal["table", "view"], Sequence[str]]]:
        if not self._is_inside:
            return []
        place = self._placed(None)
        told = self._session.fetch(f"show table extended in {place} like '*'").to_pylist()
        return [
            (
                row["tableName"],
                "view" if _KIND.search(row["information"]) else "table",
                _COLUMN.findall(row["information"]),
            )
            for row in told
            if not row["isTemporary"]
        ]

    def _answer(self, sql: str) -> pa.Table:
        return self._session.fetch(sql)

    def land(self, table: str, rows: pa.Table) -> str:
        types = {each.name: column_type(each.type, self.dialect) for each in SPECS[table].columns}
        self._session.put(LANDED, rows, types)
        return LANDED

    def lift(self, name: str) -> None:
        # it is of the session alone, and the next one takes its place
        pass

    def execute(self, sql: str) -> None:
        for each in self._marked(sql):
            head, _, query = each.partition("\n")
            if head.startswith(f"INSERT INTO {GONE} "):
                # each INSERT is a file: those of a write are put together
                self._taken.append((each, self._answer(self._tag + query)))
            else:
                self._mark_for(each)
                self._run(each)

    def fetch(self, sql: str) -> pa.Table:
        (text,) = self._marked(sql)
        self._mark_for(text)
        return self._answer(self._tag + text)

    def _finish(self) -> None:
        self._mark()
        super()._finish()

    def _mark_for(self, sql: str) -> None:
        """Mark rows before a statement that would see them."""
        names = {name for name in KEPT if any(kept_in(name) in each for each, _ in self._taken)}
        if GONE in sql and any(kept_in(name) in sql for name in names):
            self._mark()

    def _mark(self) -> None:
        import pyarrow as pa

        rows = [rows.rename_columns(["row", "write"]) for _, rows in self._taken if rows.num_rows]
        self._taken.clear()
        if rows:
            self._session.put(_TAKEN, pa.concat_tables(rows), {"row": "string", "write": "bigint"})
            self._run(f"INSERT INTO {GONE} (row, write) SELECT row, write FROM {_TAKEN}")

    def _is_due(self, done: Sequence[int]) -> bool:
        return len(done) >= _MANY

    def _clear(self, name: str, lost: Sequence[int], gone: Sequence[int]) -> None:
        # of the others some rows are seen
        del gone
        for write in lost:
            self._drop(kept_in(name), "_write", write)

    def _settle(self, found: Sequence[Mapping[str, Any]], done: Sequence[int]) -> None:
        kept = [row for row in found if row["write"] in done]
        unseen = [row for row in kept if row["n"] == row["gone"]]
        for row in unseen:
            self._drop(kept_in(row["name"]), "_write", row["write"])
        seen = [row for row in kept if row["n"] > row["gone"]]
        if all(row["write"] == done[-1] for row in seen):
            for write in done[:-1]:
                self._drop(GONE, "write", write)
                self._drop(WRITES, "write", write)
            return
        # as a part of the write that begins: the table shows what was there before
        for name in sorted({row["name"] for row in seen}):
            columns = ", ".join(self._columns(name))
            self.execute(f"DELETE FROM {name}")
            self.execute(f"INSERT INTO {name} ({columns}) SELECT {columns} FROM {name}")

    def _drop(self, table: str, column: str, write: int) -> None:
        try:
            self._run(f"ALTER TABLE {table} DROP IF EXISTS PARTITION ({column} = {write})")
        except StatementError:
            # Delta and Iceberg delete rows instead
            self._run(f"DELETE FROM {table} WHERE {column} = {write}")


def _refuse_memory(session: Spark, options: Mapping[str, object]) -> None:
    """Refuse a catalog that is gone when a Spark ends that was started for a run.

    Raises:
        WarehouseError: When it is one.
    """
    started = session.setting("spark.driftline.started") == "true"
    kind = session.setting("spark.sql.catalogImplementation")
    if started and kind == "in-memory" and options.get("catalog") in (None, "spark_catalog"):
        raise WarehouseError(
            "this Spark keeps its catalog in memory, and tables of it would be lost when the run ends",
            hint="give it a metastore, as in connection.conf: {spark.sql.catalogImplementation: hive},"
            " or another catalog by connection.catalog",
        )


def _root(error: BaseException) -> str:
    """What an error says: of a Java one, the message of the first cause that has its own."""
    java = getattr(error, "java_exception", None)
    if java is None:
        # of a server's, without what the transport adds
        told = re.search(r'details = "(.*?)(?:; last error: .*)?"', str(error))
        return str(error) if told is None else told[1]
    text = str(java.toString())
    # a job that failed tells why behind the stages and tasks that did
    reason = re.search(r"(?:Reason: |\): )(.+?)(?:\n|$)", text)
    if "Job aborted" in text and reason is not None:
        return reason[1]
    return re.sub(r"^[\w.$]+(?:Exception|Error): ", "", text)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep from the terminal what becomes an error of ours, and advice on what is not used."""
    logger = logging.getLogger("SQLQueryContextLogger")
    before, logger.disabled = logger.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before


def _driver() -> tuple[type[BaseException], ...]:
    """What PySpark raises.

    Raises:
        WarehouseError: When it is not installed.
    """
    try:
        with _quiet():
            from pyspark.errors import PySparkException
    except ImportError:
        raise lacking("spark", "pyspark") from None
    kinds: list[type[BaseException]] = [PySparkException, ConnectionError, EOFError]
    with suppress(ImportError):
        from py4j.protocol import Py4JError

        kinds.append(Py4JError)
    with suppress(ImportError):
        from grpc import RpcError

        kinds.append(RpcError)
    return tuple(kinds)


def _remote(address: str) -> tuple[Any, Callable[[], object]]:
    """A session of a Connect server."""
    from pyspark.errors import PySparkImportError

    try:
        with _quiet():
            from pyspark.sql.connect.client.retries import DefaultPolicy
            from pyspark.sql.connect.session import SparkSession
    except (ImportError, PySparkImportError) as error:
        raise WarehouseError(
            f"Spark Connect needs more packages than are installed: {one_line(str(error))[1]}",
            hint="pip install 'driftline[spark]'",
        ) from error
    session = SparkSession(connection=address)
    # a server that is gone is told of in seconds, not in ten minutes
    policy = DefaultPolicy(max_retries=_RETRIES, initial_backoff=200, max_backoff=4_000)
    session.client.set_retry_policies([policy])
    return session, session.stop


def _classic(options: Mapping[str, object]) -> tuple[Any, Callable[[], object]]:
    """A session in this process: of the Spark that runs here, else of one that is started."""
    with _quiet():
        try:
            from pyspark import SparkConf, SparkContext
            from pyspark.sql import SparkSession
        except ImportError as error:
            raise WarehouseError(
                "a connection of type spark with a master needs all of pyspark, and only its client is"
                " installed",
                hint="pip install 'driftline[spark]', or give connection.remote",
            ) from error
        running = SparkContext._active_spark_context
        if running is not None:
            return SparkSession(running).newSession(), lambda: None
        told = options.get("conf") or {}
        assert isinstance(told, Mapping)
        conf = SparkConf().setAppName(str(options.get("app_name", "driftline")))
        if "master" in options:
            conf.setMaster(str(options["master"]))
        conf.setAll([(name, written(value)) for name, value in {**_STARTED, **told}.items()])
        with tempfile.TemporaryFile() as log:
            context = SparkContext(conf=conf, gateway=_gateway(conf, log))
        session = SparkSession(context)
        return session, context.stop


def _gateway(conf: Any, log: IO[bytes]) -> Any:
    """A Java process for Spark, whose chatter is kept from the terminal; None where there is one."""
    from pyspark import SparkContext
    from pyspark.errors import PySparkException
    from pyspark.java_gateway import launch_gateway

    if SparkContext._gateway is not None:
        return None
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java" if home is None else str(Path(home) / "bin" / "java")) is None:
        raise WarehouseError(
            "Spark needs Java 17 or newer, and there is "
            + ("none" if home is None else f"none in JAVA_HOME={home}"),
            hint="install one (Debian, Ubuntu: apt-get install default-jre-headless) and set JAVA_HOME,"
            " or give connection.remote, a server's address",
        )
    try:
        return launch_gateway(conf, {"stderr": log})
    except PySparkException as error:
        log.seek(0)
        lines = [line.strip() for line in log.read().decode(errors="replace").splitlines()]
        telling = [line for line in lines if re.search("Error|Exception|version", line)]
        said = (telling or lines or [str(error)])[0]
        raise WarehouseError(
            f"Spark did not start: {said}", hint="Spark needs Java 17 or newer: check JAVA_HOME"
        ) from error


def _secrets(options: Mapping[str, object]) -> frozenset[str]:
    """Texts that no message may hold."""
    conf = options.get("conf") or {}
    assert isinstance(conf, Mapping)
    told = {str(value) for name, value in conf.items() if sensitive(str(name))}
    return frozenset(told | passwords(str(options.get("remote", ""))))
